from pathlib import Path

import pytest

from zpscope.config.errors import SettingsError
from zpscope.config.load import load_settings, profiles
from zpscope.config.settings import ReplayCamera, Settings, SyntheticCamera


def write(folder: Path, text: str) -> str:
    path = folder / "lab.toml"
    path.write_text(text, "utf-8")
    return str(path)


def complaints(name_or_path: str, *overrides: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(name_or_path, overrides)
    return str(caught.value).splitlines()


def test_the_demo_profile_is_complete() -> None:
    settings = load_settings("demo")
    assert isinstance(settings.camera, SyntheticCamera)
    assert settings.camera.driver == "synthetic"


def test_the_replay_profile_asks_for_its_folder_and_says_how() -> None:
    assert complaints("replay") == [
        "profile replay: camera.folder is missing: give a path in quotes, "
        "for example --set camera.folder=/path/to/folder",
    ]


def test_every_shipped_profile_loads_once_it_has_what_it_asks_for() -> None:
    needs = {
        "replay": ["camera.folder=/tmp", "camera.um_per_px=0.07"],
        "lab-basler": ["camera.um_per_px=0.07"],
        "lab-micromanager": ["camera.config_file=/tmp/microscope.cfg", "camera.um_per_px=0.07"],
    }
    for name in profiles():
        load_settings(name, needs.get(name, []))


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[camera]\ndriver = "synthetic"\nseed = 1')
    settings = load_settings(path, ["camera.seed=2", "camera.seed = 3", "display.port=0"])
    assert isinstance(settings.camera, SyntheticCamera)
    assert (settings.camera.seed, settings.display.port) == (3, 0)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bench-2", "bench-2"),
        ('"bench 2"', "bench 2"),
        ("bench = 2", "bench = 2"),
        ("2026-11-22", "2026-11-22"),
        ("07", "07"),
        ("", ""),
        ("a\nb = 1", "a\nb = 1"),
        ("1\nb = 1", "1\nb = 1"),
    ],
)
def test_an_override_without_quotes_is_a_bare_word(text: str, name: str) -> None:
    assert load_settings("demo", [f"camera.name={text}"]).camera.name == name


def test_paths_start_where_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "here").mkdir()
    path = write(tmp_path / "etc", '[camera]\ndriver = "replay"\nfolder = "fields"\num_per_px = 0.07\n')
    monkeypatch.chdir(tmp_path / "here")
    from_file = load_settings(path)
    assert isinstance(from_file.camera, ReplayCamera)
    assert from_file.camera.folder == tmp_path / "etc" / "fields"
    assert from_file.store.path == Path("zpscope.sqlite")
    assert from_file.classifier.bundle == "demonstration"
    from_override = load_settings(path, ["camera.folder=fields", "store.path=/var/z.sqlite"])
    assert isinstance(from_override.camera, ReplayCamera)
    assert from_override.camera.folder == tmp_path / "here" / "fields"
    assert from_override.store.path == Path("/var/z.sqlite")


def test_a_path_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings("demo", ["store.path=~/z.sqlite"]).store.path == tmp_path / "z.sqlite"


def test_every_error_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        threshold_permille = 50
        [camera]
        driver = "synthetic"
        sed = 1
        overlap = 20
        width_px = "1280"
        um_per_px = nan
        pace_hz = inf
        fields = 0
        timing = "free_runing"
        [classifier]
        bundle = 3
        batch = true
        [wire]
        frames = "8471"
        [metrics]
        seed = 1
        [weather]
        """,
    )
    known = ", ".join(Settings.model_fields)
    assert sorted(complaints(path, "display.port=70000", "nonsense")) == sorted(
        [
            f"{path}: threshold_permille = 50: no such key: it belongs to [tally]",
            f"{path}: camera.sed = 1: no such key: did you mean camera.seed?",
            f"{path}: camera.overlap = 20: no such key: did you mean camera.overlap_percent?",
            f'{path}: camera.width_px = "1280": must be a whole number from 256 to 8192, in px',
            f"{path}: camera.um_per_px = NaN: must be a number above 0.02 and below 0.2, in µm/px",
            f"{path}: camera.pace_hz = Infinity: must be a number above 0, in Hz",
            f"{path}: camera.fields = 0: must be a whole number from 1",
            f'{path}: camera.timing = "free_runing": must be one of on_demand, free_running; '
            "did you mean free_running?",
            f'{path}: classifier.bundle = 3: must be "demonstration" or a path in quotes',
            f"{path}: classifier.batch = true: must be a whole number from 1 to 1024",
            f'{path}: wire.frames = "8471": must be text such as "tcp://127.0.0.1:8471"',
            f"{path}: metrics.seed = 1: no such key: it belongs to camera with driver synthetic",
            f"{path}: weather = {{}}: no such key: known here are {known}",
            "--set display.port=70000: display.port = 70000: must be a whole number from 0 to 65535",
            "--set nonsense: not understood: write key.path=value, such as store.path=/tmp/z.sqlite",
        ]
    )


DRIVERS = "micromanager, opencv, pylon, replay, synthetic"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "",
            f"camera is missing: give a table [camera] with driver, one of {DRIVERS}",
        ),
        (
            "camera = 3",
            f"camera = 3: must be a table [camera] with driver, one of {DRIVERS}",
        ),
        ("[camera]", f"camera.driver is missing: give one of {DRIVERS}"),
        (
            '[camera]\ndriver = "sinthetic"',
            f'camera.driver = "sinthetic": must be one of {DRIVERS}; did you mean synthetic?',
        ),
        (
            '[camera]\ndriver = "synthetic"\ntiming = "free_running"',
            "camera: timing free_running needs pace_hz, the exposures per second",
        ),
        ('wire = 1\n[camera]\ndriver = "synthetic"', "wire = 1: must be a table [wire]"),
    ],
)
def test_a_single_error_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    assert complaints(path) == [f"{path}: {complaint}"]


@pytest.mark.parametrize(
    ("text", "number", "end"),
    [
        ("[camera]\ndriver = synthetic", 2, "correct this line"),
        ('[camera]\ndriver = "synthetic"\n[camera]', 3, "correct this line"),
        (
            '[store]\npath = "C:\\Users"',
            2,
            "correct this line; write paths with a backslash in 'single quotes'",
        ),
        (
            '[store]\npath = "D:\\scans"',
            2,
            "correct this line; write paths with a backslash in 'single quotes'",
        ),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, text: str, number: int, end: str) -> None:
    path = write(tmp_path, text)
    (line,) = complaints(path)
    assert line.startswith(f"{path}: not TOML: ")
    assert f"(at line {number}, column " in line
    assert line.endswith(f": {end}")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("=3", "not understood: write key.path=value, such as store.path=/tmp/z.sqlite"),
        ("camera..seed=3", "not understood: write key.path=value, such as store.path=/tmp/z.sqlite"),
        ("camera.seed.x=3", "camera.seed is a single value: set camera.seed itself, or the table above it"),
        (
            "camera.seed=[1",
            "not a TOML value (Unclosed array (at end of document)): close every quote and bracket",
        ),
        ("camera.name=42", "camera.name = 42: must be text in quotes"),
        ("weather.wind=3", 'weather = {"wind": 3}: no such key: known here are '),
    ],
)
def test_a_wrong_override_is_named(override: str, complaint: str) -> None:
    (line,) = complaints("demo", override)
    assert line.startswith(f"--set {override}: {complaint}")


def test_another_driver_by_override_names_what_it_needs_and_what_is_left_over() -> None:
    lines = complaints("demo", "camera.driver=replay")
    assert "profile demo: camera.seed = 1: no such key: it belongs to camera with driver synthetic" in lines
    assert any("camera.folder is missing" in line for line in lines)


def test_a_missing_file_lists_the_profiles(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    known = ", ".join(profiles())
    assert complaints(str(path)) == [
        f"{path}: no such file or profile: give a TOML file or one of the profiles {known}"
    ]
    assert complaints("repaly") == [
        f"repaly: no such file or profile: did you mean replay? give a TOML file or one of the profiles {known}"
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert complaints(str(tmp_path)) == [
        f"{tmp_path}: cannot be read (Is a directory): name a TOML file that this user may read"
    ]
    path = tmp_path / "latin.toml"
    path.write_bytes("# 0.07 µm/px".encode("latin-1"))
    assert complaints(str(path)) == [f"{path}: byte 7 is not UTF-8: save the file as UTF-8 text"]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes('\ufeff[camera]\r\ndriver = "synthetic"\r\n'.encode())
    load_settings(str(path))


def test_a_long_value_is_shortened() -> None:
    (line,) = complaints("demo", f"camera.seed={'x' * 500}")
    assert "…: must be a whole number from 0" in line.removeprefix(f"--set camera.seed={'x' * 500}")
    assert len(line.removeprefix(f"--set camera.seed={'x' * 500}")) < 120


def test_the_bundle_that_ships_keeps_its_name_beside_other_settings() -> None:
    assert load_settings("demo", ["classifier.batch=8"]).classifier.bundle == "demonstration"
