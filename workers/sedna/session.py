"""One worker process: who it is, its storage, and whom it reports to."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend import BackendBase
from backend.errors import SettingsError
from backend.metrics import Metrics
from backend.models.model_file import model_format
from workers.contract import ModelResult, Variable, WorkerKind, WorkerStatus
from workers.data.round_folder import EVAL_REPORT_FILE, TRAIN_REPORT_FILE
from workers.environment import EnvironmentSettings
from workers.sedna.local_controller import LocalController
from workers.sedna.outbox import Outbox
from workers.sedna.settings import JobSettings, TrainTask
from workers.storage import Mirror

__all__ = ["Session"]

SettingsType = TypeVar("SettingsType", bound=EnvironmentSettings)

_log = logging.getLogger(__name__)


class Session:
    """What a worker's entry point is given: built once, by the frame around the process."""

    def __init__(
        self, kind: WorkerKind, environment: Mapping[str, str], stop: Event | None = None
    ) -> None:
        """Connect to nothing yet.

        Args:
            kind: What its reports are about; an inference worker's kind is ``deploy``.
            environment: Sedna's variables and the template's own.
            stop: Ends every wait for the LocalController when set.

        Raises:
            SettingsError: If the variables that say who the worker is are wrong.
        """
        self.kind = kind
        self.mirror = Mirror(environment)
        self.job = JobSettings.from_environment(environment)
        self._environment = environment
        self.outbox = Outbox(self.job.worker_name, self._report_files(), self.mirror)
        self.local_controller = LocalController.from_settings(self.job, self.outbox, stop)

    def settings(self, settings: type[SettingsType]) -> SettingsType:
        """Read settings of one class, with local paths in place of remote URLs.

        Raises SettingsError, which names every wrong variable.
        """
        return settings.from_environment(self.mirror.localise(self._environment))

    def load(self, backend: BackendBase, model: Path, variable: Variable) -> None:
        """Load a model file, downloaded if it is remote.

        Raises SettingsError or TemporaryError if it cannot be had, ModelFileError if it is
        unusable.
        """
        backend.load(str(self.mirror.fetch(model, variable)))

    def report_trained(
        self, backend: BackendBase, task: TrainTask, metrics: Mapping[str, Any]
    ) -> None:
        """Save the model in each format into MODEL_URL, and report each for each device.

        Raises as `report` does, and SettingsError or TemporaryError if a remote folder cannot
        be written.
        """
        models = [self._save(backend, task.model_url / name) for name in task.model_names]
        devices: list[list[str] | None] = [[each] for each in task.device_soc_versions] or [None]
        self.report(
            results=[self._result(model, metrics, device) for model in models for device in devices]
        )

    def report_evaluated(
        self, models: Sequence[Path], judged: Sequence[Mapping[str, Any]]
    ) -> list[ModelResult]:
        """Report what each model was judged by, in the order of MODEL_URLS; return the results.

        Only metrics that all models have are reported: the LocalController panics at others.
        """
        metrics = _comparable([_as_lists(each) for each in judged])
        results = [self._result(*each) for each in zip(models, metrics, strict=True)]
        self.report(results=results)
        return results

    def report(
        self,
        status: WorkerStatus = WorkerStatus.COMPLETED,
        results: Sequence[ModelResult] = (),
    ) -> None:
        """Tell the LocalController how the work ended.

        Raises TemporaryError if it could not be told in time; a restarted worker tries again.
        """
        self.local_controller.report(self.kind, status, results)

    def _save(self, backend: BackendBase, model: Path) -> Path:
        saved = Path(backend.save(str(model)))
        self.mirror.publish(saved, Variable.MODEL_URL)
        return saved

    def _result(
        self, model: Path, metrics: Mapping[str, Any], devices: list[str] | None = None
    ) -> ModelResult:
        return ModelResult(
            format=model_format(model),
            url=self._on_node(self.mirror.url(model)),
            metrics=_as_lists(metrics),
            device_soc_versions=devices,
        )

    def _on_node(self, url: str) -> str:
        """Return the node's path of a path in the container; other URLs stay as they are."""
        prefix = self.job.data_path_prefix
        return url.removeprefix(prefix) if prefix and url.startswith(f"{prefix}/") else url

    def _report_files(self) -> list[Path]:
        """Return where the round's report may be kept.

        They come from the raw environment: the worker's own settings may be what is wrong.
        """
        if self.kind is WorkerKind.TRAIN:
            folders = [
                *self._paths(Variable.MODEL_URL),
                *self._parents(Variable.TRAIN_DATASET_URL),
            ]
            return [folder / TRAIN_REPORT_FILE for folder in folders]
        if self.kind is WorkerKind.EVAL:
            folders = [
                *self._parents(Variable.TEST_DATASET_URL),
                *self._parents(Variable.MODEL_URLS)[:1],
            ]
            return [folder / EVAL_REPORT_FILE for folder in folders]
        return []

    def _parents(self, variable: Variable) -> Sequence[Path]:
        return [path.parent for path in self._paths(variable)]

    def _paths(self, variable: Variable) -> list[Path]:
        urls = (url.strip() for url in self._environment.get(variable, "").split(";"))
        try:
            return [self.mirror.path(url) for url in urls if url]
        except SettingsError:
            return []


def _as_lists(metrics: Mapping[str, Any]) -> Metrics:
    lists = {name: np.ravel(values).astype(float) for name, values in metrics.items()}
    return {name: values.tolist() for name, values in lists.items() if _is_finite(name, values)}


def _comparable(judged: Sequence[Metrics]) -> list[Metrics]:
    shapes = [{(name, len(values)) for name, values in metrics.items()} for metrics in judged]
    shared = {name for name, _ in set.intersection(*shapes)}
    return [{name: metrics[name] for name in metrics if name in shared} for metrics in judged]


def _is_finite(name: str, values: NDArray[np.float64]) -> bool:
    is_finite = bool(np.isfinite(values).all())
    if not is_finite:
        _log.warning("the metric %s is not reported: it is not finite", name)
    return is_finite
