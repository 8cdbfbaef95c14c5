"""The overview as a display gets it: the whole slide so far, the same after the inference process was killed."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.system.scope import Scope, until
from zpscope.daemon import wire
from zpscope.daemon.overview import overview_of
from zpscope.daemon.sockets import Subscriber
from zpscope.daemon.store import read_store

FIELDS = 30
SHORT = ["camera.width_px=512", "camera.height_px=384", f"camera.fields={FIELDS}", "camera.pace_hz=1000"]


def shown(scope: Scope, fields: int) -> tuple[wire.OverviewMessage, NDArray[np.uint8]]:
    """Return the overview of so many fields as a display that comes now gets it."""

    def look() -> tuple[wire.OverviewMessage, NDArray[np.uint8]] | None:
        parts = overviews.receive(0.5)
        if parts is None:
            return None
        message = wire.decode(wire.OverviewMessage, parts)
        picture = cv2.imdecode(np.frombuffer(parts[2], np.uint8), cv2.IMREAD_UNCHANGED)
        return (message, np.asarray(picture, np.uint8)) if message.painted >= fields else None

    with Subscriber(scope.settings.wire.state, [wire.OverviewMessage.topic]) as overviews:
        return until(look, f"an overview of {fields} fields")


def test_the_overview_survives_a_kill(tmp_path: Path) -> None:
    with Scope("demo", SHORT, tmp_path) as scope:
        scope.start("camera", "inference")
        scope.scan("S-1")
        scope.wait_for(lambda sample: sample.scored >= FIELDS // 2, "half of the fields")
        scope.kill("inference")
        scope.start("inference")
        scope.finish()
        before, picture = shown(scope, FIELDS)
        scope.kill("inference")
        with read_store(scope.store) as store:
            sample = store.slides(store.samples()[-1].id)[-1].id
            overview = overview_of(store, sample)
            heads = store.ledger(sample).n
    assert overview is not None
    assert heads > 10
    assert (before.painted, before.fields, before.apart) == (FIELDS, FIELDS, 0)
    assert before.notice == wire.NOTICE
    coverage = overview.coverage
    assert (before.area_mm2, before.seen_twice) == (coverage.area_mm2, coverage.seen_twice)
    # The live one was painted in turns, from the store of both lives; this one at once. WebP costs some levels.
    rgba = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA)
    true = overview.drawn()
    assert rgba.shape == true.shape == (before.height_px, before.width_px, 4)
    assert np.array_equal(rgba[..., 3] > 127, true[..., 3] > 127)
    assert float(np.abs(rgba.astype(float) - true)[..., :3].mean()) < 4
    marked = (true[..., :3] == (3, 105, 161)).all(-1) | (true[..., :3] == (194, 65, 12)).all(-1)
    assert cv2.connectedComponents(marked.astype(np.uint8))[0] - 1 >= heads * 0.8
