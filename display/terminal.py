"""The terminal display as a picture: a snapshot in, lines of styled text out.

Pure, and as large as it is told: 80 columns and 24 rows are enough for everything, and in less room the notice
and the figures stay longest. Knows no clock and writes nothing.
"""

from rich.text import Text

from zpscope.config.settings import Tally
from zpscope.daemon.wire import NOTICE, SampleSummary, StateMessage
from zpscope.display.latest import Snapshot
from zpscope.display.words import Words, words

_LINK_STYLES = {
    "live": "bold green",
    "waiting": "bold yellow",
    "stale": "bold white on red",
    "refused": "bold white on red",
}


def draw(snapshot: Snapshot, tally: Tally, page: str, width: int, height: int) -> Text:
    """Return the whole display."""
    said = words(snapshot, tally)
    old = "" if snapshot.link == "live" else "dim"
    rows = [_head(snapshot, said, width), Text("─" * width, "dim")]
    rows += _warnings(snapshot, said, width)
    rows += _result(snapshot.state, said, tally, width, old)
    rows += _ledger(snapshot.state, said, width, old)
    rows += _machine(snapshot.state, said, page, width, old)
    rows = [*_fitted(rows, max(height - 1, 1)), Text(NOTICE.center(width), "bold reverse")]
    for row in rows:
        row.truncate(width, overflow="ellipsis")
    return Text("\n").join(rows)


def _fitted(rows: list[Text], height: int) -> list[Text]:
    """Return as many rows as there is room for: blank ones give way first, then the last ones."""
    surplus = len(rows) - height
    for at in range(len(rows) - 1, -1, -1):
        if surplus > 0 and not rows[at].plain:
            del rows[at]
            surplus -= 1
    return rows[:height] + [Text()] * -surplus


def plain_line(snapshot: Snapshot, tally: Tally) -> str:
    """Return one line for a log or a pipe, without what changes all the time."""
    said = words(snapshot, tally)
    sample = snapshot.state.sample if snapshot.state else None
    if snapshot.link != "live":
        return f"{snapshot.link.upper()}: {snapshot.problem}"
    if sample is None:
        return f"{said.accession}, {said.sample_state}"
    parts = [
        f"{said.accession} {sample.state}",
        said.count,
        f"{said.percent} ({said.interval})",
        said.position,
        said.verdict,
        f"fields: {sample.captured} captured = {sample.scored} scored + {sum(sample.skipped.values())} skipped"
        f" + {sum(sample.lost.values())} lost + {sample.in_flight} in flight",
        said.incomplete,
        "DEMONSTRATION" if said.demonstration else "",
    ]
    return " · ".join(filter(None, parts))


def _head(snapshot: Snapshot, said: Words, width: int) -> Text:
    left = Text.assemble(
        (" zpscope ", "bold reverse"), "  ", (said.accession, "bold"), f"  {said.sample_state}"
    )
    right = Text(f" {said.link} ", _LINK_STYLES[snapshot.link])
    left.truncate(max(width - len(right) - 1, 1), overflow="ellipsis")
    return Text.assemble(left, " " * (width - len(left) - len(right)), right)


def _warnings(snapshot: Snapshot, said: Words, width: int) -> list[Text]:
    rows: list[Text] = []
    if said.demonstration:
        name, _, rest = said.demonstration.partition(",")
        rows.append(Text(f" {name} ".center(width, "▚"), "bold black on yellow"))
        rows.append(Text(rest.strip().center(width), "yellow"))
    if said.incomplete:
        rows.append(Text(f" {said.incomplete} ".center(width), "bold white on red"))
    if snapshot.problem:
        rows += _wrapped(snapshot.problem, width, "bold red" if snapshot.link != "waiting" else "yellow")
    return rows or [Text()]


def _wrapped(sentence: str, width: int, style: str) -> list[Text]:
    """Return a sentence on at most three rows."""
    rows: list[str] = []
    row = ""
    for word in sentence.split(" "):
        if row and len(row) + 1 + len(word) > width:
            rows.append(row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    return [Text(one, style) for one in [*rows, row][:3]]


def _result(state: StateMessage | None, said: Words, tally: Tally, width: int, old: str) -> list[Text]:
    sample = state.sample if state else None
    figure = [Text.assemble("  ", (said.percent, f"bold {old}"), "   ", (said.count, old))]
    if len(figure[0]) + 3 + len(said.interval) <= width:
        figure[0].append(f"   {said.interval}", old)
    else:
        figure.append(Text(f"  {said.interval}", old))
    place = [Text(f"  {said.position}", old)]
    place += [
        Text(f"  {row.plain}", f"bold {old}") for row in _wrapped(said.verdict, width - 4, "") if row.plain
    ]
    return [Text(), *figure, *place, Text(), *_bar(sample, said, tally, width - 4, old), Text()]


def _bar(sample: SampleSummary | None, said: Words, tally: Tally, width: int, old: str) -> list[Text]:
    """Return the interval as a line, the estimate as a dot, and the threshold they are held against."""
    scale = said.scale_percent
    threshold = sample.threshold_percent if sample else tally.threshold_permille / 10

    def column(at_percent: float) -> int:
        return min(max(round(at_percent / scale * (width - 1)), 0), width - 1)

    cells = [("·", "dim")] * width
    if sample and sample.n and sample.percent is not None:
        low, high = (column(edge) for edge in sample.interval)
        for at in range(low, high + 1):
            cells[at] = ("━", f"cyan {old}")
        cells[column(threshold)] = ("┃", "bold yellow")
        cells[column(sample.percent)] = ("●", f"bold {old}")
    else:
        cells[column(threshold)] = ("┃", "bold yellow")
    bar = Text.assemble("  ", *cells)
    label = f"▲ {threshold:.1f} % threshold"
    axis = f"0{' ' * (column(threshold) - 1)}{label}"
    end = f"{scale:.0f} %"
    axis += " " * max(width - len(axis) - len(end), 1) + end
    return [bar, Text(f"  {axis}", "dim")]


def _ledger(state: StateMessage | None, said: Words, width: int, old: str) -> list[Text]:
    sample = state.sample if state else None
    if sample is None:
        return []
    skipped, lost = sum(sample.skipped.values()), sum(sample.lost.values())
    fields = Text.assemble(
        ("  fields      ", "dim"),
        (f"{sample.captured} captured = {sample.scored} scored + {skipped} skipped + ", old),
        (f"{lost} lost", "bold red" if lost else old),
        (f" + {sample.in_flight} in flight", old),
    )
    rejected = sum(sample.rejected.values())
    objects = f"{sample.found} found = {sample.n} heads + {rejected} not counted"
    rows = [fields]
    rows += _reasons("skipped", said.skipped, width, old)
    rows += _reasons("lost", said.lost, width, old)
    rows.append(Text.assemble(("  objects     ", "dim"), (objects, old)))
    rows += _reasons("not counted", said.rejected, width, old)
    return rows


def _reasons(name: str, said: str, width: int, old: str) -> list[Text]:
    if not said:
        return []
    row = Text.assemble((f"  {name:<12}", "dim"), (said, old))
    row.truncate(width, overflow="ellipsis")
    return [row]


def _machine(state: StateMessage | None, said: Words, page: str, width: int, old: str) -> list[Text]:
    rows: list[Text] = []
    if state is not None:
        speed = (
            f"{state.heads_per_s:.1f} heads/s   {state.fields_per_s:.2f} fields/s   lag {state.lag_s:.1f} s"
        )
        rows.append(Text.assemble(("  speed       ", "dim"), (speed, old)))
        lost = "" if state.camera_connected else "bold red"
        rows.append(Text.assemble(("  camera      ", "dim"), (said.camera, lost or old)))
        if state.camera and state.camera.problem:
            rows.append(Text.assemble(" " * 14, (state.camera.problem, "red")))
        rows.append(Text.assemble(("  model       ", "dim"), (said.model, old)))
    rows.append(Text.assemble(("  page        ", "dim"), page))
    return rows
