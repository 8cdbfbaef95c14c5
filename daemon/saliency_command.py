"""`zpscope saliency`: where in one stored head the classifier looked, as a picture beside its crop."""

import argparse
from importlib import util
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused, ModelRefused
from zpscope.config.settings import Settings
from zpscope.daemon.process import add_settings_arguments, settings_of
from zpscope.daemon.store import read_store
from zpscope.engines.bundle import Bundle, open_bundle
from zpscope.engines.occlusion import occlusion_map
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

HELP = "show where in one stored head the classifier looked"
_TIMES = 4
"""The crop is shown so many times as large."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)
    parser.add_argument("slide", help="the slide, as the store names it")
    parser.add_argument("field", type=int, help="number of the field")
    parser.add_argument("head", type=int, help="number of the object in it, from 1")
    parser.add_argument(
        "--by",
        choices=("gradient", "occlusion"),
        help="gradient of the class score, which needs torch, or what covering a part changes, on any engine "
        "(default: gradient where torch is installed)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="the picture to write")


def run(arguments: argparse.Namespace) -> int:
    """Write the picture."""
    settings = settings_of(arguments)
    crop = _crop(settings.store.path, arguments.slide, arguments.field, arguments.head)
    bundle = open_bundle(settings.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    torch_is_there = util.find_spec("torch") is not None
    by = arguments.by or ("gradient" if torch_is_there else "occlusion")
    if by == "gradient" and not torch_is_there:
        msg = "--by gradient needs torch: pip install 'zpscope[cuda]', or take --by occlusion"
        raise ModelRefused(msg)
    found = _gradient(bundle, crop) if by == "gradient" else _occlusion(settings, bundle, crop)
    if not cv2.imwrite(str(arguments.out), beside(crop, found)):
        msg = f"{arguments.out} cannot be written: give a place that this user may write, ending in .png"
        raise CommandRefused(msg)
    return 0


def beside(crop: NDArray[np.uint8], found: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a crop (128, 128) and its map (128, 128) side by side, (H, W, 3) BGR."""
    size = np.abs(found)
    level = np.asarray(255 * size / (size.max() or 1.0), np.uint8)
    heat = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    pair = np.hstack([cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR), heat])
    large = cv2.resize(pair, None, fx=_TIMES, fy=_TIMES, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)


def _crop(path: Path, slide: str, field: int, head: int) -> NDArray[np.uint8]:
    with read_store(path) as store:
        rows = store.rows(
            "SELECT crop FROM head JOIN field ON field.id = head.field "
            "WHERE field.slide = ? AND field.number = ? AND head.number = ? AND crop IS NOT NULL",
            slide,
            field,
            head,
        )
    if len(rows) != 1:
        msg = f"{path} has no classified head {head} in field {field} of slide {slide}: see the report for the numbers"
        raise CommandRefused(msg)
    return np.asarray(cv2.imdecode(np.frombuffer(rows[0][0], np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _gradient(bundle: Bundle, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    from zpscope.engines.torch_network import open_exact, saliency

    return saliency(open_exact(bundle), crop)


def _occlusion(settings: Settings, bundle: Bundle, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    with open_engine(settings.classifier, bundle) as engine:
        return occlusion_map(engine.classify, crop)
