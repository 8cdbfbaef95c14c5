"""The controls of one store: what they said last, and whether they allow an answer.

A negative-control slide bears heads that cannot bind: what is called bound there is false. The self-test scores a
recorded reference slide again, which must give what it gave when it was recorded. Knows the store.
"""

from dataclasses import dataclass

from zpscope.config.settings import Controls
from zpscope.counting.control import chart_limit, upper_limit
from zpscope.daemon import trail
from zpscope.daemon.store import Store

_HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class Control:
    """One control, as it was found."""

    kind: str
    at_ns: int
    source: str
    model: str
    """sha256 of the bundle."""
    k: int
    n: int
    passed: int
    """1 or 0."""
    words: str


def controls_of(store: Store, kind: str, model: str) -> list[Control]:
    """Return the controls of a kind with a model, oldest first."""
    found = store.rows(
        "SELECT kind, at_ns, source, model, k, n, passed, words FROM control WHERE kind = ? AND model = ? "
        "ORDER BY number",
        kind,
        model,
    )
    return [Control(*row) for row in found]


def judge(controls: Controls, earlier: list[Control], k: int, n: int) -> tuple[bool, str]:
    """Return whether a negative-control slide passes, and why in words."""
    limit, line = (
        100 * upper_limit(k, n),
        100 * chart_limit([(one.k, one.n) for one in earlier if one.passed], n),
    )
    seen = f"{k} of {n} heads that cannot bind were called bound, at most {limit:.2f} % (95 %)"
    if n < controls.minimum_heads:
        return False, f"{seen}; a control needs {controls.minimum_heads} heads"
    if limit > controls.ceiling_percent:
        return False, f"{seen}; more than {controls.ceiling_percent:g} % is not to be excluded"
    if earlier and 100 * k / n > line:
        return False, f"{seen}; above the control chart's limit of {line:.2f} %"
    return True, seen


def put_control(store: Store, actor: str, control: Control) -> None:
    """Keep a control and note it in the trail."""
    with store.transaction():
        store.write(
            "INSERT INTO control VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            control.kind,
            control.at_ns,
            control.source,
            control.model,
            control.k,
            control.n,
            int(control.passed),
            control.words,
        )
        trail.note(
            store,
            actor,
            control.kind,
            control.source if control.kind == "negative_control" else "",
            k=control.k,
            n=control.n,
            passed=control.passed,
            words=control.words,
            model=control.model,
        )


def why_no_answer(store: Store, controls: Controls, model: str, now_ns: int) -> str:
    """Return why the controls allow no answer of a model, by its sha256, and what to do; empty if they do."""
    for kind, name, remedy, hours in (
        (
            "negative_control",
            "negative-control slide",
            "`zpscope sample start ACCESSION --control`",
            controls.negative_control_hours,
        ),
        ("self_test", "self-test", "`zpscope control test`", controls.self_test_hours),
    ):
        found = controls_of(store, kind, model)
        if not found:
            return f"there is no {name} with this model yet: {remedy}"
        age_ns = now_ns - found[-1].at_ns
        if not found[-1].passed:
            return f"the last {name} is out: {found[-1].words}"
        if age_ns > hours * _HOUR_NS:
            return f"the {name} is overdue, the last was {age_ns / _HOUR_NS:.0f} hours ago: {remedy}"
        if age_ns < 0:
            return f"the last {name} is of a time to come: set this machine's clock, then {remedy}"
    return ""
