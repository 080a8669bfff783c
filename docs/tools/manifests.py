"""The page of manifests: Dataset, Model and IncrementalLearningJob, field by field."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from docs.tools.fields import Field, fields
from docs.tools.markdown import code, page, prose, table
from docs.tools.meanings import MEANINGS
from jobs.resources import schema

__all__ = ["manifests_page"]

_INTRODUCTION = f"""\
The resources of `{schema.API_VERSION}` as `iljob` reads them and Sedna's GlobalManager takes
them. Names, required fields and defaults are those of Sedna's CRDs. An unknown field is an error
that names file, resource and field. Times are in quotes: YAML takes an unquoted `20:00` for the
number 1200.

Of a pod's template the tables hold what the one-machine runner uses; other Kubernetes fields
are checked for spelling and kept as they are."""

_RESOURCES: Sequence[type[BaseModel]] = (
    schema.Dataset,
    schema.Model,
    schema.IncrementalLearningJob,
)


def manifests_page() -> str:
    """Return the page: a section for each resource, and one for each part of it."""
    sections = [_section(each) for each in _parts(_RESOURCES)]
    return page("Manifests", _INTRODUCTION, *sections)


def _parts(models: Sequence[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return the models and all that they are made of, each once, in the order of first use."""
    found: dict[str, type[BaseModel]] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop(0)
        if model.__name__ not in found:
            found[model.__name__] = model
            waiting[:0] = _used(model)
    return list(found.values())


def _used(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for name in model.model_json_schema().get("$defs", {}):
        part = getattr(schema, name)
        if any(name in each.type.split() for each in fields(model)):
            yield part


def _section(model: type[BaseModel]) -> str:
    rows = [
        (code(each.name), _linked(each.type), _default(each), _meaning(model, each))
        for each in fields(model)
    ]
    heads = ["field", "type", "default", "meaning"]
    parts = [f"## {model.__name__}", prose(model.__doc__), table(heads, rows), _kept(model)]
    return "\n\n".join(part for part in parts if part)


def _linked(type_: str) -> str:
    return " ".join(
        f"[{word}](#{word.lower()})" if hasattr(schema, word) else word for word in type_.split(" ")
    )


def _default(field: Field) -> str:
    return "**required**" if field.is_required else field.default or "unset"


def _meaning(model: type[BaseModel], field: Field) -> str:
    own = MEANINGS.get(f"{model.__name__}.{field.name}") or MEANINGS.get(field.name)
    part = getattr(schema, field.type, None)
    return field.description or own or prose(getattr(part, "__doc__", ""))


def _kept(model: type[BaseModel]) -> str:
    names = getattr(model, "passed_on", "").split()
    return f"Kept as they are: {', '.join(map(code, sorted(names)))}." if names else ""
