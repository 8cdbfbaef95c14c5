"""The engine on its way from start to service: entered in a thread, while the process tells how far it is.

Compiling a model for a GPU takes minutes; a process that says nothing meanwhile looks dead. Knows no socket.
"""

import threading
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from zpscope.engines.engine import Engine, Stage


class Loading:
    """How far the engine is; its thread tells, the process looks."""

    def __init__(self) -> None:
        self._told: tuple[Stage, float] = ("building", 0.0)
        self._entered: Future[Engine] | None = None
        self._given_up = threading.Event()

    @property
    def told(self) -> tuple[Stage, float]:
        """The stage, and the share of it that is done."""
        return self._told

    @property
    def words(self) -> str:
        """The stage for people: `building 40 %`."""
        stage, share = self._told
        return f"{stage} {share:.0%}".replace("%", " %") if share and stage != "ready" else stage

    def tell(self, stage: Stage, share: float) -> bool:
        """Note how far the engine is; return whether it is still wanted."""
        self._told = (stage, share)
        return not self._given_up.is_set()

    @contextmanager
    def entering(self, engine: Engine) -> Generator[None, None, None]:
        """Begin to enter the engine; at the end of the `with` it is left again."""
        with ThreadPoolExecutor(1, thread_name_prefix="loading") as pool:
            self._entered = pool.submit(engine.__enter__)
            try:
                yield
            finally:
                self._given_up.set()
                if self._entered.exception() is None:
                    engine.__exit__()

    def done(self, patience_s: float) -> bool:
        """Return whether the engine serves, now or in time; raise what kept it from that."""
        if self._entered is None:
            msg = "the engine is not being entered"
            raise RuntimeError(msg)
        if not wait([self._entered], patience_s).done:
            return False
        self._entered.result()
        self._told = ("ready", 1.0)
        return True
