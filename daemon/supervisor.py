"""Processes side by side in one terminal: started together, restarted when they crash, ended together.

For `zpscope run` and `zpscope demo`. On a lab PC systemd does this; see `systemd/`.
"""

import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from zpscope.config.errors import ProcessFailed
from zpscope.daemon.process import SUPERVISOR_VARIABLE

_log = logging.getLogger(__name__)

END_S = 3.0
"""A process that has not ended so long after SIGTERM is killed."""
RESTARTS = 5
WITHIN_S = 60.0
"""A process that crashes more often than RESTARTS in this time is not started again."""


class _Child:
    """One process and its restarts."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path | None) -> None:
        self._name = name
        self._arguments = arguments
        self._log = log
        self._crashes: deque[float] = deque()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "zpscope.daemon", self._name, *self._arguments]
        environment = os.environ | {SUPERVISOR_VARIABLE: str(os.getpid())}
        if self._log is None:
            return subprocess.Popen(command, env=environment, start_new_session=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(command, env=environment, start_new_session=True, stderr=log)

    def check(self) -> None:
        """Start it again if it crashed; raise ProcessFailed if that does not help."""
        status = self._process.poll()
        if status is None:
            return
        now_s = time.monotonic()
        while self._crashes and now_s - self._crashes[0] > WITHIN_S:
            self._crashes.popleft()
        self._crashes.append(now_s)
        if status == 2 or len(self._crashes) > RESTARTS:
            raise ProcessFailed(self._last_words(status))
        _log.warning("the %s process ended with status %d and is started again", self._name, status)
        self._process = self._start()

    def _last_words(self, status: int) -> str:
        msg = f"the {self._name} process ended with status {status}"
        if self._log is None:
            return msg
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line]
        return "\n".join([*lines[-3:], msg])

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def reap(self, deadline_s: float) -> None:
        """Wait for its end, and kill it if it takes too long."""
        try:
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Supervisor:
    """The processes named, each with its arguments; leaving the `with` ends them all.

    Their logs go to files in `logs` if given, else to this process's stderr.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], logs: Path | None) -> None:
        self._commands = commands
        self._logs = logs
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        try:
            for name, arguments in self._commands.items():
                log = self._logs / f"{name}.log" if self._logs else None
                self._children.append(_Child(name, arguments, log))
        except BaseException:
            self.__exit__()
            raise
        return self

    def check(self) -> None:
        """Start again what has crashed; raise ProcessFailed if that does not help."""
        for child in self._children:
            child.check()

    def __exit__(self, *exc: object) -> None:
        for child in self._children:
            child.terminate()
        deadline_s = time.monotonic() + END_S
        for child in self._children:
            child.reap(deadline_s)
