import json
from importlib import resources
from pathlib import Path

import pytest
from pydantic import ValidationError

from zpscope.config.load import load_settings, profiles
from zpscope.config.schema import schema_text
from zpscope.config.settings import Settings


def test_the_checked_in_schema_is_the_settings() -> None:
    checked_in = resources.files("zpscope.config").joinpath("schema.json").read_text("utf-8")
    assert json.loads(checked_in) == Settings.model_json_schema(), (
        "run `make schema` and commit config/schema.json"
    )
    assert checked_in == schema_text()


def test_the_profiles_are_the_toml_files() -> None:
    folder = Path(__file__).parents[2] / "config"
    assert profiles() == sorted(path.stem for path in folder.glob("*.toml"))


def test_settings_never_change() -> None:
    settings = load_settings("demo")
    with pytest.raises(ValidationError, match="frozen"):
        settings.display.port = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_no_two_endpoints_of_a_profile_meet() -> None:
    settings = load_settings("demo")
    ports = [
        *(address.rpartition(":")[2] for address in (settings.wire.frames, settings.wire.newest)),
        *(address.rpartition(":")[2] for address in (settings.wire.state, settings.wire.control)),
        *map(str, (settings.metrics.camera_port, settings.metrics.inference_port, settings.display.port)),
    ]
    assert len(set(ports)) == len(ports)
