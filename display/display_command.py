"""`zpscope display`: the display process, as systemd or `zpscope run` starts it."""

import argparse

from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event
from zpscope.display.display_process import run_display

HELP = "show the running count on a web page, and with --terminal in this terminal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)
    parser.add_argument("--terminal", action="store_true", help="show the figures in this terminal too")


def run(arguments: argparse.Namespace) -> int:
    """Show until SIGTERM."""
    start_log("display")
    stop = stop_event()
    run_display(settings_of(arguments), stop, terminal=arguments.terminal)
    return 0
