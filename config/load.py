"""From a profile or a TOML file to settings, or to every error in it at once.

Knows files and wording; what may be set is in `settings.py`, the words for an error in `explain.py`.
"""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import ValidationError

from zpscope.config.errors import SettingsError
from zpscope.config.explain import Key, explain, refuse
from zpscope.config.settings import Settings


@dataclass
class _Draft:
    """What was written, before it is checked."""

    origin: str
    """The file or profile, as error messages name it."""
    folder: Path | None
    """Where relative paths of the file start; None: the working directory."""
    tree: dict[str, Any]
    overrides: dict[Key, str] = field(default_factory=dict[Key, str])
    """Keys that `--set` gave, and the words it gave them with."""
    wrong: list[str] = field(default_factory=list[str])


def load_settings(name_or_path: str, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings of a shipped profile or a TOML file; raise SettingsError with every error.

    The message has one line for each. `demo` is the shipped profile, `./demo` and `demo.toml` are files. An
    override is `key.path=value` with a TOML value; a bare word is a string. A relative path in a file starts
    at the file's folder, so that a service and a shell read the same file alike; one in an override, in a
    shipped profile or left to its default starts at the working directory (under systemd, the state
    directory). `~` is the home directory.
    """
    draft = _read(name_or_path)
    for override in overrides:
        _override(draft, override)
    _check(draft)
    if draft.wrong:
        raise SettingsError("\n".join(draft.wrong))
    settings = Settings.model_validate_json(_to_json(draft.tree), strict=True)
    _place_paths(draft, settings)
    return Settings.model_validate_json(_to_json(draft.tree), strict=True)


def profiles() -> list[str]:
    """Return the names of the shipped profiles."""
    files = resources.files("zpscope.config").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def _read(name_or_path: str) -> _Draft:
    if name_or_path in profiles():
        text = resources.files("zpscope.config").joinpath(f"{name_or_path}.toml").read_text("utf-8")
        return _Draft(f"profile {name_or_path}", None, tomllib.loads(text))
    path = Path(name_or_path).expanduser()
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return _Draft(name_or_path, path.absolute().parent, tomllib.loads(text))
    except FileNotFoundError as error:
        raise SettingsError(_not_found(name_or_path)) from error
    except UnicodeDecodeError as error:
        msg = f"{name_or_path}: byte {error.start} is not UTF-8: save the file as UTF-8 text"
        raise SettingsError(msg) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name_or_path}: not TOML: {error}: {_correction(text, error)}") from error
    except OSError as error:
        msg = f"{name_or_path}: cannot be read ({error.strerror}): name a TOML file that this user may read"
        raise SettingsError(msg) from error


def _not_found(name: str) -> str:
    known = profiles()
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return (
        f"{name}: no such file or profile: {meant}give a TOML file or one of the profiles {', '.join(known)}"
    )


def _correction(text: str, error: tomllib.TOMLDecodeError) -> str:
    place = re.search(r"at line (\d+)", str(error))
    if place and "\\" in text.split("\n")[int(place[1]) - 1]:
        return "correct this line; write paths with a backslash in 'single quotes'"
    return "correct this line"


def _override(draft: _Draft, override: str) -> None:
    name, equals, text = override.partition("=")
    key = tuple(part.strip() for part in name.split("."))
    if not equals or not all(key):
        draft.wrong.append(
            f"--set {override}: not understood: write key.path=value, such as store.path=/tmp/z.sqlite"
        )
        return
    table = draft.tree
    for depth, part in enumerate(key[:-1], start=1):
        if part not in table:
            draft.overrides[key[:depth]] = f"--set {override}"
        table = table.setdefault(part, {})
        if not _is_table(table):
            above = ".".join(key[:depth])
            draft.wrong.append(
                f"--set {override}: {above} is a single value: set {above} itself, or the table above it"
            )
            return
    try:
        table[key[-1]] = _value(text.strip())
    except tomllib.TOMLDecodeError as error:
        draft.wrong.append(f"--set {override}: not a TOML value ({error}): close every quote and bracket")
        return
    draft.overrides[key] = f"--set {override}"


def _value(text: str) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if text[:1] in {'"', "'", "[", "{"}:
            raise
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _check(draft: _Draft) -> None:
    schema = Settings.model_json_schema()
    lines: dict[str, None] = {}
    for key, value in _leaves(draft.tree):
        if isinstance(value, float) and not math.isfinite(value):
            lines[f"{_origin(draft, key)}: {refuse(schema, key, value)}"] = None
    try:
        Settings.model_validate_json(_to_json(draft.tree), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key, what = explain(schema, detail)
            lines[f"{_origin(draft, key)}: {what}"] = None
    draft.wrong += lines


def _origin(draft: _Draft, key: Key) -> str:
    """Return the override that wrote the key, or part of it, else the file."""
    for written, words in draft.overrides.items():
        if written == key[: len(written)]:
            return words
    return draft.origin


def _place_paths(draft: _Draft, settings: Settings) -> None:
    for key, written in _leaves(draft.tree):
        value: object = settings
        for part in key:
            value = getattr(value, part)
        if isinstance(value, Path):
            overridden = _origin(draft, key) != draft.origin
            folder = Path.cwd() if overridden or draft.folder is None else draft.folder
            _put(draft.tree, key, str(folder / Path(str(written)).expanduser()))


def _leaves(tree: Mapping[str, Any], above: Key = ()) -> list[tuple[Key, object]]:
    found: list[tuple[Key, object]] = []
    for name, value in tree.items():
        found += _leaves(value, (*above, name)) if _is_table(value) else [((*above, name), value)]
    return found


def _is_table(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _put(tree: dict[str, Any], key: Key, value: object) -> None:
    for part in key[:-1]:
        tree = tree[part]
    tree[key[-1]] = value


def _to_json(tree: dict[str, Any]) -> str:
    # Strict JSON mode refuses "5" or true where a number belongs, yet takes text for a path. TOML dates are text.
    return json.dumps(tree, default=str)
