"""The page of environment variables."""

from collections.abc import Iterable
from dataclasses import dataclass

from docs.tools.fields import Field, fields
from docs.tools.markdown import code, page, prose, table
from workers.clean.settings import CleanSettings
from workers.contract import Variable
from workers.infer.settings import ServingSettings
from workers.label.settings import LabelSettings
from workers.prepare.settings import FolderSettings, ModelSettings
from workers.settings import EnvironmentSettings, EvalSettings, S3Settings, TrainSettings
from workers.settings import WorkerSettings as SharedSettings

__all__ = ["PROGRAMS", "Program", "settings_page"]

_INTRODUCTION = """\
What the workers read from their environment. The GlobalManager gives the variables in capitals
that are marked *Sedna*; the others stand in the `env` of the templates in `manifests/job.yaml`.
A variable is also read in upper case, and an empty one counts as unset. A wrong value ends the
worker with [exit status 2](exit-status.md) and a sentence that names the variable.

Two variables concern every worker: `DEBUG=true` adds a traceback to an error, and
`ONEDNN_MAX_CPU_ISA` is set to `AVX2` where the CPU has AVX-512, unless it is set already (see
[the engine](../explanation/engine.md))."""


@dataclass(frozen=True)
class Program:
    """One program and its settings."""

    command: str
    settings: type[EnvironmentSettings]
    shared: frozenset[str] = frozenset()
    """Those of the settings that all workers share which this one heeds."""

    @property
    def fields(self) -> list[Field]:
        """The settings that it heeds."""
        passed_over = _inherited(self.settings) - self.shared
        return [each for each in fields(self.settings) if each.name not in passed_over]


_BACKEND = frozenset({"BACKEND_TYPE", "DEVICE_CATEGORY"})

PROGRAMS = (
    Program("train", TrainSettings, _BACKEND | {"model_formats", "device_soc_versions"}),
    Program("eval", EvalSettings, _BACKEND),
    Program("infer", ServingSettings, _BACKEND | {Variable.HEM_NAME, Variable.HEM_PARAMETERS}),
    Program("label", LabelSettings),
    Program("prepare folders", FolderSettings),
    Program("prepare models", ModelSettings, _BACKEND),
    Program("clean", CleanSettings),
)
"""Every program that reads settings."""


def settings_page() -> str:
    """Return the page."""
    sections = [f"## {each.command}\n\n{_section(each)}" for each in PROGRAMS]
    remote = f"## s3\n\n{prose(S3Settings.__doc__)}\n\n{_table(fields(S3Settings))}"
    return page("Environment variables", _INTRODUCTION, *sections, remote)


def _section(program: Program) -> str:
    return f"`python -m workers {program.command}`\n\n{_table(program.fields)}"


def _table(settings: Iterable[Field]) -> str:
    rows = [
        (
            code(each.name) + (" *Sedna*" if each.name in set(Variable) else ""),
            each.type,
            "**required**" if each.is_required else each.default or "unset",
            each.description,
        )
        for each in settings
    ]
    return table(["variable", "type", "default", "meaning"], rows)


def _inherited(settings: type[EnvironmentSettings]) -> set[str]:
    """Return the variables that ``settings`` only has because all workers share a class."""
    if not issubclass(settings, SharedSettings):
        return set()
    classes = settings.__mro__[: settings.__mro__.index(SharedSettings)]
    own = {name for each in classes for name in vars(each).get("__annotations__", {})}
    shared = vars(SharedSettings)["__annotations__"]
    return {
        str(SharedSettings.model_fields[name].validation_alias or name)
        for name in shared
        if name not in own
    }
