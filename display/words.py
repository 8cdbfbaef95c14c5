"""The words of a display, said once for page and terminal.

Pure: a snapshot and the counting rules in, sentences out. The figures come from the inference process as they
are; nothing is counted here. Knows no colour, no layout and no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zpscope.config.settings import Tally
from zpscope.daemon.skips import remedy
from zpscope.daemon.summary import away_text, light_text, share_text, verdict_text
from zpscope.daemon.wire import Model, SampleSummary, StateMessage
from zpscope.display.latest import SlidePicture, Snapshot

_SCALES = (10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
_STAIN_CHANGED = 5.0
"""L*a*b* units: fields of one day of one laboratory differ by 2.6 at most (docs/how-to/stain.md)."""
_LINKS = {"waiting": "WAITING", "live": "LIVE", "refused": "REFUSED"}


@dataclass(frozen=True)
class Words:
    """One sentence or phrase for every place of a display."""

    link: str
    accession: str
    sample_state: str
    count: str
    percent: str
    interval: str
    position: str
    verdict: str
    """What may be said, or why nothing may be."""
    incomplete: str
    """Empty while nothing is lost."""
    skipped: str
    lost: str
    rejected: str
    camera: str
    model: str
    demonstration: str
    """Empty for a model trained on real heads."""
    slide: str
    """Of the overview; empty before there is one."""
    scale_percent: float
    """The right end of the bar."""


def words(snapshot: Snapshot, tally: Tally) -> Words:
    """Return the words for what is known now."""
    state = snapshot.state
    sample = state.sample if state else None
    model = sample.model if sample else state.model if state else None
    return Words(
        link=_link(snapshot),
        accession=sample.accession if sample else "no sample",
        sample_state=_sample_state(state),
        count=f"{sample.k} of {sample.n} heads bound" if sample else "no heads",
        percent=percent(sample) if sample else "-- %",
        interval=_interval(sample),
        position=_position(sample, tally),
        verdict=verdict_text(sample) if sample else "",
        incomplete=_incomplete(sample),
        skipped=_skipped(sample),
        lost=reasons(sample.lost) if sample else "",
        rejected=reasons(sample.rejected) if sample else "",
        camera=_camera(state),
        model=_model(model) + _stage(state),
        demonstration=_demonstration(model),
        slide=_slide(snapshot.overview),
        scale_percent=_scale(sample),
    )


def reasons(counts: Mapping[str, int]) -> str:
    """Return reasons with their counts, the most frequent first, as words."""
    present = sorted((item for item in counts.items() if item[1]), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in present)


def _skipped(sample: SampleSummary | None) -> str:
    """Return why fields are skipped, and what to do where one reason takes more of them than are scored."""
    if sample is None or not sample.skipped:
        return ""
    most = max(sample.skipped, key=lambda reason: sample.skipped[reason])
    advice = remedy(most) if sample.skipped[most] > sample.scored else ""
    return reasons(sample.skipped) + f" ({advice})" * bool(advice)


def percent(sample: SampleSummary) -> str:
    """Return the percentage, never rounded on to or across the threshold."""
    if not sample.n:
        return "-- %"
    if sample.percent is None:
        return "not calibrated"
    return share_text(sample.k, sample.n, sample.threshold_percent)


def _slide(slide: SlidePicture | None) -> str:
    if slide is None:
        return ""
    seen = slide.header
    words = [f"{seen.area_mm2:.3f} mm² scanned", f"{100 * seen.seen_twice:.0f} % of it more than once"]
    if seen.apart:
        words.append(f"paler: {seen.apart} fields that nobody knows the place of")
    if seen.painted < seen.fields:
        words.append(f"{seen.painted} of {seen.fields} fields drawn")
    return ", ".join(words)


def _link(snapshot: Snapshot) -> str:
    if snapshot.link == "stale":
        return f"STALE {snapshot.age_s or 0:.0f} s"
    return _LINKS[snapshot.link]


def _sample_state(state: StateMessage | None) -> str:
    if state is None:
        return ""
    if state.sample is None:
        return "start one with: zpscope sample start"
    slides = len(state.sample.slides)
    return f"slide {slides}, {state.sample.state}" if slides > 1 else state.sample.state


def _interval(sample: SampleSummary | None) -> str:
    if sample is None or not sample.n:
        return "no head counted yet"
    if sample.percent is None:
        return "no percentage without a measured scale"
    low, high = sample.interval
    return f"95 % interval {low:.1f} to {high:.1f} %"


def _position(sample: SampleSummary | None, tally: Tally) -> str:
    if sample is None:
        return ""
    if sample.position == "collecting":
        begun = "collecting" if sample.stopped_ns is None else "too few to place"
        return (
            f"{begun}: {sample.n} heads of {tally.minimum_heads}, "
            f"{sample.scored} fields of {tally.minimum_fields}"
        )
    if sample.position == "not_calibrated":
        return f"NOT CALIBRATED: {sample.uncalibrated}"
    if sample.position is None:
        return ""  # the verdict is withheld, so no side is told either
    side = "above" if sample.position == "above" else "at or below"
    return f"{side} {sample.threshold_percent:.1f} %"


def _incomplete(sample: SampleSummary | None) -> str:
    lost = sum(sample.lost.values()) if sample else 0
    if sample and sample.state == "incomplete" and not lost:
        return "INCOMPLETE: the camera process was gone at the end; what it captured last is not known"
    if not sample or not lost:
        return ""
    return f"INCOMPLETE: {lost} field{'s' * (lost != 1)} lost ({reasons(sample.lost)})"


def _camera(state: StateMessage | None) -> str:
    if state is None:
        return ""
    if state.camera is None:
        return "no camera process has answered yet"
    named = state.camera.camera != state.camera.driver
    parts = [f"{state.camera.camera} ({state.camera.driver})" if named else state.camera.driver]
    parts.append(f"delivery {state.camera.delivery}")
    if not state.camera_connected:
        parts.append("NOT CONNECTED" + f": {state.camera.problem}" * bool(state.camera.problem))
    elif state.camera.exhausted:
        parts.append("end of scan")
    elif not state.camera.capturing:
        parts.append("not capturing")
    if state.sample and state.sample.simulated:
        parts.append("SIMULATED: a program draws the fields")
    if state.sample and state.sample.reconnects:
        parts.append(away_text(state.sample))
    if state.recording:
        parts.append(state.recording)
    drift = state.sample.slides[-1].colour_drift if state.sample and state.sample.slides else 0.0
    if drift > _STAIN_CHANGED:
        parts.append(f"STAIN CHANGED by {drift:.1f} L*a*b*")
    if state.sample and state.sample.slides:
        parts.append(light_text(state.sample.model, state.sample.slides[-1].empty_grey))
    return " · ".join(filter(None, parts))


def _model(model: Model | None) -> str:
    if model is None:
        return ""
    return f"{model.name} {model.version} · sha256 {model.sha256[:12]} · {model.runtime}"


def _stage(state: StateMessage | None) -> str:
    """Return how far the engine is, until it is ready."""
    if state is None or state.stage == "ready":
        return ""
    return f" · {state.stage.upper()} {state.stage_done:.0%}".replace("%", " %")


def _demonstration(model: Model | None) -> str:
    if model is None or not model.demonstration:
        return ""
    return "DEMONSTRATION MODEL, trained on simulated heads: no figure here says anything about a real sample"


def _scale(sample: SampleSummary | None) -> float:
    if sample is None:
        return 20.0
    least = 2 * sample.threshold_percent
    reach = max(least, least if sample.percent is None else sample.interval[1])
    return next((scale for scale in _SCALES if scale >= reach), 100.0)
