"""`zpscope calibrate`: the scale from a picture of a stage micrometer."""

import argparse
import sys
import time
from math import inf
from pathlib import Path

from zpscope.config.errors import PictureRefused, SettingsError
from zpscope.daemon.calibration import Calibration, add_calibration
from zpscope.imaging.micrometer import line_spacing
from zpscope.imaging.picture import read_grey

HELP = "measure µm/px in a picture of a stage micrometer, and keep it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "picture", type=Path, metavar="PICTURE", help="a field full of the micrometer's lines"
    )
    parser.add_argument("--line-um", type=float, required=True, metavar="X", help="between two lines, µm")
    parser.add_argument(
        "--objective", required=True, help="as in optics.objective, for example '100x/1.30 oil'"
    )
    parser.add_argument("--camera-serial", required=True, help="the camera's serial number, or its name")
    parser.add_argument("--adapter", default="", help="as in optics.adapter, for example 0.63x")
    parser.add_argument(
        "--file",
        type=Path,
        default=Path("calibrations.json"),
        help="where it is kept, as in optics.calibrations (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, keep, and print what to set."""
    if not 0 < arguments.line_um < inf:
        msg = f"--line-um {arguments.line_um} will not do: give the distance between two lines, in µm, such as 10"
        raise SettingsError(msg)
    try:
        spacing = line_spacing(read_grey(arguments.picture))
    except PictureRefused as error:
        named = str(error) if str(arguments.picture) in str(error) else f"{arguments.picture}: {error}"
        raise PictureRefused(named) from error
    um_per_px = arguments.line_um / spacing.px
    unsure = um_per_px * spacing.error_px / spacing.px
    calibration = Calibration(
        camera_serial=arguments.camera_serial,
        objective=arguments.objective,
        adapter=arguments.adapter,
        um_per_px=um_per_px,
        error_um_per_px=unsure,
        line_um=arguments.line_um,
        lines=spacing.lines,
        picture=arguments.picture.name,
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    add_calibration(arguments.file, calibration)
    sys.stdout.write(
        f"{spacing.lines} lines, {spacing.px:.3f} px apart: {um_per_px:.6f} µm/px, 95 % within {unsure:.6f} "
        f"({100 * unsure / um_per_px:.3f} %)\nkept in {arguments.file}; set camera.um_per_px = {um_per_px:.6f}\n"
    )
    return 0
