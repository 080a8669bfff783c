"""`IncrementalLearning`: the worker side of Sedna's incremental learning job."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from backend import BackendBase, set_backend
from backend.errors import SettingsError
from backend.models.model_file import model_format, model_name
from workers.contract import Metrics, ModelResult, Variable, WorkerKind, WorkerStatus
from workers.environment import ModelFormat, WorkerSettings
from workers.learning.miners import Miner, find_miner
from workers.sedna.local_controller import LocalController
from workers.sedna.outbox import Outbox
from workers.storage import Mirror, make_folder

__all__ = ["IncrementalLearning"]

PostProcess = Callable[[Any], Any]
T = TypeVar("T")

_log = logging.getLogger(__name__)


class IncrementalLearning:
    """Trains, evaluates and infers as the job's environment says, and reports to the LC.

    ``estimator`` is the backend that drives the estimator; another may take its place.
    """

    def __init__(
        self,
        estimator: Any,
        hard_example_mining: Mapping[str, Any] | None = None,
        *,
        settings: WorkerSettings | None = None,
        mirror: Mirror | None = None,
        local_controller: LocalController | None = None,
    ) -> None:
        """Prepare for any of the three.

        Args:
            estimator: An estimator, or a callable that makes one; see `backend.BackendBase`.
            hard_example_mining: ``{"method": name, "param": {key: value}}``; without it
                HEM_NAME and HEM_PARAMETERS decide, and without those nothing is hard.
            settings: By default read from the environment, now.
            mirror: What gave remote URLs in ``settings`` their paths.
            local_controller: By default the one that the settings name.

        Raises:
            SettingsError: If a variable, the miner or its parameter is wrong.
        """
        self._mirror = mirror or Mirror(os.environ)
        self._settings = settings or WorkerSettings.from_environment(
            self._mirror.localise(os.environ)
        )
        self._local_controller = local_controller or LocalController.from_settings(self._settings)
        self._miner = _miner(hard_example_mining, self._settings)
        self.estimator = _backend(estimator, self._settings)

    def train(
        self,
        train_data: Any,
        valid_data: Any = None,
        post_process: PostProcess | None = None,
        *,
        amend: Callable[[Metrics], Metrics] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Train on from BASE_MODEL_URL, save every format into MODEL_URL and report them.

        ``amend`` turns the training's metrics into those that are reported, before anything is
        saved; ``kwargs`` are the estimator's. Returns the backend, or what ``post_process``
        makes of it. Raises SettingsError if MODEL_URL is missing or cannot be written, and what
        the estimator and `LocalController.report` raise.
        """
        folder = _required(self._settings.model_url, Variable.MODEL_URL)
        make_folder(folder, Variable.MODEL_URL)
        if self._settings.base_model_url:
            self._load(self._settings.base_model_url, Variable.BASE_MODEL_URL)
        metrics = _as_lists(self.estimator.train(train_data, valid_data, **kwargs))
        metrics = amend(metrics) if amend else metrics
        paths = [self._save(folder / model_name(each)) for each in self._formats()]
        devices = self._settings.device_soc_versions or (None,)
        results = [self._result(path, metrics, device) for path in paths for device in devices]
        self._report(WorkerKind.TRAIN, results)
        return post_process(self.estimator) if post_process else self.estimator

    def evaluate(
        self, data: Any, post_process: PostProcess | None = None, **kwargs: Any
    ) -> list[ModelResult]:
        """Evaluate each model of MODEL_URLS, read anew, and report them in that order.

        ``post_process`` turns one model's metrics into others; ``kwargs`` are the estimator's.
        Raises SettingsError if MODEL_URLS is missing, and what the estimator and
        `LocalController.report` raise.
        """
        urls = _required(self._settings.model_urls or None, Variable.MODEL_URLS)
        judged: list[Metrics] = []
        for url in urls:
            model = self._mirror.fetch(url, Variable.MODEL_URLS)
            metrics = self.estimator.evaluate(data, model_path=str(model), **kwargs)
            metrics = _as_lists(post_process(metrics) if post_process else metrics)
            _log.info("%s: %s", url, metrics)
            judged.append(metrics)
        results = [self._result(*each) for each in zip(urls, _comparable(judged), strict=True)]
        self._report(WorkerKind.EVAL, results)
        return results

    def inference(
        self, data: Any = None, post_process: PostProcess | None = None, **kwargs: Any
    ) -> tuple[Any, Any, bool]:
        """Predict; return the result, what ``post_process`` makes of it, and whether it is hard.

        The model is MODEL_URL unless another was loaded. For several images the third value
        says whether any of them is hard; `is_hard_example` judges one.
        """
        if not self.estimator.has_load:
            self._load(_required(self._settings.model_url, Variable.MODEL_URL), Variable.MODEL_URL)
        result = self.estimator.predict(data, **kwargs)
        processed = post_process(result) if post_process else result
        return result, processed, self._is_any_hard(processed)

    def is_hard_example(self, prediction: Any) -> bool:
        """Judge one prediction, or one vector of probabilities (C,), by the miner."""
        return self._miner is not None and self._miner(
            getattr(prediction, "probabilities", prediction)
        )

    def _is_any_hard(self, result: Any) -> bool:
        if self._miner is None or not len(result):
            return False
        is_one = hasattr(result, "probabilities") or np.isscalar(result[0])
        return any(self.is_hard_example(each) for each in ([result] if is_one else result))

    def _load(self, model: Path, variable: Variable) -> None:
        self.estimator.load(str(self._mirror.fetch(model, variable)))

    def _save(self, path: Path) -> Path:
        saved = Path(self.estimator.save(str(path)))
        self._mirror.publish(saved, Variable.MODEL_URL)
        return saved

    def _formats(self) -> list[str]:
        """Return what to save: the next round cannot start without the base model's format."""
        base = model_format(self._settings.base_model_url or "")
        known = [base] if base in get_args(ModelFormat) else []
        return list(dict.fromkeys([*self._settings.model_formats, *known]))

    def _result(self, path: Path, metrics: Metrics, device: str | None = None) -> ModelResult:
        info = self.estimator.model_info(self._mirror.url(path), result=metrics)[0]
        url = _on_node(info["url"], self._settings.data_path_prefix)
        devices = [device] if device else None
        return ModelResult.model_validate(info | {"url": url, "device_soc_versions": devices})

    def _report(self, kind: WorkerKind, results: Sequence[ModelResult]) -> None:
        outbox = Outbox.of_round(
            kind,
            self._settings.worker_name,
            self._mirror,
            model_url=self._settings.model_url,
            model_urls=self._settings.model_urls,
            dataset_url=self._dataset_url(kind),
        )
        self._local_controller.report(kind, WorkerStatus.COMPLETED, results, outbox=outbox)

    def _dataset_url(self, kind: WorkerKind) -> Path | None:
        is_train = kind is WorkerKind.TRAIN
        return self._settings.train_dataset_url if is_train else self._settings.test_dataset_url


def _backend(estimator: Any, settings: WorkerSettings) -> BackendBase:
    config = {
        "backend_type": settings.backend_type,
        "device_category": settings.device_category,
    }
    backend = set_backend(estimator, config)
    if backend is None:
        raise SettingsError("IncrementalLearning needs an estimator: pass one.")
    return backend


def _miner(mining: Mapping[str, Any] | None, settings: WorkerSettings) -> Miner | None:
    if mining:
        return find_miner(mining["method"], mining.get("param") or {})
    return find_miner(settings.hem_name, settings.hem_parameters) if settings.hem_name else None


def _required(value: T | None, variable: Variable) -> T:
    if value is None:
        raise SettingsError(f"{variable} is not set: the GlobalManager gives it to this worker.")
    return value


def _on_node(url: str, prefix: str) -> str:
    """Return the node's path of a path in the container; other URLs stay as they are."""
    return url.removeprefix(prefix) if prefix and url.startswith(f"{prefix}/") else url


def _as_lists(metrics: Mapping[str, Any] | None) -> Metrics:
    items = (metrics or {}).items()
    lists = {name: np.ravel(values).astype(float) for name, values in items}
    return {name: values.tolist() for name, values in lists.items() if _is_json(name, values)}


def _comparable(judged: Sequence[Metrics]) -> list[Metrics]:
    """Return the metrics that all have: the LocalController panics at one that only some have."""
    shapes = [{(name, len(values)) for name, values in metrics.items()} for metrics in judged]
    shared = {name for name, _ in set.intersection(*shapes)}
    return [{name: metrics[name] for name in metrics if name in shared} for metrics in judged]


def _is_json(name: str, values: NDArray[np.float64]) -> bool:
    is_finite = bool(np.isfinite(values).all())
    if not is_finite:
        _log.warning("the metric %s is not reported: it holds no finite number", name)
    return is_finite
