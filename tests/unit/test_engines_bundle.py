"""A bundle that is not what its card says is refused with one line, whatever is wrong with it."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from zpscope.config.errors import ModelRefused
from zpscope.engines.bundle import CARD, DEMONSTRATION, MODEL, Bundle, open_bundle, read_model
from zpscope.engines.card import Card
from zpscope.engines.onnx_writer import ElementType, graph, model, tensor, value
from zpscope.engines.protobuf import chunk, number
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.training.publish import digests, write_bundle

CARD_SHIPPED = Card.model_validate_json((DEMONSTRATION / CARD).read_bytes())
FITS = CARD_SHIPPED.preprocessing


def opened(folder: Path) -> Bundle:
    return open_bundle(folder, FITS.hash, FITS.um_per_px)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelRefused) as refused:
        opened(folder)
    line = str(refused.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMONSTRATION, tmp_path / "copy"))


def holding(weight: bytes) -> bytes:
    ends = {side: value(side, ElementType.FLOAT, []) for side in ("input", "output")}
    return model(graph("g", [], [weight], ends))


def test_the_demonstration_says_so() -> None:
    bundle = open_bundle("demonstration", FITS.hash, FITS.um_per_px)
    assert bundle.card.demonstration
    assert "DEMONSTRATION" in bundle.card.name
    assert bundle.card.notice.startswith(
        "DEMONSTRATION: trained on simulated heads, knows nothing of real ones"
    )
    assert sum(file.stat().st_size for file in DEMONSTRATION.iterdir()) <= 12_000_000


def test_the_demonstration_fits_the_crops_of_this_zpscope() -> None:
    open_bundle("demonstration", PREPROCESSING_HASH, CROP_UM_PER_PX)


def test_the_digest_names_the_whole_bundle(copy: Path) -> None:
    first = opened(copy)
    assert first.sha256 == opened(DEMONSTRATION).sha256
    other = holding(tensor("w", np.ones(1, np.float32)))
    write_bundle(
        copy,
        first.card.model_copy(update={"files": digests({MODEL: other}), "integers": None}),
        {MODEL: other},
    )
    assert opened(copy).sha256 != first.sha256


def test_refuses_a_changed_byte(copy: Path) -> None:
    content = bytearray((copy / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / MODEL).write_bytes(content)
    assert "model.onnx is not the file" in refusal(copy)


def test_refuses_a_missing_file(copy: Path) -> None:
    (copy / MODEL).unlink()
    assert "model.onnx is missing" in refusal(copy)


def test_refuses_an_extra_file(copy: Path) -> None:
    (copy / "weights.pkl").write_bytes(b"")
    assert "weights.pkl is not named" in refusal(copy)


def test_refuses_a_folder_for_a_file(copy: Path) -> None:
    (copy / MODEL).unlink()
    (copy / MODEL).mkdir()
    assert "model.onnx cannot be read" in refusal(copy)


def test_refuses_a_link_to_nowhere(copy: Path) -> None:
    (copy / MODEL).unlink()
    (copy / MODEL).symlink_to(copy / "nowhere")
    assert "model.onnx cannot be read" in refusal(copy)


def test_refuses_a_folder_without_card(copy: Path) -> None:
    (copy / CARD).unlink()
    assert "card.json cannot be read" in refusal(copy)


def test_refuses_no_folder(tmp_path: Path) -> None:
    assert "no such model bundle" in refusal(tmp_path / "nothing")


def test_refuses_a_file_for_a_folder(copy: Path) -> None:
    assert "no such model bundle" in refusal(copy / MODEL)


def test_refuses_a_folder_that_may_not_be_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    assert "let this user read it" in refusal(copy)


def test_refuses_a_card_without_end(copy: Path) -> None:
    (copy / CARD).write_bytes(b" " * (2 << 20))
    assert "larger than 1 MiB" in refusal(copy)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 1', '"format": 2'),
        ('"name"', '"nmae"'),
        ('"crop_px": 128', '"crop_px": 64'),
        ('"model.onnx"', '"../model.onnx"'),
        ('"demonstration": true', '"demonstration": true, "surprise": 1'),
        ("DEMONSTRATION: ", ""),
        ("{", "["),
    ],
)
def test_refuses_another_card(copy: Path, old: str, new: str) -> None:
    written = (copy / CARD).read_text()
    assert old in written
    (copy / CARD).write_text(written.replace(old, new, 1))
    assert "is not a card this zpscope reads" in refusal(copy)


def test_refuses_a_metric_outside_its_interval(copy: Path) -> None:
    card = json.loads((copy / CARD).read_text())
    next(iter(card["metrics"].values()))["low"] = 1.0
    next(iter(card["metrics"].values()))["value"] = 0.5
    (copy / CARD).write_text(json.dumps(card))
    assert "does not hold the value" in refusal(copy)


def test_refuses_other_preprocessing() -> None:
    with pytest.raises(ModelRefused, match="another version of the segmentation"):
        open_bundle("demonstration", "0" * 64, FITS.um_per_px)


def test_refuses_another_scale() -> None:
    with pytest.raises(ModelRefused, match=r"0\.052"):
        open_bundle("demonstration", FITS.hash, 0.052)


def test_refuses_a_model_changed_after_opening(copy: Path) -> None:
    bundle = opened(copy)
    (copy / MODEL).write_bytes(b"another")
    with pytest.raises(ModelRefused, match=r"model\.onnx is not the file"):
        read_model(bundle)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (holding(tensor("w", np.asarray([1, math.nan], np.float32))), "NaN or infinity in the weight 'w'"),
        (holding(chunk(8, "w") + chunk(13, b"") + number(14, 1)), "'w' in another file"),
        (b"\x80\x04\x95 a pickle, not an ONNX", "cannot be read as ONNX"),
        (b"", "holds no weights"),
    ],
    ids=["nan", "outside", "pickle", "empty"],
)
def test_refuses_a_model_before_any_runtime_reads_it(tmp_path: Path, content: bytes, says: str) -> None:
    files = {MODEL: content}
    write_bundle(
        tmp_path / "bad", CARD_SHIPPED.model_copy(update={"files": digests(files), "integers": None}), files
    )
    assert says in refusal(tmp_path / "bad")
