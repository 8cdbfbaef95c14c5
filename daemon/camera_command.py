"""`zpscope camera`: the camera process, as systemd or `zpscope run` starts it."""

import argparse
import logging

from zpscope.daemon.camera_process import CameraProcess, LastWarning
from zpscope.daemon.journal import Journal, journal_path
from zpscope.daemon.metrics import CameraCollector, process_registry, serve_metrics
from zpscope.daemon.notify import notify
from zpscope.daemon.process import add_settings_arguments, settings_of, start_log, stop_event
from zpscope.drivers.open_camera import open_camera

HELP = "grab exposures and hand them to the inference process"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_settings_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM; raise CameraLost when the camera is gone."""
    start_log("camera")
    stop = stop_event()
    settings = settings_of(arguments)
    problems = LastWarning()
    logging.getLogger().addHandler(problems)
    with Journal(journal_path(settings.store.path)) as journal:
        camera = open_camera(settings.camera, settings.wire.delivery, settings.wire.retain_frames)
        process = CameraProcess(settings, camera, journal, problems)
        registry = process_registry()
        registry.register(CameraCollector(process.message))
        with serve_metrics(settings.metrics.host, settings.metrics.camera_port, registry):
            process.run(stop, lambda: notify("READY=1"))
            notify("STOPPING=1")
    return 0
