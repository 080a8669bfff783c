"""The fields of a pydantic model in words: name, type, default, meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from docs.tools.markdown import code, prose

__all__ = ["Field", "fields"]

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
    ("boolean", ""): "true or false",
    ("object", ""): "mapping",
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
    """The field's own, or else that of the model that it holds."""


def fields(model: type[BaseModel]) -> list[Field]:
    """Return the fields of ``model``, under the names that users write."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return [
        Field(
            name=name,
            type=_type_words(each, definitions),
            default=_default_words(each.get("default")),
            is_required=name in schema.get("required", []),
            description=prose(_description(each, definitions)),
        )
        for name, each in schema["properties"].items()
        if not name.startswith(" ")  # fields that a model keeps for itself
    ]


def _description(schema: Schema, definitions: Schema) -> str:
    own = schema.get("description")
    parts = [schema, *schema.get("anyOf", ())]
    held = [definitions[_referenced(each)] for each in parts if "$ref" in each]
    return str(own or "".join(each.get("description", "") for each in held))


def _referenced(schema: Schema) -> str:
    return str(schema["$ref"].rsplit("/", 1)[-1])


def _type_words(schema: Schema, definitions: Schema) -> str:
    if "$ref" in schema:
        name = _referenced(schema)
        target = definitions[name]
        return name if "properties" in target else _type_words(target, definitions)
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(_type_words(each, definitions) for each in kinds)
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(code(choice) for choice in choices if choice != "")
    if schema.get("type") == "array":
        return f"list of {_type_words(schema.get('items', {}), definitions) or 'anything'}"
    kind = str(schema.get("type", ""))
    name = _TYPES.get((kind, schema.get("format", "")), kind)
    limits = [words.format(schema[key]) for key, words in _LIMITS.items() if key in schema]
    return ", ".join([name, *limits]) if name else ""


def _default_words(default: object) -> str:
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, list | tuple):
        return code(",".join(map(str, default)))
    return "" if default is None or default == {} else code(default)
