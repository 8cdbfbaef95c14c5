import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from zpscope.drivers.unpack import eight_bits, layout_of

Words = NDArray[np.uint16]


def packed(words: Words, packing: str) -> NDArray[np.uint8]:
    """Return the bytes a camera sends for words of 10 or 12 bits, bit by bit as the naming convention draws them."""
    bits = int(packing[:2])
    if packing == "12Packed":
        pairs = [(int(a), int(b)) for a, b in words.reshape(-1, 2)]
        return np.array(
            [byte for a, b in pairs for byte in (a >> 4, a & 15 | (b & 15) << 4, b >> 4)], np.uint8
        )
    if packing.endswith("p"):
        stream = "".join(f"{int(word):0{bits}b}"[::-1] for word in words)
        return np.array([int(stream[at : at + 8][::-1], 2) for at in range(0, len(stream), 8)], np.uint8)
    return words.astype("<u2").view(np.uint8)


@given(st.data(), st.sampled_from(["10", "12", "10p", "12p", "12Packed"]))
def test_the_upper_eight_bits_of_every_word_arrive(choose: st.DataObject, packing: str) -> None:
    bits = int(packing[:2])
    shape = (2 * choose.draw(st.integers(1, 4)), 4 * choose.draw(st.integers(1, 4)))
    words = choose.draw(arrays(np.uint16, shape[0] * shape[1], elements=st.integers(0, (1 << bits) - 1)))
    got = eight_bits(packed(words, packing), packing, shape)
    np.testing.assert_array_equal(got.ravel(), words >> (bits - 8))
    assert got.dtype == np.uint8
    assert got.shape == shape


def test_eight_bits_are_not_copied() -> None:
    sent = np.arange(16, dtype=np.uint8)
    assert np.shares_memory(eight_bits(sent, "8", (4, 4)), sent)


def test_bytes_that_do_not_fill_the_field_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        eight_bits(np.zeros(15, np.uint8), "8", (4, 4))


@pytest.mark.parametrize(
    ("pixel_format", "expected"),
    [
        ("BayerRG8", ("bayer_rg8", "8")),
        ("BayerGB12", ("bayer_gb8", "12")),
        ("BayerBG10p", ("bayer_bg8", "10p")),
        ("BayerGR12Packed", ("bayer_gr8", "12Packed")),
        ("RGB8Packed", ("rgb8", "8")),
        ("RGB8", ("rgb8", "8")),
        ("Mono8", None),
        ("BayerRG16", None),
        ("YCbCr422_8", None),
    ],
)
def test_formats_by_their_genicam_name(pixel_format: str, expected: tuple[str, str] | None) -> None:
    assert layout_of(pixel_format) == expected
