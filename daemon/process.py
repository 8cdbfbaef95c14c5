"""What every process of zpscope does alike: its options, its log, its end on a signal."""

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from types import FrameType

from pydantic import TypeAdapter, ValidationError

from zpscope.config.errors import SettingsError
from zpscope.config.load import load_settings, profiles
from zpscope.config.model import UmPerPx
from zpscope.config.settings import Settings

SUPERVISOR_VARIABLE = "ZPSCOPE_SUPERVISOR"
"""Set in the environment of the processes that `zpscope run` starts: they end with it."""
_PR_SET_PDEATHSIG = 1


def add_settings_arguments(parser: argparse.ArgumentParser, profile: str | None = None) -> None:
    """Add `-c` and `--set`; without a profile to fall back on, `-c` must be given."""
    names = ", ".join(profiles())
    parser.add_argument(
        "-c",
        "--config",
        required=profile is None,
        default=profile,
        metavar="PROFILE|FILE",
        help=f"settings: a shipped profile ({names}) or a TOML file"
        + (f" (default: {profile})" if profile else ""),
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example --set display.port=9000; may be repeated",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the arguments name; raise SettingsError with every error in them."""
    return load_settings(arguments.config, arguments.overrides)


def add_scale_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--um-per-px`."""
    parser.add_argument(
        "--um-per-px",
        type=float,
        metavar="X",
        help="scale of the pictures, µm/px (default: what the files state)",
    )


def add_reference_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--reference`."""
    parser.add_argument(
        "--reference",
        default="built-in",
        metavar="FILE",
        help="colour reference that `zpscope reference` wrote (default: %(default)s)",
    )


def scale_of(arguments: argparse.Namespace) -> float | None:
    """Return the scale that the arguments give, in µm/px, if any; raise SettingsError if no picture can have it."""
    try:
        return TypeAdapter[float | None](UmPerPx | None).validate_python(arguments.um_per_px)
    except ValidationError as error:
        msg = f"--um-per-px {arguments.um_per_px} will not do: give the scale of the pictures, 0.02 to 0.2 µm per pixel"
        raise SettingsError(msg) from error


def start_log(name: str) -> None:
    """Log to stderr, one line an entry, as systemd and a terminal like it."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s zpscope-{name} %(levelname)s: %(message)s"
    )


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; a process that `zpscope run` started also ends with it."""
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(supervisor):  # it died before the line above
            stop.set()
    return stop
