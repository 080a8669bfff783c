"""``python -m docs.tools.reference``: fill docs/reference from the code."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import getdoc, signature
from pathlib import Path

from pydantic import BaseModel

from backend.files import write_atomically
from docs.tools.fields import Field, fields
from docs.tools.markdown import Blocks, code, fill, prose, table
from jobs.cli import make_parser
from jobs.resources import schema
from workers.clean.settings import CleanSettings
from workers.contract import ModelConfig, ModelResult, Variable, WorkerMessage
from workers.data.answers import Answer, HardExample, Rejection
from workers.data.round_folder import KeptReport
from workers.environment import EnvironmentSettings
from workers.eval.settings import EvalSettings
from workers.infer.settings import InferSettings
from workers.label.settings import LabelSettings
from workers.learning.miners import MINERS
from workers.prepare.settings import FolderSettings, ModelSettings
from workers.sedna.settings import JobSettings
from workers.storage.settings import DownloadSettings, S3Settings
from workers.train.settings import TrainSettings

__all__ = ["BLOCKS", "FOLDER", "SETTINGS", "main", "own_fields"]

FOLDER = Path(__file__).parents[1] / "reference"

_HELP_COLUMNS = 90

SETTINGS: Mapping[str, type[EnvironmentSettings]] = {
    "job": JobSettings,
    "train": TrainSettings,
    "eval": EvalSettings,
    "infer": InferSettings,
    "label": LabelSettings,
    "prepare folders": FolderSettings,
    "prepare models": ModelSettings,
    "clean": CleanSettings,
    "s3": S3Settings,
    "downloads": DownloadSettings,
}
"""Program, or part of all of them, to its settings."""

_RESOURCES = (schema.Dataset, schema.Model, schema.IncrementalLearningJob)
_RECORDS = (
    Answer,
    HardExample,
    Rejection,
    KeptReport,
    WorkerMessage,
    ModelResult,
    ModelConfig,
)


def own_fields(program: str) -> list[Field]:
    """Return the settings of ``program`` beyond those of every worker."""
    settings = SETTINGS[program]
    shared = set() if settings is JobSettings else {each.name for each in fields(JobSettings)}
    return [each for each in fields(settings) if each.name not in shared]


def _settings_table(program: str) -> str:
    rows = (
        (
            code(each.name) + (" *Sedna*" if each.name in set(Variable) else ""),
            each.type,
            _default(each),
            each.description,
        )
        for each in own_fields(program)
    )
    return table(["variable", "type", "default", "meaning"], rows)


def _default(field: Field) -> str:
    return "**required**" if field.is_required else field.default or "unset"


def _manifests() -> str:
    return "\n\n".join(_manifest_section(each) for each in _parts(_RESOURCES))


def _parts(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return the models and all that they are made of, each once, in the order of first use."""
    found: list[type[BaseModel]] = []
    waiting = list(models)
    while waiting:
        model = waiting.pop(0)
        if model not in found:
            found.append(model)
            words = {word for each in fields(model) for word in each.type.split()}
            names = model.model_json_schema().get("$defs", {})
            waiting[:0] = [getattr(schema, name) for name in names if name in words]
    return found


def _manifest_section(model: type[BaseModel]) -> str:
    rows = (
        (code(each.name), _linked(each.type), _default(each), each.description)
        for each in fields(model)
    )
    parts = [
        f"## {model.__name__}",
        prose(model.__doc__),
        table(["field", "type", "default", "meaning"], rows),
    ]
    if passed_on := getattr(model, "passed_on", ""):
        parts.append(f"Kept as they are: {', '.join(map(code, sorted(passed_on.split())))}.")
    return "\n\n".join(parts)


def _linked(type_: str) -> str:
    return " ".join(
        f"[{word}](#{word.lower()})" if hasattr(schema, word) else word for word in type_.split()
    )


def _record(model: type[BaseModel]) -> str:
    rows = (
        (code(each.name), each.type, "" if each.is_required else "optional", each.description)
        for each in fields(model)
    )
    return f"{prose(model.__doc__)}\n\n{table(['key', 'type', '', 'meaning'], rows)}"


def _miners() -> str:
    rows = ((code(name), _parameters(each), prose(getdoc(each))) for name, each in MINERS.items())
    return table(["name", "parameters and defaults", "meaning"], rows)


def _parameters(miner: Callable[..., bool]) -> str:
    parameters = list(signature(miner).parameters.values())[1:]
    return ", ".join(code(f"{each.name}={each.default}") for each in parameters) or "none"


def _iljob() -> str:
    parser = make_parser()
    actions = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    commands = next(actions).choices
    sections = [f"## iljob {name}\n\n{_help(each)}" for name, each in commands.items()]
    return "\n\n".join([_help(parser), *sections])


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = partial(argparse.HelpFormatter, width=_HELP_COLUMNS)
    return f"```text\n{parser.format_help().rstrip()}\n```"


BLOCKS: Blocks = {
    **{f"settings {name}": partial(_settings_table, name) for name in SETTINGS},
    **{f"record {model.__name__}": partial(_record, model) for model in _RECORDS},
    "manifests": _manifests,
    "miners": _miners,
    "iljob": _iljob,
}
"""What the pages take from the code."""


def main() -> int:
    """Fill the pages, and name those that have changed; return the exit status."""
    for file in FOLDER.glob("*.md"):
        page = file.read_text(encoding="utf-8")
        filled = fill(page, BLOCKS)
        if filled != page:
            write_atomically(file, filled.encode())
            sys.stdout.write(f"{file}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
