"""Is every head of a simulated scan counted once, and the percentage unbiased?

`python -m benchmarks.place_simulated serpentine [--segment] | hand | unbiased`: see the README.
"""

import argparse
import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.place import Field, Frame, Heads, Tally, row, scan
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.synthetic import expose, field_centre_um, reported_um, sperm_near
from zpscope.drivers.truth import heads_in_field, heads_shown, is_assessable
from zpscope.imaging.colour import SlideColour
from zpscope.imaging.decode import decode
from zpscope.imaging.examine import examine
from zpscope.imaging.place import in_frame, offsets_um

HEADINGS = (
    "heads",
    "found",
    "error %",
    "lost by placing",
    "twice",
    "covered",
    "at a cell",
    "no head",
    "blurred",
    "unplaced %",
    "best possible %",
    "islands",
    "stationary",
    "off um",
    "ms a field",
    "ms while islands are apart",
)
_LEAST_SHARED = 0.06
"""Fields that share less of their area are not compared (`imaging/register.py`)."""


def drawn(settings: SyntheticCamera, fields: int, *, segment: bool) -> Iterator[Frame]:
    """Yield the fields of a simulated scan, their stage positions, and what is found in them."""
    shape = (settings.height_px, settings.width_px)
    colour = SlideColour.fresh()
    strangers: list[tuple[float, float]] = []
    for number in range(fields):
        if not segment and told(settings, number) is None:
            continue  # blurred: nothing is asked of it, so that it need not be drawn
        pixels = decode(expose(settings, number), "bayer_rg8")

        def find(pixels: Field = pixels, number: int = number) -> Heads | None:
            nonlocal colour
            if not segment:
                return told(settings, number)
            examination = examine(pixels, settings.um_per_px, colour)
            colour, heads = examination.colour, examination.heads
            if examination.skip:
                return None
            kept = heads.accepted
            offsets = offsets_um(heads.centre_px[kept], shape, settings.um_per_px)
            names = tuple(named(settings, number, offsets, strangers))
            return Heads(offsets, heads.area_um2[kept], heads.sharpness[kept], names)

        yield Frame(number, pixels, reported_um(settings, number), find)


def told(settings: SyntheticCamera, number: int) -> Heads | None:
    """Return the gradable heads of a field as a segmentation without a mistake would give them."""
    if not is_assessable(settings, number):
        return None
    true = heads_in_field(settings, number)
    places = offsets_um(true.centre_px, (settings.height_px, settings.width_px), settings.um_per_px)
    rng = np.random.default_rng((settings.seed, 99, number))
    area = np.array([np.pi / 4 * one.length_um * one.width_um for one in true.sperm])
    return Heads(
        places + rng.normal(0, 0.1, places.shape),
        area * rng.normal(1, 0.06, len(area)),
        rng.normal(2, 0.2, len(area)),
        tuple(one.id for one in true.sperm),
    )


def named(
    settings: SyntheticCamera,
    number: int,
    offsets: NDArray[np.float64],
    strangers: list[tuple[float, float]],
) -> Iterator[int]:
    """Yield which head of the slide lies at each place (N, 2), in µm from the field's centre.

    What is no head is named by where it lies on the slide, and so added to the strangers known.
    """
    sperm = sperm_near(settings, number, 2.0)
    centre = np.array(field_centre_um(settings, number))
    for place in (offsets + centre).tolist():
        head = _nearest(place, [(one.x_um, one.y_um) for one in sperm])
        if head >= 0:
            yield sperm[head].id
            continue
        stranger = _nearest(place, strangers)
        if stranger < 0:
            strangers.append((place[0], place[1]))
        yield -1 - (stranger if stranger >= 0 else len(strangers) - 1)


def _nearest(place: list[float], others: list[tuple[float, float]]) -> int:
    """Return the index of the place within 1.5 µm that is nearest; -1: none."""
    apart = [math.dist(place, other) for other in others]
    return int(np.argmin(apart)) if apart and min(apart) < 1.5 else -1


def expected(settings: SyntheticCamera, numbers: Iterable[int]) -> dict[int, bool]:
    """Return the heads that a perfect system would count in these fields, and whether each is a binder."""
    shape = (settings.height_px, settings.width_px)
    size_um = (settings.width_px * settings.um_per_px, settings.height_px * settings.um_per_px)
    heads: dict[int, bool] = {}
    for number in numbers:
        true = heads_in_field(settings, number)
        inside = in_frame(offsets_um(true.centre_px, shape, settings.um_per_px), size_um)
        heads |= {one.id: one.bound for one, whole in zip(true.sperm, inside, strict=True) if whole}
    return heads


def off_um(settings: SyntheticCamera, tally: Tally) -> float:
    """Return how far the field of the main island that lies worst is from where it should."""
    kept = [i for i, number in enumerate(tally.numbers) if number in tally.main]
    off = tally.map.centres_um[kept] - [field_centre_um(settings, tally.numbers[i]) for i in kept]
    return float(np.abs(off - np.median(off, axis=0)).max())


def linked(settings: SyntheticCamera, numbers: list[int]) -> int:
    """Return how many of these fields lie on the largest island that a perfect comparison would make of them."""
    centres = np.array([field_centre_um(settings, number) for number in numbers])
    size_um = np.array([settings.width_px, settings.height_px]) * settings.um_per_px
    left, largest = np.ones(len(numbers), np.bool_), 0
    while left.any():
        ahead, island = [int(left.argmax())], 0
        left[ahead] = False
        while ahead:
            island += 1
            shared = np.maximum(1 - np.abs(centres - centres[ahead.pop()]) / size_um, 0).prod(1)
            reached = np.flatnonzero(left & (shared >= _LEAST_SHARED))
            left[reached] = False
            ahead += reached.tolist()
        largest = max(largest, island)
    return largest


def _median_ms(spent_s: NDArray[np.float64]) -> str:
    return f"{1000 * float(np.median(spent_s)):.1f} ({len(spent_s)})" if len(spent_s) else "-"


def scanned(settings: SyntheticCamera, fields: int, *, segment: bool) -> None:
    """Print what a simulated scan came to, against the truth."""
    tally = scan(drawn(settings, fields, segment=segment), settings.um_per_px, 3.0)
    true = expected(settings, tally.main)
    sperm = {one.id: one for one in heads_shown(settings, fields)}
    counted = set(tally.counted)
    refused = [sperm[name] for name in counted if name >= 0 and not sperm[name].gradable]
    covered = sum(one.covered > 0.05 for one in refused)
    spent_s = np.array(tally.spent_s)
    found, strange = len(counted & true.keys()), sum(name < 0 for name in counted)
    row(
        f"{settings.path}, seed {settings.seed}, " + ("segmented" if segment else "told"),
        str(len(true)),
        str(found),
        f"{100 * (found - len(true)) / len(true):+.2f}",
        str(len(tally.seen - counted)),
        str(len(tally.counted) - len(counted)),
        str(covered),
        str(len(refused) - covered),
        str(strange),
        str(len(counted) - found - len(refused) - strange),
        f"{100 * (1 - len(tally.main) / len(tally.numbers)):.1f}",
        f"{100 * (1 - linked(settings, tally.numbers) / len(tally.numbers)):.1f}",
        str(len(set(tally.islands))),
        str(tally.still),
        f"{off_um(settings, tally):.2f}",
        _median_ms(spent_s),
        _median_ms(spent_s[np.array(tally.apart)]),
    )


def unbiased(samples: int, fields: int) -> None:
    """Print the mean error of k/n over simulated samples, with a perfect classifier, in percentage points."""
    errors: list[float] = []
    for seed in range(1, samples + 1):
        settings = SyntheticCamera(seed=seed, slide="usual", stage_error_um=3.0, overlap_percent=20)
        tally = scan(drawn(settings, fields, segment=True), settings.um_per_px, 3.0)
        bound = {one.id: one.bound for one in heads_shown(settings, fields) if one.gradable}
        classes = [bound[name] for name in tally.counted if name in bound]
        true = expected(settings, range(fields))
        errors.append(100 * (sum(classes) / len(classes) - sum(true.values()) / len(true)))
    row("samples", "fields each", "mean error, points", "standard error", "largest")
    mean, spread = float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(samples))
    row(str(samples), str(fields), f"{mean:+.3f}", f"{spread:.3f}", f"{max(map(abs, errors)):.2f}")


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("serpentine", "hand", "unbiased"))
    parser.add_argument("--fields", type=int, default=100)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--slide", choices=("clean", "usual"), default="usual")
    parser.add_argument(
        "--segment", action="store_true", help="find the heads, instead of taking the true ones"
    )
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.what == "unbiased":
        unbiased(given.samples, given.fields)
        return
    row("scan", *HEADINGS)
    by_hand = given.what == "hand"
    for seed in given.seeds:
        settings = SyntheticCamera(
            seed=seed,
            slide=given.slide,
            path="by_hand" if by_hand else "serpentine",
            stage=not by_hand,
            stage_error_um=0.0 if by_hand else 3.0,
        )
        scanned(settings, given.fields, segment=given.segment)


if __name__ == "__main__":
    main()
