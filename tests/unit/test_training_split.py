# pyright: reportMissingImports=false
"""Crops of one donor, and near-identical ones, stay on one side of every split."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `train` is not installed")

from zpscope.config.errors import SettingsError
from zpscope.training.crop_set import CropSet, read_crops, write_crops
from zpscope.training.duplicates import near_duplicates
from zpscope.training.split import PROTOCOLS, TEST, TRAIN, VALIDATION, across, folds, split


def crop_set(donors: int, each: int, seed: int = 0) -> CropSet:
    """Return crops of noise: half of the donors are bound."""
    random = np.random.default_rng(seed)
    crops = random.integers(0, 256, (donors * each, 128, 128), np.uint8)
    donor = np.repeat(np.arange(donors), each)
    names = [f"{'bound' if d % 2 else 'unbound'}/{d}/s/{i}.png" for i, d in enumerate(donor.tolist())]
    return CropSet(
        crops, donor % 2 == 1, donor.astype(str), np.full(len(donor), "s"), np.asarray(names, np.str_)
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_set_has_both_classes_and_about_its_share(protocol: str) -> None:
    crops = crop_set(24, 4)
    sets = split(crops, protocol, 3, [])  # type: ignore[arg-type]
    for name, share in ((TEST, 220 / 1303), (VALIDATION, 0.21), (TRAIN, 0.62)):
        inside = crops.bound[sets == name]
        assert 0 < inside.mean() < 1
        assert abs(len(inside) / len(crops) - share) < 0.07
    assert bool(across(crops, sets)) == (protocol == "paper")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.integers(8, 20))
def test_groups_stay_whole(seed: int, donors: int) -> None:
    crops = crop_set(donors, 3, seed)
    pairs = [(0, 3 * 2), (1, 3 * 4)]  # donors 0, 2 and 4 share heads
    try:
        sets = split(crops, "donor", seed, pairs)
    except SettingsError:
        return
    assert across(crops, sets) == []
    assert len(set(sets[[0, 6, 12]])) == 1
    fold = folds(crops.bound, np.repeat(np.arange(donors), 3), 4, seed)
    assert set(fold.tolist()) == {0, 1, 2, 3}
    assert all(len(set(fold[at : at + 3].tolist())) == 1 for at in range(0, len(fold), 3))


def test_too_few_donors_are_refused() -> None:
    with pytest.raises(SettingsError, match="too few donors"):
        split(crop_set(4, 5), "donor", 0, [])


def test_a_copy_is_seen_and_other_noise_is_not() -> None:
    crops = crop_set(12, 2).crops
    noisy = crops[5].astype(np.int16) // 2 + 40
    again = np.concatenate([crops, noisy[None].astype(np.uint8)])
    assert near_duplicates(again) == [(5, 24)]
    assert near_duplicates(crops[:1]) == []


def written(folder: Path, crops: CropSet) -> Path:
    write_crops(folder, crops.crops, crops.name.tolist())
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    crops = crop_set(4, 2)
    again = read_crops(written(tmp_path, crops), pytest.fail)
    order = np.argsort([not bound for bound in again.bound], kind="stable")
    assert sorted(again.name.tolist()) == sorted(crops.name.tolist())
    assert set(again.donor.tolist()) == {"0", "1", "2", "3"}
    assert again.only(order).digest != again.digest
    by_name = dict(zip(again.name.tolist(), again.crops, strict=True))
    same: list[bool] = [
        bool((by_name[n] == c).all()) for n, c in zip(crops.name.tolist(), crops.crops, strict=True)
    ]
    assert all(same)


def test_bad_folders_are_refused_in_words(tmp_path: Path) -> None:
    crops = crop_set(4, 10)
    with pytest.raises(SettingsError, match="no folder `unbound`"):
        read_crops(tmp_path, pytest.fail)
    (tmp_path / "empty" / "bound").mkdir(parents=True)
    (tmp_path / "empty" / "unbound").mkdir()
    with pytest.raises(SettingsError, match="gives no crop"):
        read_crops(tmp_path / "empty", pytest.fail)
    one = written(tmp_path / "both", crops)
    write_crops(one, crops.crops[:1], ["bound/9/s/copy.png"])
    with pytest.raises(SettingsError, match="one crop in both classes"):
        read_crops(one, pytest.fail)


def test_unusable_pictures_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    folder = written(tmp_path, crop_set(4, 10))
    heard: list[str] = []
    spoil(folder / "bound/1/s/10.png", np.zeros((128, 64), np.uint8))
    assert len(read_crops(folder, heard.append)) == 39
    assert "a crop is 128 x 128" in heard[0]
    (folder / "bound/1/s/11.png").write_bytes(b"no picture")
    (folder / "bound/1/s/12.png").write_bytes(b"")
    with pytest.raises(SettingsError, match="3 of 40 pictures cannot be used"):
        read_crops(folder, heard.append)


def spoil(path: Path, crop: NDArray[np.uint8]) -> None:
    path.unlink()
    write_crops(path.parent, crop[None], [path.name])
