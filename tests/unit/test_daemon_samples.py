"""Samples as commands see them: which is begun, with which facts, and what becomes of an open one at the next start."""

from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from tests.stored import MODEL, SETTINGS
from tests.system.test_start import SlowEngine
from zpscope.config.cameras import OpencvCamera
from zpscope.config.errors import CommandRefused, ModelRefused
from zpscope.config.settings import Optics, Settings
from zpscope.daemon import wire
from zpscope.daemon.loading import Loading
from zpscope.daemon.samples import Samples
from zpscope.daemon.store import Store, open_store

FACTS = {"preparation": "density_gradient", "stain": "diff_quik", "objective": "100x", "operator": "OP"}

RECORD = (
    '{"camera_serial": "c", "objective": "100x", "adapter": "", "um_per_px": %s, "error_um_per_px": 0.001, '
    '"line_um": 10, "lines": 5, "picture": "p", "date": "d"}'
)


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store, None, None]:
    with open_store(tmp_path / "s") as opened:
        yield opened


def started(store: Store, model: wire.Model = MODEL) -> Samples:
    return Samples(store, SlowEngine(Loading()), model, SETTINGS)


def ask(samples: Samples, action: wire.Action, accession: str = "", **words: str) -> wire.SampleSummary:
    request = wire.ControlRequest(action=action, accession=accession, words=words)
    reply = samples.answer(wire.encode(request))
    if reply.error:
        raise CommandRefused(reply.error)
    return reply.samples[-1]


def test_an_open_slide_is_not_gone_on_with_by_another_model(store: Store) -> None:
    ask(started(store), "start", "A-1", **FACTS)
    other = msgspec.structs.replace(MODEL, name="other", sha256="cd" * 32)
    with pytest.raises(ModelRefused, match=r"begun with lab 1 \(abab.*this is other 1 \(cdcd.*sample stop"):
        started(store, other)
    assert started(store).present is not None
    assert started(store, msgspec.structs.replace(MODEL, runtime="another")).present is not None


@pytest.mark.parametrize(
    "fact", [{"preparation": "washed"}, {"kind": "negative_control"}, {"objective": "60x"}]
)
def test_a_planned_sample_is_not_started_as_another(store: Store, fact: dict[str, str]) -> None:
    samples = started(store)
    ask(samples, "plan", "A-1", **FACTS)
    with pytest.raises(CommandRefused, match=f"was planned as {next(iter(fact))} .*as it was planned"):
        ask(samples, "start", "A-1", **{**FACTS, **fact})
    assert samples.present is None
    assert ask(samples, "start", "A-1", **FACTS).accession == "A-1"


def test_a_further_slide_is_of_the_sample_that_was_scanned_last_not_planned_last(store: Store) -> None:
    samples = started(store)
    for name in ("A-1", "B-2"):
        ask(samples, "plan", name, **FACTS)
    for name in ("B-2", "A-1"):
        sample = ask(samples, "start", name)
        store.write("UPDATE slide SET state = 'complete' WHERE sample = ?", sample.sample)
        store.set_life(sample.sample, "machine_result")
        samples = started(store)
    assert ask(samples, "next_slide").accession == "A-1"


@pytest.mark.parametrize("text", ["{", "[]", '{"calibrations": [%s]}' % (RECORD % "0"), "[" * 200_000])
def test_a_start_with_damaged_calibrations_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "calibrations.json"
    path.write_text(text)
    settings = Settings(
        camera=OpencvCamera(driver="opencv", name="c", source="0", um_per_px=0.07),
        optics=Optics(objective="100x", calibrations=path),
    )
    start = wire.ControlRequest(action="start", accession="A-17", words=FACTS)
    with open_store(tmp_path / "s") as store:
        samples = Samples(store, SlowEngine(Loading()), MODEL, settings)
        reply = samples.answer(wire.encode(start))
        assert "is not a file of calibrations" in reply.error
        assert "\n" not in reply.error
        assert samples.present is None
        assert store.samples() == []
        path.write_text('{"calibrations": []}')
        assert samples.answer(wire.encode(start)).error == ""
