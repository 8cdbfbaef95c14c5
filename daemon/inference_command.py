"""`zpscope inference`: the inference process, as systemd or `zpscope run` starts it.

It says that it starts before it loads what it needs, which takes longer than reading the settings.
"""

import argparse
import importlib

from zpscope.daemon.notify import tell_start
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event

HELP = "find, classify and commit heads; tell the displays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    start_log("inference")
    stop = stop_event()
    settings = settings_of(arguments)
    tell_start(
        f"building: the classifier ({settings.classifier.runtime}) is loaded from {settings.classifier.bundle}"
    )
    importlib.import_module("zpscope.daemon.inference_service").serve(settings, stop)
    return 0
