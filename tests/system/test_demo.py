"""`zpscope demo` ends by itself with the truth beside the count, and at Ctrl-C at any moment."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.system.scope import port_overrides, until

AS_FROM_A_TERMINAL = (
    "import runpy, signal, zpscope.daemon.command; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "print('begun', flush=True); runpy.run_module('zpscope.daemon', run_name='__main__', alter_sys=True)"
)
"""As `python -m zpscope.daemon`, and it hears Ctrl-C, to which a shell, and so perhaps these tests, makes its
background jobs deaf. It says when it has begun: before that, Ctrl-C meets Python itself."""


def demo(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a demo whose temporary files lie in a folder of their own, as a terminal would start it."""
    overrides = [word for override in port_overrides() for word in ("--set", override)]
    process = subprocess.Popen(
        [sys.executable, "-c", AS_FROM_A_TERMINAL, "demo", *words, *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_demo_prints_one_json_object_with_the_truth(tmp_path: Path) -> None:
    with demo(tmp_path, "--fields", "60", "--json", "-") as process:
        output, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    result = json.loads(output)
    fates = (
        result["scored"]
        + sum(result["skipped"].values())
        + sum(result["lost"].values())
        + result["in_flight"]
    )
    assert result["captured"] == 60 == fates
    assert (result["lost"], result["in_flight"], result["state"]) == ({}, 0, "complete")
    assert result["sample"]
    assert result["model"]["demonstration"] is True
    assert result["simulated"] is True
    assert result["notice"] == "For Research Use Only. Not for use in diagnostic procedures."
    truth = result["truth"]
    assert abs(result["n"] - truth["n"]) <= 0.05 * truth["n"], "heads were missed or counted twice"
    assert abs(result["k"] / result["n"] - truth["k"] / truth["n"]) <= 0.05
    assert result["n"] >= 100, "so many that it lies on a side"
    assert (result["verdict"]["state"], result["position"]) == ("invalid", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.0, 2.0, 4.0, 7.0])
def test_ctrl_c_ends_everything_and_leaves_nothing(tmp_path: Path, after_s: float) -> None:
    with demo(tmp_path, "--fields", "5000") as process:
        started_s = time.monotonic()
        children: set[psutil.Process] = set()
        until(lambda: time.monotonic() - started_s >= after_s, "the moment")
        if process.poll() is None:
            children = set(psutil.Process(process.pid).children(recursive=True))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=5)
    assert process.returncode in (130, -signal.SIGINT), errors
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert list(tmp_path.iterdir()) == []


def test_processes_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    with demo(tmp_path, "--fields", "5000") as process:
        parent = psutil.Process(process.pid)
        until(lambda: len(parent.children()) == 3, "three processes")
        children = parent.children()
        until(lambda: all(child.num_threads() > 1 for child in children), "processes at work")
        process.kill()
        process.communicate()
    until(
        lambda: not any(child.is_running() and child.status() != "zombie" for child in children),
        "their end",
        10,
    )
