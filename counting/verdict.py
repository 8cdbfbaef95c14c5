"""What may be said of a sample: nothing yet, above, below, indeterminate, or nothing at all.

Pure: the fields of each slide and the rules in, an answer with its reasons out. Whether the count has an answer
is for the sequential rule (`sequential.py`); on which side it lies, for whole numbers. Knows no sample, no store
and no clock. To be evaluated when fields are finished, never between the heads of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from zpscope.config.settings import Tally
from zpscope.counting.design_effect import design_effect, intra_field_correlation
from zpscope.counting.field_counts import FieldCounts, merged
from zpscope.counting.interval import wilson
from zpscope.counting.replicates import disagree, least_agreement
from zpscope.counting.sequential import answer, anytime_interval, heads_to_answer

State = Literal["collecting", "above", "below", "indeterminate", "invalid"]
_SEARCH = 10
"""An answer that needs more heads than this times the most that are counted, is not looked for."""


@dataclass(frozen=True)
class Verdict:
    """An answer, or why there is none."""

    state: State
    """`invalid`: withheld, for the reasons given."""
    final: bool
    """Above, below or indeterminate for good: enough heads on enough slides, which agree."""
    reasons: tuple[str, ...]
    """Why it is withheld, or what is missing to a final answer."""
    more_heads: int | None
    """About so many more heads to an answer, if the percentage stays; None: far too many, or no head yet."""
    anytime_percent: tuple[float, float]
    """Holds at every look during the scan, at the level of the rule."""
    wilson_percent: tuple[float, float]
    """Of the finished count: 95 %, for heads divided by the design effect."""
    design_effect: float
    """What the counts are divided by, because heads of one field are alike; 1 if they are not."""
    correlation: float
    """Intra-field correlation, 0 to 1."""
    agreement: float | None
    """Probability of a difference as great as the greatest between two slides with enough heads, if all are alike;
    None for fewer than two."""


def verdict(slides: Sequence[FieldCounts], rules: Tally, withheld: Sequence[str], *, ended: bool) -> Verdict:
    """Return what may be said of the slides of one sample; `ended`: its scan is over.

    `withheld`: reasons why nothing may be said, whatever the count.
    """
    together = merged(slides)
    sums = together.sums
    k, n, effect, alpha = sums.k, sums.n, design_effect(sums), rules.error_percent / 100
    full = [one.total for one in slides if one.total.n >= rules.heads_per_slide]
    agreement = least_agreement([(one.k, one.n) for one in full])
    found = answer(k, n, rules.threshold_permille, alpha, effect)
    missing = list(_missing(together, slides, rules))
    enough = len(full) >= rules.slides
    state: State = "collecting"
    final = False
    if withheld:
        state, missing = "invalid", list(withheld)
    elif disagree(agreement, rules.replicates_percent):
        state = "invalid"
        missing = [
            "the slides disagree by more than chance allows: scan a further slide, or repeat the sample"
        ]
    elif n >= rules.minimum_heads and together.fields >= rules.minimum_fields:
        if found != "undecided":
            state, final = "above" if 1000 * k > rules.threshold_permille * n else "below", enough
        elif enough and (ended or n >= rules.most_heads):
            state, final = "indeterminate", True
        elif enough:
            missing.append(f"undecided with {n} heads: count on, up to {rules.most_heads}")
    low, high = anytime_interval(k, n, alpha, effect)
    wilson_low, wilson_high = wilson(k / effect, n / effect)
    return Verdict(
        state=state,
        final=final,
        reasons=() if final else tuple(missing),
        more_heads=_more_heads(k, n, rules, effect),
        anytime_percent=(100 * low, 100 * high),
        wilson_percent=(100 * wilson_low, 100 * wilson_high),
        design_effect=effect,
        correlation=intra_field_correlation(sums),
        agreement=agreement,
    )


def _more_heads(k: int, n: int, rules: Tally, effect: float) -> int | None:
    needed = heads_to_answer(
        k, n, rules.threshold_permille, rules.error_percent / 100, effect, most=_SEARCH * rules.most_heads
    )
    return None if needed is None else max(needed, rules.minimum_heads - n, 0)


def _missing(together: FieldCounts, slides: Sequence[FieldCounts], rules: Tally) -> Iterator[str]:
    n = together.total.n
    if n < rules.minimum_heads:
        yield f"{n} heads of the {rules.minimum_heads} that any answer needs"
    if together.fields < rules.minimum_fields:
        yield f"{together.fields} fields of the {rules.minimum_fields} that any answer needs"
    for number in range(1, rules.slides + 1):
        heads = slides[number - 1].total.n if number <= len(slides) else 0
        if (
            heads < rules.heads_per_slide
            and sum(one.total.n >= rules.heads_per_slide for one in slides) < rules.slides
        ):
            yield f"slide {number}: {heads} heads of the {rules.heads_per_slide} that a final answer needs"


def bounds_percent(k: int, n: int, unknown: int) -> tuple[float, float]:
    """Return the percentage if none, and if all, of `unknown` further heads were bound; 0 to 100 without a head."""
    heads = n + unknown
    return (100 * k / heads, 100 * (k + unknown) / heads) if heads else (0.0, 100.0)
