"""A failed check, in words: which key, what is wrong with it, what to write instead.

Reads the JSON schema of the settings, so that a new setting is explained without a line here.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

Key = tuple[str, ...]
"""Names from the root to a value: `camera.seed` is ("camera", "seed")."""
Schema = Mapping[str, Any]

_UNITS = {
    "um_per_px": "µm/px",
    "_px": "px",
    "_um": "µm",
    "_us": "µs",
    "_ms": "ms",
    "_ns": "ns",
    "_s": "s",
    "_hz": "Hz",
    "_db": "dB",
    "_percent": "%",
    "_permille": "‰",
    "_mib": "MiB",
}
_LONGEST_VALUE = 60


def explain(schema: Schema, error: ErrorDetails) -> tuple[Key, str]:
    """Return the key that is wrong, and one line that names it, its value and the remedy."""
    key, node, table = _walk(schema, error["loc"])
    match error["type"]:
        case "union_tag_invalid" | "union_tag_not_found":
            tag = node["discriminator"]["propertyName"]
            key = (*key, tag)
            allowed = list(node["discriminator"]["mapping"])
            if error["type"] == "union_tag_not_found":
                return key, f"{_name(key)} is missing: give one of {', '.join(allowed)}"
            value = error["input"][tag]
            return (
                key,
                f"{_name(key)} = {_shown(value)}: must be one of {', '.join(allowed)}{_meant(value, allowed)}",
            )
        case "missing":
            return (
                key,
                f"{_name(key)} is missing: give {_allowed(schema, node, key)}{_example(schema, node, key)}",
            )
        case "extra_forbidden":
            return (
                key,
                f"{_name(key)} = {_shown(error['input'])}: no such key: {_instead(schema, key, table)}",
            )
        case "value_error":
            return key, f"{_name(key)}: {error['msg'].removeprefix('Value error, ')}"
        case _:
            return key, refuse(schema, key, error["input"])


def refuse(schema: Schema, key: Key, value: object) -> str:
    """Return the line for a value that its key does not allow."""
    _, node, _ = _walk(schema, key)
    choices = [str(choice) for choice in _resolved(schema, node).get("enum", ())]
    return f"{_name(key)} = {_shown(value)}: must be {_allowed(schema, node, key)}{_meant(value, choices)}"


def _walk(schema: Schema, loc: Sequence[int | str]) -> tuple[Key, Schema, Schema]:
    """Follow an error's location; return its key, the schema there, and the schema of the table around it."""
    key: Key = ()
    node = table = schema
    for step in map(str, loc):
        node = _resolved(schema, node)
        if step in node.get("discriminator", {}).get("mapping", {}):
            node = {"$ref": node["discriminator"]["mapping"][step]}
        elif "properties" in node:
            table = node
            node = node["properties"].get(step, {})
            key = (*key, step)
        elif "discriminator" in node:
            key = (*key, step)
            node = _in_any_table(schema, node["oneOf"], step)
        else:
            break
    return key, _resolved(schema, node), table


def _in_any_table(schema: Schema, choices: Iterable[Schema], step: str) -> Schema:
    for choice in choices:
        keys = _resolved(schema, choice)["properties"]
        if step in keys:
            found: Schema = keys[step]
            return found
    return {}


def _resolved(schema: Schema, node: Schema) -> Schema:
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _allowed(schema: Schema, node: Schema, key: Key) -> str:
    node = _resolved(schema, node)
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        return " or ".join(
            _allowed(schema, choice | {"default": node.get("default")}, key) for choice in choices
        )
    if "enum" in node:
        return f"one of {', '.join(map(str, node['enum']))}"
    if "const" in node:
        return json.dumps(node["const"])
    if "discriminator" in node:
        tag = node["discriminator"]["propertyName"]
        return f"a table [{_name(key)}] with {tag}, one of {', '.join(node['discriminator']['mapping'])}"
    match node.get("type"):
        case "integer" | "number" as kind:
            return _number(node, kind) + _unit(key)
        case "boolean":
            return "true or false"
        case "string" if node.get("format") == "path":
            return "a path in quotes"
        case "string" if "pattern" in node:
            return f"text such as {json.dumps(node.get('default') or node['pattern'])}"
        case "string":
            return "text in quotes"
        case "array":
            return "a list in [brackets]"
        case _:
            return f"a table [{_name(key)}]"


def _number(node: Schema, kind: str) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if kind == "integer" and above is not None:
        low, above = above + 1, None
    words = "a whole number" if kind == "integer" else "a number"
    for word, bound in (("from", low), ("above", above), ("to", high), ("and below", below)):
        words += "" if bound is None else f" {word} {bound}"
    return words


def _unit(key: Key) -> str:
    unit = next((unit for ending, unit in _UNITS.items() if key and key[-1].endswith(ending)), "")
    return f", in {unit}" if unit else ""


def _example(schema: Schema, node: Schema, key: Key) -> str:
    if _resolved(schema, node).get("format") == "path":
        return f", for example --set {_name(key)}=/path/to/{key[-1]}"
    return ""


def _instead(schema: Schema, key: Key, table: Schema) -> str:
    known = list(table["properties"])
    near = _near(key[-1], known)
    if near:
        return f"did you mean {_name((*key[:-1], near))}?"
    owner = next((name for name, keys in _tables(schema) if key[-1] in keys), "")
    if owner:
        return f"it belongs to {owner}"
    return f"known here are {', '.join(known)}"


def _tables(schema: Schema) -> Iterable[tuple[str, Sequence[str]]]:
    """Yield every table as an operator would name it, with its keys."""
    for name, node in schema["properties"].items():
        discriminator = node.get("discriminator")
        if discriminator:
            for tag, reference in discriminator["mapping"].items():
                keys = _resolved(schema, {"$ref": reference})["properties"]
                yield f"{name} with {discriminator['propertyName']} {tag}", list(keys)
        else:
            yield f"[{name}]", list(_resolved(schema, node).get("properties", ()))


def _near(word: str, known: Sequence[str]) -> str:
    """Return the known key that was probably meant: one with its unit forgotten, or a close spelling."""
    begun = [name for name in known if name.startswith(f"{word}_")]
    return next(iter(begun + difflib.get_close_matches(word, known, n=1)), "")


def _meant(value: object, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def _name(key: Key) -> str:
    return ".".join(key)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
