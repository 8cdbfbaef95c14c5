"""What Prometheus scrapes is what it expects, and names nobody."""

import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.system.scope import Scope, until

RECEIVED = re.compile(r"^zpscope_display_states_received_total [1-9]", re.MULTILINE)


def exposition(port: int) -> str:
    """Return what a process exposes."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        text: str = reply.read().decode()
    return text


def received(port: int) -> bool:
    """Return whether a display process says that it got a state; it may not listen yet."""
    try:
        return RECEIVED.search(exposition(port)) is not None
    except URLError as error:
        if not isinstance(error.reason, ConnectionRefusedError):
            raise
        return False


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_finds_nothing_to_say_and_no_sample_is_named(tmp_path: Path) -> None:
    small = ["camera.width_px=512", "camera.height_px=384", "camera.fields=20", "camera.pace_hz=1000"]
    with Scope("demo", small, tmp_path) as scope:
        scope.start("camera", "inference", "display")
        scope.scan("XQZW-7731")
        summary = scope.finish()
        until(lambda: scope.metrics()["zpscope_fields_scored_total"] == summary.scored, "the last field")
        metrics = scope.settings.metrics
        until(lambda: received(metrics.display_port), "a state in the display process")
        ports = (metrics.camera_port, metrics.inference_port, metrics.display_port)
        texts = [exposition(port) for port in ports]
    for text in texts:
        linted = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")
        assert "XQZW" not in text
        assert summary.sample not in text
