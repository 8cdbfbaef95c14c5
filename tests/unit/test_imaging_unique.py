"""Heads seen in overlapping fields count once, by their best view."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zpscope.imaging.unique import NOWHERE, SAME_HEAD_UM, KnownHeads, View

where = st.floats(-1e5, 1e5, allow_nan=False)
points = st.lists(st.tuples(where, where), max_size=20, unique=True)
ISLAND = 3


def known(places: NDArray[np.float64], sharpness: float = 1.0, island: int = ISLAND) -> KnownHeads:
    heads = KnownHeads()
    put(heads, places, sharpness, island)
    return heads


def put(heads: KnownHeads, places: NDArray[np.float64], sharpness: float = 1.0, island: int = ISLAND) -> None:
    for i, (x, y) in enumerate(places.tolist()):
        heads.put(-1, island, (x, y), View(island, i), 10.0, sharpness)


def seen(
    heads: KnownHeads, places: NDArray[np.float64], area_um2: float = 10.0, sharpness: float = 1.0
) -> tuple[list[int], list[bool]]:
    number = len(places)
    found = heads.recognise(ISLAND, [places], np.full(number, area_um2), np.full(number, sharpness))
    return found.known.tolist(), found.better.tolist()


def spread(places: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return those of the places that lie apart from all before them."""
    kept: list[tuple[float, float]] = []
    for x, y in places:
        if all(max(abs(x - a), abs(y - b)) > 4 * SAME_HEAD_UM for a, b in kept):
            kept.append((x, y))
    return np.array(kept, np.float64).reshape(-1, 2)


@given(points, st.floats(0, 0.9 * SAME_HEAD_UM), st.floats(0, 6.28))
def test_a_second_look_finds_every_head_again(
    places: list[tuple[float, float]], far_um: float, towards: float
) -> None:
    first = spread(places)
    shift = far_um * np.array([np.cos(towards), np.sin(towards)])
    assert seen(known(first), first + shift) == (list(range(len(first))), [False] * len(first))


@given(points)
def test_heads_of_one_field_are_never_one(places: list[tuple[float, float]]) -> None:
    at = np.array(places, np.float64).reshape(-1, 2)
    found, _ = seen(known(at), at + 0.1)
    taken = [one for one in found if one >= 0]
    assert len(taken) == len(set(taken))
    assert seen(KnownHeads(), np.zeros((2, 2)))[0] == [-1, -1]


def test_neighbours_on_the_slide_are_two_heads_and_so_are_two_sizes() -> None:
    heads = known(np.zeros((1, 2)))
    assert seen(heads, np.array([[0.0, 1.1 * SAME_HEAD_UM]]))[0] == [-1]
    assert seen(heads, np.array([[0.0, 1.2]]))[0] == [0]
    assert seen(heads, np.array([[0.0, 1.2]]), area_um2=20.0)[0] == [-1]
    assert seen(heads, np.array([[0.0, 0.2]]), area_um2=20.0)[0] == [0]


def test_another_opinion_on_where_the_field_lies_is_heard() -> None:
    heads = known(np.zeros((1, 2)))
    views = [np.array([[5.0, 0.0]]), np.array([[0.3, 0.0]])]
    assert heads.recognise(ISLAND, views, np.array([10.0]), np.array([1.0])).known.tolist() == [0]


def test_a_sharper_view_takes_the_place_of_the_first() -> None:
    heads = known(np.zeros((1, 2)), sharpness=1.0)
    assert seen(heads, np.zeros((1, 2)), sharpness=1.05) == ([0], [False])
    assert seen(heads, np.zeros((1, 2)), sharpness=1.5) == ([0], [True])
    heads.put(0, ISLAND, (0.4, 0.0), View(9, 2), 10.0, 1.5)
    assert (len(heads), heads.view(0)) == (1, View(9, 2))
    assert seen(heads, np.zeros((1, 2)), sharpness=1.6) == ([0], [False])


@given(points, st.tuples(where, where), st.integers(0, 5))
def test_joined_islands_hold_every_head_once(
    places: list[tuple[float, float]], shift: tuple[float, float], common: int
) -> None:
    """The second island shows some of the first one's heads, in coordinates of its own."""
    first = spread(places)
    heads = known(first)
    own = first[:common] - shift
    put(heads, own, sharpness=2.0, island=ISLAND + 1)
    gone = heads.join(ISLAND + 1, ISLAND, shift)
    assert sorted(gone) == list(range(len(own))), "of two views the sharper stays"
    everyone = np.arange(len(heads), dtype=np.intp)
    assert int((heads.islands(everyone) == NOWHERE).sum()) == len(own)
    found, _ = seen(heads, first)
    assert sorted(found) == list(range(len(own), len(heads)))
