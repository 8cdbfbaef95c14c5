"""What the gateway answers, as JSON: the newest state whole, never a difference to an earlier one.

The keys of the state message keep their names and their place; the display adds what only it can know. The
research-use notice is in every answer. Knows no HTTP.
"""

from zpscope.config.settings import Tally
from zpscope.daemon import wire
from zpscope.display.latest import Picture, SlidePicture, Snapshot
from zpscope.display.words import words


def state_json(snapshot: Snapshot, tally: Tally) -> str:
    """Return the state message with link, age, problem, words and the number of the newest picture."""
    state = snapshot.state
    answer: dict[str, object] = {
        name: getattr(state, name) if state else None for name in wire.StateMessage.__struct_fields__
    }
    answer |= {
        "version": wire.WIRE_VERSION,
        "connected": snapshot.link == "live",
        "link": snapshot.link,
        "age_s": None if snapshot.age_s is None else round(snapshot.age_s, 3),
        "problem": snapshot.problem,
        "picture": snapshot.picture.number if snapshot.picture else None,
        "overview": _overview(snapshot.overview),
        "received": snapshot.received,
        "threshold_percent": state.sample.threshold_percent
        if state and state.sample
        else tally.threshold_permille / 10,
        "minimum_heads": tally.minimum_heads,
        "minimum_fields": tally.minimum_fields,
        "words": words(snapshot, tally),
        "notice": wire.NOTICE,
    }
    return wire.to_json(answer)


def preview_json(picture: Picture, age_s: float) -> str:
    """Return the header and outlines of a picture; `picture` is the number that fetches its pixels."""
    answer: dict[str, object] = {
        name: getattr(picture.header, name) for name in wire.PreviewMessage.__struct_fields__
    }
    answer |= {"picture": picture.number, "age_s": round(age_s, 3)}
    return wire.to_json(answer)


def _overview(slide: SlidePicture | None) -> dict[str, object] | None:
    """Return what the overview says of itself; `picture` is the number that fetches its pixels."""
    if slide is None:
        return None
    said: dict[str, object] = {name: getattr(slide.header, name) for name in slide.header.__struct_fields__}
    return said | {"picture": slide.number}


def error_json(reason: str) -> str:
    """Return why there is no answer, in the shape of an answer."""
    return wire.to_json({"error": reason, "notice": wire.NOTICE})
