"""Reads Dataset, Model and IncrementalLearningJob resources from files, as kubectl does.

Lists of resources are read like the resources in them. It is stricter than kubectl: see `schema`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backend.errors import SettingsError
from jobs.resources.checks import JobResources, mistakes
from jobs.resources.schema import Dataset, IncrementalLearningJob, Model

__all__ = ["load_documents", "load_job", "load_jobs"]

_KINDS: dict[str, type[Dataset | Model | IncrementalLearningJob]] = {
    "Dataset": Dataset,
    "Model": Model,
    "IncrementalLearningJob": IncrementalLearningJob,
}
_JSON = ".json"
_SUFFIXES = (".yaml", ".yml", _JSON)
_GROUP = "sedna.io/"
_LIST = "List"
_LIKE_A_KIND = 0.8
_SHOWN = 60

_Kind = TypeVar("_Kind", Dataset, Model)


def load_job(paths: Sequence[Path]) -> JobResources:
    """Return the only job in ``paths``.

    ``paths`` are YAML or JSON files, or folders of them, of one or more documents each.
    Documents of other kinds are ignored.

    Raises:
        SettingsError: a file, resource or field is missing or wrong, or there is not exactly
            one IncrementalLearningJob. All problems are reported, one line each.
    """
    jobs = load_jobs(paths)
    if len(jobs) > 1:
        names = ", ".join(job.name for job in jobs)
        raise SettingsError(
            f"these manifests contain {len(jobs)} jobs ({names}): name those of one"
        )
    return jobs[0]


def load_jobs(paths: Sequence[Path]) -> list[JobResources]:
    """Return every job in ``paths``, at least one; see `load_job`."""
    problems: list[str] = []
    loaded = [resource for file in _files(paths) for resource in _resources(file, problems)]
    problems += _duplicates(loaded)
    jobs = [job for item in loaded for job in _linked(item, loaded, problems)]
    if not any(isinstance(item.value, IncrementalLearningJob) for item in loaded) and not problems:
        problems.append(
            f"{', '.join(map(str, paths))}: no IncrementalLearningJob: add its manifest"
        )
    if problems:
        raise SettingsError("\n".join(problems))
    return jobs


def load_documents(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return every document in ``paths``, of any kind, as written.

    Raises:
        SettingsError: a file is missing or not YAML, or a document is not a Kubernetes resource.
    """
    problems: list[str] = []
    read = [(file, document) for file in _files(paths) for document in _documents(file, problems)]
    problems += (
        f"{file}: {document.get('kind', 'a document')}: a resource needs apiVersion, kind and"
        " metadata.name: add them"
        for file, document in read
        if not {"apiVersion", "kind"} <= document.keys() or _name(document) == "?"
    )
    if problems:
        raise SettingsError("\n".join(problems))
    return [document for _, document in read]


@dataclass(frozen=True)
class _Loaded:
    file: Path
    value: Dataset | Model | IncrementalLearningJob

    def __str__(self) -> str:
        return f"{self.file}: {self.value.kind}/{self.value.metadata.name}"

    @property
    def identity(self) -> tuple[str, str, str]:
        metadata = self.value.metadata
        return self.value.kind, metadata.namespace, metadata.name


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it, but without repeated keys, of which the last would silently win.

    In kubectl's YAML there are no times or dates: an unquoted ``20:00`` is text.
    """

    bool_values: ClassVar = {**yaml.SafeLoader.bool_values, "y": True, "n": False}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(str(key.value) for key, _ in node.value if key.tag != f"{_TAG}merge")
        repeated = [key for key, times in keys.items() if times > 1]
        if repeated:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {repeated[0]} occurs twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


_TAG = "tag:yaml.org,2002:"
_NUMBER_STARTS = "-+0123456789"
_Loader.yaml_implicit_resolvers = {}
for _name_of_tag, _pattern, _starts in (
    ("bool", "y|Y|[yY]es|YES|[tT]rue|TRUE|[oO]n|ON|n|N|[nN]o|NO|[fF]alse|FALSE|[oO]ff|OFF",
     "yYtToOnNfF"),
    ("int", "[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", _NUMBER_STARTS),
    ("float", r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
     r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", f"{_NUMBER_STARTS}."),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", "<"),
):  # fmt: skip
    _Loader.add_implicit_resolver(
        f"{_TAG}{_name_of_tag}", re.compile(f"^(?:{_pattern})$"), list(_starts)
    )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
        else:
            yield path


def _resources(file: Path, problems: list[str]) -> Iterator[_Loaded]:
    for document in _documents(file, problems):
        name = str(document.get("kind"))
        origin = f"{file}: {name}/{_name(document)}"
        if not str(document.get("apiVersion", _GROUP)).startswith(_GROUP):
            continue
        kind = _KINDS.get(name)
        if kind is None:
            meant = get_close_matches(name, _KINDS, n=1, cutoff=_LIKE_A_KIND)
            problems += (f"{origin}: kind: did you mean {each}?" for each in meant)
            continue
        try:
            yield _Loaded(file, kind.model_validate(document))
        except ValidationError as error:
            problems += (f"{origin}: {_describe(detail, kind)}" for detail in error.errors())


def _documents(file: Path, problems: list[str]) -> list[dict[str, Any]]:
    """Return the file's resources, those of lists one by one."""
    try:
        text = file.read_text(encoding="utf-8")
        # JSON may be indented with tabs, YAML may not.
        text = text.replace("\t", " ") if file.suffix == _JSON else text
        return list(_unlisted([*yaml.load_all(text, _Loader)]))
    except OSError as error:
        problems.append(f"{file}: {error.strerror}: name a manifest or a folder of manifests")
    except _NotAResourceError as error:
        problems.append(f"{file}: {error}")
    except Exception as error:  # noqa: BLE001 - a wrong value makes PyYAML raise anything
        problems.append(f"{file}: this is not YAML: {' '.join(str(error).split())}")
    return []


class _NotAResourceError(Exception):
    """A document is not a mapping of fields."""


def _unlisted(documents: list[Any]) -> Iterator[dict[str, Any]]:
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise _NotAResourceError(
                f"a document is {str(document)[:_SHOWN]!r}, not a resource with a kind: correct it"
            )
        kind, items = str(document.get("kind")), document.get("items")
        if kind.endswith(_LIST) and isinstance(items, list):
            yield from _unlisted([_typed(item, kind, document.get("apiVersion")) for item in items])
        else:
            yield document


def _typed(item: Any, list_kind: str, api_version: object) -> Any:
    """Return an item of a typed list, which may leave its kind to the list."""
    if not isinstance(item, dict) or {"kind", "apiVersion"} & item.keys():
        return item
    return {"kind": list_kind.removesuffix(_LIST), "apiVersion": api_version} | item


def _name(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name", "?")) if isinstance(metadata, dict) else "?"


def _describe(detail: ErrorDetails, kind: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            what = _unknown_field(detail["loc"], kind)
        case "missing":
            what = "is missing: add it"
        case "value_error":
            what = str(detail["ctx"]["error"])
        case "string_type":
            what = f"{detail['input']!r} is not text: put it in quotes"
        case "int_type" | "float_type" | "bool_type" if isinstance(detail["input"], str):
            what = f"{detail['input']!r} is text: write it without quotes"
        case _:
            what = f"{detail['msg']}, not {detail['input']!r}"
    return f"{where}: {what}"


def _unknown_field(loc: tuple[int | str, ...], kind: type[BaseModel]) -> str:
    known = _fields(loc[:-1], kind)
    close = get_close_matches(str(loc[-1]), known, n=1)
    if close:
        return f"unknown field: did you mean {close[0]}?"
    return f"unknown field: the known ones are {', '.join(known)}"


def _fields(loc: tuple[int | str, ...], kind: type[BaseModel]) -> list[str]:
    """Return the fields that are allowed at ``loc``, by their YAML names."""
    for part in loc:
        for field in kind.model_fields.values():
            if field.alias == part:
                kind = _model(field.annotation) or kind
    passed_on: str = getattr(kind, "passed_on", "")
    own = [field.alias or "" for field in kind.model_fields.values()]
    return [name for name in own if not name.startswith(" ")] + passed_on.split()


def _model(annotation: object) -> type[BaseModel] | None:
    """Return the model in an annotation such as ``list[Container]`` or ``Timer | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model(part))), None)


def _duplicates(loaded: list[_Loaded]) -> list[str]:
    first: dict[tuple[str, str, str], _Loaded] = {}
    problems = []
    for item in loaded:
        if item.identity in first:
            problems.append(f"{item}: is also in {first[item.identity].file}: keep one")
        first.setdefault(item.identity, item)
    return problems


def _linked(item: _Loaded, loaded: list[_Loaded], problems: list[str]) -> Iterator[JobResources]:
    job = item.value
    if not isinstance(job, IncrementalLearningJob):
        return

    def find(kind: type[_Kind], name: str, field: str) -> _Kind | None:
        for other in loaded:
            if other.identity == (kind.__name__, job.metadata.namespace, name):
                return other.value if isinstance(other.value, kind) else None
        if not any(f": {kind.__name__}/{name}: " in problem for problem in problems):
            problems.append(
                f"{item}: {field}: {kind.__name__} {name} is not in namespace"
                f" {job.metadata.namespace} of these manifests: add it, or correct the name"
            )
        return None

    spec = job.spec
    dataset = find(Dataset, spec.dataset.name, "spec.dataset.name")
    initial = find(Model, spec.initial_model.name, "spec.initialModel.name")
    deploy = find(Model, spec.deploy_spec.model.name, "spec.deploySpec.model.name")
    evaluated = deploy
    if spec.eval_spec.initial_eval_model:
        field = "spec.evalSpec.initialEvalModel.name"
        evaluated = find(Model, spec.eval_spec.initial_eval_model.name, field)
    if dataset and initial and deploy and evaluated:
        resources = JobResources(job, dataset, initial, deploy, evaluated)
        problems += (f"{item}: {mistake}" for mistake in mistakes(resources))
        yield resources
