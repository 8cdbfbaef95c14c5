"""TIFF stacks and whole slides are replayed with their own scale and positions, or refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from zarr.core.sync import cleanup_resources

from tests.system.scope import zpscope
from zpscope.config.errors import SettingsError
from zpscope.config.settings import SyntheticCamera
from zpscope.drivers.open_camera import open_camera
from zpscope.drivers.open_source import open_source
from zpscope.drivers.synthetic import field_centre_um
from zpscope.imaging.decode import decode

SETTINGS = SyntheticCamera(seed=7, width_px=640, height_px=512, fields=6)


@pytest.fixture(scope="module")
def fields() -> NDArray[np.uint8]:
    """Return overlapping simulated fields (6, H, W, 3), RGB."""
    with open_camera(SETTINGS) as camera:
        return np.stack([decode(camera.grab(60).pixels, camera.format.layout) for _ in range(6)])


def score(*words: str) -> tuple[int, dict[str, Any], str]:
    done = zpscope("score", "--json", *words)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def heads(result: dict[str, Any]) -> list[Any]:
    return [field["heads"] for field in result["fields"]]


def write_ome(path: Path, fields: NDArray[np.uint8], unit: str = "µm", step: float = 1.0) -> None:
    places = [field_centre_um(SETTINGS, number) for number in range(len(fields))]
    with tifffile.TiffWriter(path, ome=True) as file:
        for field, (x_um, y_um) in zip(fields, places, strict=True):
            plane: dict[str, list[Any]] = {"PositionX": [x_um / step], "PositionY": [y_um / step]}
            plane |= {"PositionXUnit": [unit], "PositionYUnit": [unit]}
            scale = {"PhysicalSizeX": 0.069, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.069}
            file.write(field, photometric="rgb", metadata={"axes": "YXS", "Plane": plane, **scale})


@pytest.mark.parametrize(("unit", "step"), [("µm", 1.0), ("mm", 1000.0)])
def test_an_ome_tiff_brings_its_scale_and_positions(
    unit: str, step: float, fields: NDArray[np.uint8], tmp_path: Path
) -> None:
    write_ome(tmp_path / "scan.ome.tif", fields, unit, step)
    source = open_source(tmp_path / "scan.ome.tif")
    assert (len(source), source.um_per_px) == (6, 0.069)
    for index in range(6):
        grab = source.read(index)
        np.testing.assert_array_equal(grab.pixels, fields[index])
        assert grab.stage_um == pytest.approx(field_centre_um(SETTINGS, index))


@pytest.mark.parametrize(
    ("stated", "other"),
    [
        ('PositionX="5.0"', 'PositionX="nan"'),
        ('PositionX="5.0"', 'PositionX="inf"'),
        ('PositionX="5.0"', 'PositionX="1e300"'),
        ('PositionX="5.0"', 'PositionX="left"'),
        ('PhysicalSizeX="0.069"', 'PhysicalSizeX="small"'),
        ('PhysicalSizeX="0.069"', 'PhysicalSizeX="nan"'),
    ],
)
def test_an_ome_tiff_that_states_what_cannot_be_is_refused(stated: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.ome.tif"
    plane = {"PositionX": [5.0], "PositionY": [5.0], "PositionXUnit": ["µm"], "PositionYUnit": ["µm"]}
    about = {"axes": "YXS", "Plane": plane, "PhysicalSizeX": 0.069, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, np.zeros((8, 8, 3), np.uint8), photometric="rgb", ome=True, metadata=about)
    assert open_source(path).um_per_px == 0.069
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata
    assert text
    assert stated in text
    tifffile.tiffcomment(path, text.replace(stated, other).encode())
    with pytest.raises(SettingsError, match="is not a TIFF file, or is damaged") as error:
        open_source(path)
    assert "\n" not in str(error.value)


def test_an_ome_tiff_is_scored_by_its_own_scale(fields: NDArray[np.uint8], tmp_path: Path) -> None:
    write_ome(tmp_path / "scan.ome.tif", fields)
    status, result, stderr = score(str(tmp_path / "scan.ome.tif"))
    assert status == 0, stderr
    assert result["um_per_px"] == 0.069
    assert (result["scored"], result["unplaced"]) == (6, 0)


@pytest.mark.parametrize(
    "written",
    [{"resolution": (1e4 / 0.069, 1e4 / 0.069), "resolutionunit": "CENTIMETER"}, {"imagej": True}],
    ids=["centimetre", "ImageJ"],
)
def test_a_stack_gives_the_heads_of_its_pictures(
    written: dict[str, Any], fields: NDArray[np.uint8], tmp_path: Path
) -> None:
    if "imagej" in written:
        written = {"imagej": True, "resolution": (1 / 0.069, 1 / 0.069), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "stack.tif", fields[:3], photometric="rgb", **written)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        path = str(tmp_path / "pictures" / f"{number}.png")
        assert cv2.imwrite(path, np.ascontiguousarray(fields[number][..., ::-1]))
    assert open_source(tmp_path / "stack.tif").um_per_px == pytest.approx(0.069, rel=1e-5)
    stack = score(str(tmp_path / "stack.tif"), "--um-per-px", "0.069")[1]
    pictures = score(str(tmp_path / "pictures"), "--um-per-px", "0.069")[1]
    assert stack["n"] > 0
    assert heads(stack) == heads(pictures)


def write_slide(path: Path, vendor: bool = True, mpp: str = "0.0690") -> NDArray[np.uint8]:
    """Write a simulated slide of four fields as a scanner does, and return it."""
    with open_camera(SyntheticCamera(seed=3, width_px=2304, height_px=1792, fields=1)) as camera:
        whole = decode(camera.grab(60).pixels, camera.format.layout)
    about = "Aperio Image Library v11.2.1 \n2304x1792 [0,0 2304x1792] (256x256) RAW|AppMag = 100|MPP = " + mpp
    about = about if vendor else "scanned"
    tifffile.imwrite(path, whole, photometric="rgb", tile=(256, 256), description=about, metadata=None)
    return whole


def test_a_slide_is_cut_into_fields_at_full_resolution(tmp_path: Path) -> None:
    whole = write_slide(tmp_path / "slide.svs")
    source = open_source(tmp_path / "slide.svs")
    assert (len(source), source.um_per_px) == (4, 0.069)
    shown = np.zeros_like(whole)
    for index in range(4):
        grab = source.read(index)
        assert grab.stage_um
        x, y = (
            round(centre / 0.069 - (size - 1) / 2)
            for centre, size in zip(grab.stage_um, (1280, 1024), strict=True)
        )
        shown[y : y + 1024, x : x + 1280] = grab.pixels
    cleanup_resources()  # zarr's thread, which tiffslide reads with, lives as long as the process
    np.testing.assert_array_equal(shown, whole)
    status, result, stderr = score(str(tmp_path / "slide.svs"))
    assert status == 0, stderr
    assert result["captured"] == 4
    assert result["n"] > 3
    done = zpscope("segment", str(tmp_path / "slide.svs"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("slide-x*-y*.png"))) == 4


def _no_scale(path: Path, fields: NDArray[np.uint8]) -> Path:
    tifffile.imwrite(path / "stack.tif", fields[:2], photometric="rgb")
    return path / "stack.tif"


def _dpi(path: Path, fields: NDArray[np.uint8]) -> Path:
    tifffile.imwrite(
        path / "stack.tif", fields[:2], photometric="rgb", resolution=(72, 72), resolutionunit="INCH"
    )
    return path / "stack.tif"


def _depth(path: Path, fields: NDArray[np.uint8]) -> Path:
    tifffile.imwrite(path / "z.ome.tif", fields[:2], photometric="rgb", ome=True, metadata={"axes": "ZYXS"})
    return path / "z.ome.tif"


def _vendor(path: Path, fields: NDArray[np.uint8]) -> Path:
    write_slide(path / "slide.svs", vendor=False)
    return path / "slide.svs"


def _coarse(path: Path, fields: NDArray[np.uint8]) -> Path:
    write_slide(path / "slide.svs", mpp="0.2520")
    return path / "slide.svs"


def _garbage(path: Path, fields: NDArray[np.uint8]) -> Path:
    (path / "slide.ndpi").write_bytes(b"garbage" * 99)
    return path / "slide.ndpi"


def _film(path: Path, fields: NDArray[np.uint8]) -> Path:
    (path / "slide.czi").write_bytes(b"ZISRAWFILE")
    return path / "slide.czi"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_no_scale, "does not state its scale: give it with --um-per-px X"),
        (_dpi, "does not state its scale"),
        (_depth, "holds stacks in depth"),
        (_vendor, "is a slide of an unknown vendor"),
        (_coarse, "states 0.252 µm/px; heads are graded at 0.02 to 0.2"),
        (_garbage, "is not a slide that can be read"),
        (_film, "is neither a picture"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_line(
    write: Callable[[Path, NDArray[np.uint8]], Path],
    words: str,
    fields: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    path = write(tmp_path, fields)
    done = zpscope("score", str(path))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
