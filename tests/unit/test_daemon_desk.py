"""At the desk: planned, reviewed, signed, amended; and every byte of what was signed is watched over."""

import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stored import SETTINGS, facts, put_sample
from zpscope.config.errors import CommandRefused, StoreError
from zpscope.config.settings import Optics, Review, Settings, Specimen, SyntheticCamera
from zpscope.daemon import trail, wire
from zpscope.daemon.accession import checked
from zpscope.daemon.desk import Desk
from zpscope.daemon.listing import summaries, summary_of
from zpscope.daemon.seal import broken
from zpscope.daemon.store import Store, open_store, read_store

FIELDS = [(1, 10)] * 20
SECRET = "correct horse"
FACTS = {"preparation": "density_gradient", "stain": "diff_quik", "objective": "100x"}


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store, None, None]:
    with open_store(tmp_path / "s") as opened:
        yield opened


def do(
    store: Store, action: wire.Action, sample: str = "S", settings: Settings = SETTINGS, **words: str
) -> wire.SampleSummary:
    request = wire.ControlRequest(action=action, accession=sample, words=words)
    done = Desk(store, settings).carry_out(request, time.time_ns())
    return done[0] if done else summaries(store)[-1]


def enrolled(store: Store, *names: str) -> None:
    for name in names:
        Desk(store, SETTINGS).carry_out(
            wire.ControlRequest(action="enrol", words={"signer": name, "secret": SECRET}), 1
        )


def sign(store: Store, signer: str = "RV", settings: Settings = SETTINGS, **words: str) -> wire.SampleSummary:
    return do(store, "sign", settings=settings, signer=signer, secret=SECRET, meaning="approved", **words)


@pytest.mark.parametrize(
    "accession",
    [
        "Smith",
        "SMITH",
        "Smith-12",
        "12smith",
        "Wong3",
        "SMITH12-A",
        "john.smith.3",
        "Maria",
        "SMITH_JOHN",
        "A 1",
        "",
        "1980-02-29",
        "A-29.02.1980",
        "29021980x",
    ],
)
def test_what_may_be_a_person_is_refused(accession: str) -> None:
    with pytest.raises(CommandRefused):
        checked(accession, 2026)


@pytest.mark.parametrize(
    "accession",
    [
        "A-17",
        "DEMO",
        "20261123-001",
        "IVF-LAB-0012",
        "Sample-12",
        "donor7",
        "S26-00412",
        "A1234567",
        "4711",
        "19-0042",
    ],
)
def test_codes_are_taken(accession: str) -> None:
    assert checked(accession, 2026) == accession


def test_a_clinic_may_name_its_own_words() -> None:
    with pytest.raises(CommandRefused, match=r"if 'Lister' names nobody, add it to specimen\.no_names"):
        checked("Lister-0012", 2026)
    assert checked("Lister-0012", 2026, ["LISTER"]) == "Lister-0012"


@given(st.text(max_size=70))
def test_an_accession_is_taken_as_it_is_or_refused(accession: str) -> None:
    with suppress(CommandRefused):
        assert checked(accession, 2026) == accession


def test_a_sample_needs_its_facts(store: Store) -> None:
    with pytest.raises(
        CommandRefused, match="lacks its preparation and stain and objective and operator: give --prep"
    ):
        do(store, "plan", "A-1")
    settings = Settings(
        camera=SyntheticCamera(),
        specimen=Specimen(stain="diff_quik", operator="OP"),
        optics=Optics(objective="100x"),
    )
    shown = do(store, "plan", "A-1", settings, preparation="swim_up", operator="XY")
    assert (shown.life, shown.state, shown.preparation, shown.operator) == (
        "planned",
        "planned",
        "swim_up",
        "XY",
    )
    assert shown.verdict.state == "invalid"
    with pytest.raises(CommandRefused, match="planned already"):
        do(store, "plan", "A-1", settings, preparation="swim_up")
    assert [entry["action"] for entry in facts(store)] == ["planned"]


def test_a_planned_sample_hides_none_that_was_scanned(store: Store) -> None:
    put_sample(store, "S", [FIELDS, FIELDS])
    enrolled(store, "RV")
    store.set_life("S", "scanning")
    with pytest.raises(CommandRefused, match="sample A-S is being scanned: give another accession, or end"):
        do(store, "plan", "A-S", SETTINGS, operator="OP", **FACTS)
    assert len(store.samples()) == 1
    store.set_life("S", "machine_result")
    again = do(store, "plan", "A-S", SETTINGS, operator="OP", **FACTS)
    with pytest.raises(CommandRefused, match=f"by its id, S, {again.sample}"):
        do(store, "sign", "A-S", signer="RV", secret=SECRET, meaning="approved")
    assert do(store, "sign", "S", signer="RV", secret=SECRET, meaning="approved").life == "signed"


def test_a_review_leaves_the_machine_s_result_alone(store: Store) -> None:
    machine = summary_of(store, put_sample(store, "S", [FIELDS, FIELDS]))
    shown = do(store, "review", head="1.2", verb="bound", reason="acrosome", operator="RV")
    assert (shown.k, shown.n, shown.life) == (machine.k, machine.n, "reviewed")
    assert shown.verdict == machine.verdict
    assert shown.reviewed is not None
    assert (shown.reviewed.k, shown.reviewed.n, shown.reviewed.reclassified) == (machine.k + 1, machine.n, 1)
    shown = do(store, "review", head="1.1", verb="excluded", reason="debris", operator="XY")
    assert shown.reviewed is not None
    assert (shown.reviewed.k, shown.reviewed.n, shown.reviewed.excluded) == (machine.k, machine.n - 1, 1)
    shown = do(store, "review", head="1.1", verb="restored", reason="a head after all", operator="XY")
    assert shown.reviewed is not None
    assert (shown.reviewed.k, shown.reviewed.n, shown.reviewed.reviewers) == (
        machine.k + 1,
        machine.n,
        ["RV", "XY"],
    )
    rows = store.rows("SELECT actor, old, new, reason FROM review")
    assert rows == [
        ("RV", "unbound", "bound", "acrosome"),
        ("XY", "bound", "excluded", "debris"),
        ("XY", "excluded", "bound", "a head after all"),
    ]
    for head, verb in (("9.99", "bound"), ("1.1", "restored")):
        with pytest.raises(CommandRefused):
            do(store, "review", reason="x", operator="RV", head=head, verb=verb)
    with pytest.raises(CommandRefused, match="say also --reason and --operator"):
        do(store, "review", head="1.1", verb="bound")


def test_nobody_signs_for_another_or_before_everything_was_looked_at(store: Store) -> None:
    put_sample(store, "S", [FIELDS, FIELDS], unsure=2)
    enrolled(store, "RV")
    with pytest.raises(CommandRefused, match="not enrolled with this secret"):
        do(store, "sign", signer="RV", secret="wrong horse", meaning="approved")
    with pytest.raises(CommandRefused, match=r"looked at 2 unidentified heads \(1\.1, 1\.2\)"):
        sign(store)
    do(store, "review", head="1.1", verb="bound", reason="clear", operator="RV")
    do(store, "review", head="1.2", verb="unbound", reason="clear", operator="RV")
    shown = sign(store)
    assert (shown.life, [one.signer for one in shown.signatures]) == ("signed", ["RV"])


def test_slides_that_disagree_cannot_be_signed(store: Store) -> None:
    put_sample(store, "S", [[(2, 10)] * 20, [(0, 10)] * 20])
    enrolled(store, "RV")
    with pytest.raises(CommandRefused, match="its slides disagree"):
        sign(store)


def test_two_persons_for_two_slides(store: Store) -> None:
    two = Settings(camera=SyntheticCamera(), review=Review(signers=2))
    put_sample(store, "S", [FIELDS, FIELDS])
    enrolled(store, "RV", "XY")
    assert sign(store, settings=two, slide="1").life == "machine_result"
    with pytest.raises(CommandRefused, match="another person signs"):
        sign(store, settings=two, slide="2")
    with pytest.raises(CommandRefused, match="waits for a signature of slide 2"):
        sign(store, "XY", settings=two, slide="1")
    assert sign(store, "XY", settings=two, slide="2").life == "signed"


def test_a_signed_sample_is_amended_or_left_alone(store: Store) -> None:
    put_sample(store, "S", [FIELDS, FIELDS])
    enrolled(store, "RV")
    before = sign(store)
    for action in ("review", "sign"):
        with pytest.raises(CommandRefused, match="only `zpscope sample amend` reopens it"):
            do(store, action, signer="RV", secret=SECRET, head="1.1", verb="bound", reason="x", operator="RV")
    do(store, "amend", signer="RV", secret=SECRET, reason="a wrong head")
    assert list(broken(store)) == []
    do(store, "review", head="1.2", verb="bound", reason="seen again", operator="RV")
    assert list(broken(store)) == []
    again = sign(store)
    assert (again.life, [one.version for one in again.signatures]) == ("signed", [1, 2])
    assert again.reviewed != before.reviewed
    assert [*trail.faults(store), *broken(store)] == []
    assert [entry["action"] for entry in facts(store)][-4:] == ["signed", "amended", "review", "signed"]


def test_nothing_is_done_to_one_of_two_samples_of_an_accession_unless_its_id_is_given(store: Store) -> None:
    for name in ("S", "T"):
        put_sample(store, name, [FIELDS, FIELDS])
    store.write("UPDATE sample SET accession = 'A-40'")
    enrolled(store, "RV")
    before = content(store)
    words = {"signer": "RV", "secret": SECRET, "meaning": "approved", "operator": "RV"}
    words |= {"head": "1.1", "verb": "bound", "reason": "x"}
    actions: tuple[wire.Action, ...] = ("review", "sign", "amend")
    for action in actions:
        with pytest.raises(CommandRefused, match="samples have the accession A-40: give one by its id, S, T"):
            do(store, action, "A-40", SETTINGS, **words)
    assert content(store) == before
    assert do(store, "sign", "S", SETTINGS, **words).sample == "S"
    assert do(store, "sign", "T", SETTINGS, **words).sample == "T"


def test_times_of_the_trail_never_go_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1000, 400, 1500])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    for action in ("a", "b", "c"):
        trail.note(store, "OP", action, "")
    assert [entry.get("clock_back_ns") for entry in facts(store)] == [None, 600, None]
    assert store.rows("SELECT json_extract(entry, '$.at_ns') FROM audit") == [(1000,), (1000,), (1500,)]


def test_the_trail_is_only_ever_added_to(store: Store) -> None:
    trail.note(store, "OP", "a", "")
    for change in ("UPDATE audit SET entry = ''", "DELETE FROM audit"):
        with pytest.raises(StoreError, match="the trail is never"):
            store.write(change)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with a signed sample, to be copied."""
    path = tmp_path_factory.mktemp("signed") / "s"
    with open_store(path) as store:
        put_sample(store, "S", [[(1, 2), (0, 1)], [(1, 2)]])
        enrolled(store, "RV")
        do(store, "review", head="1.1", verb="unbound", reason="x", operator="RV")
        sign(store)
    return path


def found_after(path: Path, *changes: str) -> list[str]:
    database = sqlite3.connect(path, isolation_level=None)
    for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {name}")
    for change in changes:
        database.execute(change)
    database.close()
    with read_store(path) as store:
        return [*trail.faults(store), *broken(store)]


WATCHED = {
    "audit": ["entry", "hash"],
    "sample": [
        "accession",
        "kind",
        "planned_ns",
        "preparation",
        "stain",
        "um_per_px",
        "operator",
        "machine",
        "reviewed",
    ],
    "slide": [
        "number",
        "state",
        "started_ns",
        "stopped_ns",
        "model",
        "settings",
        "preprocessing",
        "software",
        "colour",
    ],
    "session": ["captured"],
    "field": [
        "number",
        "source",
        "captured_ns",
        "device_ns",
        "stage_x_um",
        "stage_y_um",
        "um_per_px",
        "skip",
    ],
    "placed": ["number", "island", "x_um", "y_um", "detail", "thumbnail"],
    "head": [
        "x_px",
        "slide_x_um",
        "angle_deg",
        "area_um2",
        "reason",
        "p",
        "bound",
        "outline",
        "crop",
        "sharpness",
        "known",
    ],
    "review": ["at_ns", "actor", "old", "new", "reason"],
    "signature": ["at_ns", "signer", "meaning"],
    "seal": ["digest"],
}


@pytest.mark.parametrize(
    ("table", "column"), [(table, one) for table, columns in WATCHED.items() for one in columns]
)
def test_one_changed_byte_is_found_where_it_is(table: str, column: str, signed: Path, tmp_path: Path) -> None:
    shutil.copy(signed, tmp_path / "s")
    assert found_after(tmp_path / "s") == []
    key = {
        "head": "(field, number) = (2, 1)",
        "field": "id = 2",
        "placed": "field = 2",
        "audit": "number = 3",
    }.get(table, "rowid = 1" if table != "seal" else "part = 'record'")
    shorter = f"substr({column}, 1, length({column}) - 1) || char(unicode(substr({column}, -1)) + 1)"
    changed = {
        "hash": "x'00' || substr(hash, 2)",
        "digest": "x'00' || substr(digest, 2)",
        "kind": "'negative_control'",
        "state": "'incomplete'",
        "old": "'excluded'",
        "new": "'excluded'",
    }.get(column, f"CASE typeof({column}) WHEN 'text' THEN coalesce({shorter}, 'x') WHEN 'blob' THEN {column} || x'00' "
        f"ELSE {column} + 5 END")  # fmt: skip
    if changed.startswith("x'"):
        changed = f"CAST({changed} AS BLOB)"
    elif "x'00'" in changed:
        changed = changed.replace(f"{column} || x'00'", f"CAST({column} || x'00' AS BLOB)")
    found = found_after(tmp_path / "s", f"UPDATE {table} SET {column} = {changed} WHERE {key}")
    assert found, "nothing was found"
    place = {
        "audit": "entry 3",
        "head": "field 2 (frame 1)",
        "field": "field 2",
        "placed": "field 2",
        "slide": "slide ",
        "session": "slide 1",
        "review": "review 1",
        "signature": "signatures",
        "sample": "reviewed result" if column == "reviewed" else "record",
        "seal": "seal",
    }[table]
    assert any(place in one for one in found), found


@pytest.mark.parametrize("number", [1, "(SELECT max(number) FROM audit)"])
def test_an_entry_that_is_none_any_more_is_found(number: object, signed: Path, tmp_path: Path) -> None:
    shutil.copy(signed, tmp_path / "s")
    found = found_after(tmp_path / "s", f"UPDATE audit SET entry = substr(entry, 2) WHERE number = {number}")
    assert "is not what was written" in found[0]


def content(store: Store) -> list[object]:
    """Return all that a seal or the trail watches over."""
    watched = [
        "audit",
        "seal",
        "session",
        "loss",
        "slide",
        "field",
        "placed",
        "joined",
        "head",
        "review",
        "signature",
    ]
    sample = (
        "SELECT id, accession, kind, planned_ns, preparation, stain, um_per_px, operator, machine, reviewed "
        "FROM sample"
    )
    return [store.rows(sample), *(store.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in watched)]


def test_no_byte_of_the_file_can_change_unnoticed(signed: Path, tmp_path: Path) -> None:
    """A changed byte is found, or SQLite stumbles over it, or it lies where nothing that is watched over is."""
    with read_store(signed) as store:
        expected, whole, fates = content(store), signed.read_bytes(), Counter[str]()
    places = random.Random(1)
    for _ in range(300):
        changed = bytearray(whole)
        changed[places.randrange(100, len(whole))] ^= 1 << places.randrange(8)
        (tmp_path / "s").write_bytes(changed)
        try:
            with read_store(tmp_path / "s") as store:
                if [*trail.faults(store), *broken(store)]:
                    fates["found"] += 1
                else:
                    assert content(store) == expected
                    fates["nothing is there"] += 1
        except StoreError:
            fates["damaged"] += 1
    assert min(fates["found"], fates["nothing is there"]) > 10, fates


def test_entries_that_are_taken_away_are_missed(signed: Path, tmp_path: Path) -> None:
    shutil.copy(signed, tmp_path / "s")
    with read_store(tmp_path / "s") as store:
        end = str(trail.head(store))
        assert trail.holds(store, end)
    assert (
        found_after(tmp_path / "s", "DELETE FROM audit WHERE number = 2")[0]
        == "audit trail: entry 2 is missing"
    )
    found_after(tmp_path / "s", "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")
    with read_store(tmp_path / "s") as store:
        assert not trail.holds(store, end)
