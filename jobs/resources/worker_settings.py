"""Checks the variables of a template with the settings class of the worker that reads them."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath

from jobs.resources.schema import Container
from workers.contract import Variable
from workers.eval.settings import EvalSettings
from workers.infer.settings import InferSettings
from workers.learning.settings import BackendSettings, EstimatorSettings
from workers.sedna.settings import JobSettings
from workers.storage.settings import S3Settings
from workers.train.settings import TrainSettings

__all__ = ["SHARED", "read_settings", "unread_variables", "worker_of"]


class _Train(JobSettings, S3Settings, TrainSettings):
    pass


class _Eval(JobSettings, S3Settings, EvalSettings):
    pass


class _Infer(S3Settings, InferSettings):
    pass


_SETTINGS: Mapping[str, type[EstimatorSettings]] = {"train": _Train, "eval": _Eval, "infer": _Infer}

SHARED = {
    name: str(field.validation_alias or name)
    for name, field in EstimatorSettings.model_fields.items()
    if name not in BackendSettings.model_fields
} | {"test_index": "test_index"}
"""The settings that must be equal in all workers of a job that have them: field to variable."""

_GIVEN: Mapping[str, str] = {
    Variable.JOB_NAME: "job",
    Variable.WORKER_NAME: "worker",
    Variable.MODEL_URL: "/model",
    Variable.MODEL_URLS: "/trained;/deployed",
    Variable.TRAIN_DATASET_URL: "/train.txt",
    Variable.TEST_DATASET_URL: "/test.txt",
    Variable.ORIGINAL_DATASET_URL: "/index.txt",
}
"""The variables that the GlobalManager sets; each worker ignores those of the others."""

_ELSEWHERE = ("debug", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
"""Variables in lower case that are not settings but are read elsewhere."""

_ALMOST = 0.8


def worker_of(container: Container) -> str | None:
    """Return the worker of this project that the container runs: train, eval, infer or None."""
    name = container.args[0] if container.args and not container.command else ""
    return name if name in _SETTINGS else None


def read_settings(container: Container, initial_model_url: str) -> EstimatorSettings | None:
    """Return what the container's worker reads from its variables.

    None for a worker that is not part of this project, or whose main variables come from elsewhere.

    Raises:
        SettingsError: a variable is wrong or missing.
    """
    worker = worker_of(container)
    unknown = {each.name for each in container.env if "valueFrom" in each.other}
    unknown |= {name for name, value in container.environment.items() if "$(" in value}
    if worker is None or "envFrom" in container.other or unknown & {*SHARED.values()}:
        return None
    written = {n: value for n, value in container.environment.items() if n not in unknown}
    base = f"/{PurePosixPath(initial_model_url).name}"
    given: dict[str, str] = {**_GIVEN, Variable.BASE_MODEL_URL: base}
    return _SETTINGS[worker].from_environment(written | given)


def unread_variables(container: Container) -> Iterator[str]:
    """Yield a sentence for each variable that seems meant for the worker but is not read by it."""
    worker = worker_of(container)
    if worker is None:
        return
    fields = _SETTINGS[worker].model_fields.items()
    known = {str(field.validation_alias or name) for name, field in fields}
    read = known | {name.upper() for name in known} | {*_ELSEWHERE}
    by_lower = {name.lower(): name for name in known}
    for variable in container.environment.keys() - read:
        # Sedna's parameters are in lower case; other names may be meant for any program.
        cutoff = 0.6 if variable.islower() else _ALMOST
        close = get_close_matches(variable.lower(), by_lower, n=1, cutoff=cutoff)
        if close:
            yield f"{variable} is not read: did you mean {by_lower[close[0]]}?"
        elif variable.islower():
            yield f"{variable} is not read by the {worker} worker"
