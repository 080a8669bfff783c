"""The fields of a pydantic model in words: name, type, default, meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from docs.tools.markdown import code, prose

__all__ = ["Field", "fields", "type_words"]

Schema = Mapping[str, Any]
"""A JSON schema, or a part of one."""

_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "pattern": "`{}`",
}
_TYPES = {
    ("string", "path"): "path",
    ("string", "password"): "secret text",
    ("string", "date-time"): "time, RFC 3339",
    ("string", ""): "text",
    ("integer", ""): "integer",
    ("number", ""): "number",
    ("boolean", ""): "true or false",
    ("object", ""): "mapping",
    ("null", ""): "null",
}


@dataclass(frozen=True)
class Field:
    """One field as a reader needs it."""

    name: str
    type: str
    default: str
    """Empty for a required field, whose `is_required` is true, and for none."""
    is_required: bool
    description: str


def fields(model: type[BaseModel]) -> list[Field]:
    """Return the fields of ``model``, under the names that users write."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        Field(
            name=str(name),
            type=type_words(each, schema.get("$defs", {})),
            default=_default_words(each.get("default")),
            is_required=name in required,
            description=prose(each.get("description")),
        )
        for name, each in schema["properties"].items()
        if not name.startswith(" ")  # nobody can write it: what the model passes on is kept there
    ]


def type_words(schema: Schema, definitions: Schema) -> str:
    """Return the type that ``schema`` describes, with its limits."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        target = definitions[name]
        return name if "properties" in target else type_words(target, definitions)
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(type_words(each, definitions) for each in kinds)
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(code(choice) for choice in choices)
    if schema.get("type") == "array":
        return f"list of {type_words(schema.get('items', {}), definitions) or 'anything'}"
    return _simple(schema)


def _simple(schema: Schema) -> str:
    kind = schema.get("type", "")
    name = _TYPES.get((kind, schema.get("format", "")), kind)
    limits = [words.format(schema[key]) for key, words in _LIMITS.items() if key in schema]
    return ", ".join([name, *limits]) if name else ""


def _default_words(default: object) -> str:
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, list | tuple):
        return code(",".join(map(str, default)))
    return "" if default is None or default == {} else code(default)
