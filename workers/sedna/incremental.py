"""`IncrementalLearning`: the worker side of Sedna's incremental learning job, as in its SDK."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from workers.contract import ModelResult, Variable, WorkerKind
from workers.data.round_folder import RoundFolder
from workers.learning.estimators import make_backend
from workers.learning.miners import Miner, find_miner
from workers.learning.settings import BackendSettings, MiningSettings
from workers.sedna.session import Session
from workers.sedna.settings import EvalTask, InferTask, TrainTask

__all__ = ["IncrementalLearning"]

PostProcess = Callable[[Any], Any]


class IncrementalLearning:
    """Trains, evaluates and infers as the job's environment says, and reports to Sedna.

    ``estimator`` is the backend that drives the estimator; another may take its place.
    """

    def __init__(
        self,
        estimator: Any,
        hard_example_mining: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Prepare for any of the three.

        Args:
            estimator: An estimator, or a callable that makes one; see `backend.BackendBase`.
            hard_example_mining: ``{"method": name, "param": {key: value}}``; without it
                HEM_NAME and HEM_PARAMETERS decide, and without those nothing is hard.
            environment: Sedna's variables; each method reads those that it needs.

        Raises:
            SettingsError: If a variable, the miner or its parameter is wrong.
        """
        self._session = partial(Session, environment=environment)
        self._miner = _miner(hard_example_mining, MiningSettings.from_environment(environment))
        self.estimator = make_backend(estimator, BackendSettings.from_environment(environment))

    def train(
        self,
        train_data: Any,
        valid_data: Any = None,
        post_process: PostProcess | None = None,
        **kwargs: Any,
    ) -> Any:
        """Train on from BASE_MODEL_URL, save every format into MODEL_URL and report them.

        ``kwargs`` are the estimator's. Returns the backend, or what ``post_process`` makes of
        it. Raises SettingsError for a wrong variable or a folder that cannot be written to, and
        what the estimator and `Session.report` raise.
        """
        session = self._session(WorkerKind.TRAIN)
        task = session.settings(TrainTask)
        RoundFolder(task.model_url, session.mirror).make()
        session.load(self.estimator, task.base_model_url, Variable.BASE_MODEL_URL)
        metrics = self.estimator.train(train_data, valid_data, **kwargs)
        session.report_trained(self.estimator, task, metrics or {})
        return post_process(self.estimator) if post_process else self.estimator

    def evaluate(
        self, data: Any, post_process: PostProcess | None = None, **kwargs: Any
    ) -> list[ModelResult]:
        """Evaluate each model of MODEL_URLS, read again, and report them in that order.

        ``post_process`` turns one model's metrics into others; ``kwargs`` are the estimator's.
        Raises SettingsError for a wrong variable, and what the estimator and `Session.report`
        raise.
        """
        session = self._session(WorkerKind.EVAL)
        models = session.settings(EvalTask).model_urls
        judged = []
        for model in models:
            session.load(self.estimator, model, Variable.MODEL_URLS)
            metrics = self.estimator.evaluate(data, **kwargs)
            judged.append(post_process(metrics) if post_process else metrics)
        return session.report_evaluated(models, judged)

    def inference(
        self, data: Any = None, post_process: PostProcess | None = None, **kwargs: Any
    ) -> tuple[Any, Any, bool]:
        """Predict; return the result, what ``post_process`` makes of it, and whether it is hard.

        The model is MODEL_URL unless another was loaded. For several images the third value
        says whether any of them is hard; `is_hard_example` judges one.
        """
        if not self.estimator.has_load:
            session = self._session(WorkerKind.DEPLOY)
            model = session.settings(InferTask).model_url
            session.load(self.estimator, model, Variable.MODEL_URL)
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


def _miner(mining: Mapping[str, Any] | None, settings: MiningSettings) -> Miner | None:
    if mining:
        return find_miner(mining["method"], mining.get("param") or {})
    return settings.miner
