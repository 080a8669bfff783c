"""The stage Deploy: decides on the trained model, and gives it to the inference worker."""

import shutil
from datetime import datetime
from pathlib import Path, PurePath, PurePosixPath

from pydantic import ValidationError

from backend.files import replaced_atomically, write_atomically
from jobs.standalone.conditions import StageInput, StageModel
from jobs.standalone.paths import JobFiles
from jobs.standalone.problems import shown_log
from jobs.standalone.stages import StageSteps, local_time, models_in
from jobs.standalone.supervisor import RESTARTS, StageFailedError
from jobs.standalone.workers import INFER
from jobs.status import ConditionType, Outcome
from jobs.triggers import decide_deployment
from workers.contract import ModelConfig, ModelHotUpdateConfig

__all__ = ["Deployment", "hot_update", "relocate_hot_update"]


class Deployment(StageSteps):
    """Replaces the deployed model if the trained one is better by the deploy trigger."""

    kind = INFER

    async def waiting(self) -> None:
        """Decide; if the model is rejected, the round ends."""
        state, wanted = self.job.state, self.job.resources.deploy_model
        metrics = [model.metrics or {} for model in state.evaluated]
        decision = decide_deployment(self.job.spec.deploy_spec.trigger, metrics, local_time())
        if not decision.fires:
            self.job.journal.end_round(Outcome.REJECTED, decision.reason)
            return
        state.round.reason = decision.reason
        state.input = StageInput(models=[self.job.trained(wanted), StageModel.of(wanted)])
        self.job.journal.append(ConditionType.READY, state.input.to_data(), decision.reason)

    async def ready(self) -> None:
        """Without hot update, replace the file and the worker; that ends the stage."""
        if self.job.spec.deploy_spec.model.hot_update_enabled:
            self.job.journal.append(ConditionType.STARTING)
            return
        self._replace_files()
        await self._replace_worker()
        self.job.journal.end_round(Outcome.DEPLOYED, self.job.state.round.reason)

    async def starting(self) -> None:
        """Wait until the inference worker is running."""
        await self.job.store.until(lambda: self.worker.pid and not self.worker.ended)
        self.job.journal.append(ConditionType.RUNNING)

    async def running(self) -> None:
        """Announce the new model to the inference worker, and wait for its report."""
        state = self.job.state
        if state.report is None:
            self._replace_files()
            seen = PurePosixPath(self.job.factory.place.hot_update_config).parent
            # The same time again after a restart: the update is loaded and reported once.
            time = self.job.journal.condition.time
            hot_update(self.job.local(self._trained_url), self.job.files, seen, time)
        restarts = self.worker.restarts + RESTARTS
        await self.job.store.until(lambda: state.report or self.worker.restarts > restarts)
        if state.report is None:
            raise StageFailedError(
                f"{self.worker.name} failed {RESTARTS + 1} times while the new model was"
                f" deployed: see {shown_log(self.worker)}"
            )
        models_in(state.report, self.worker)
        self.job.journal.end_round(Outcome.DEPLOYED, state.round.reason, '{"output": {}}')

    @property
    def _trained_url(self) -> str:
        return self.job.trained(self.job.resources.deploy_model).url

    def _replace_files(self) -> None:
        """Copy the trained model over the deployed one, and over the next round's reference."""
        resources = self.job.resources
        models = {model.spec.url: model for model in (resources.deploy_model, resources.eval_model)}
        for url, model in models.items():
            copy_model(self.job.local(self.job.trained(model).url), self.job.local(url))

    async def _replace_worker(self) -> None:
        """Start another inference worker, unless a killed runner has already created it."""
        state = self.job.state
        workers = state.status.workers
        if workers[-1].kind != INFER:
            workers.append(self.job.factory.new(INFER, state.round.number))
            self.job.store.save()
        await self.job.store.until(lambda: self.worker.pid)


def relocate_hot_update(files: JobFiles, seen: PurePath) -> None:
    """Correct the model's path in the last update to ``seen``: the node's folder may have moved."""
    try:
        update = ModelHotUpdateConfig.model_validate_json(files.hot_update_config.read_bytes())
    except (FileNotFoundError, ValidationError):
        return
    path = str(seen / PurePath(update.model.model_path).name)
    if path != update.model.model_path:
        config = ModelConfig(model_path=path, model_update_time=update.model.model_update_time)
        _write(files.hot_update_config, config)


def copy_model(source: Path, target: Path) -> None:
    """Copy the file ``source`` over ``target`` atomically."""
    with replaced_atomically(target) as temporary:
        shutil.copyfile(source, temporary)


def hot_update(source: Path, files: JobFiles, seen: PurePath, time: datetime) -> None:
    """Copy the model ``source`` next to ``model_config.json``, and name it there.

    ``seen`` is that folder as the inference worker sees it, ``time`` (UTC) the update's.
    """
    copy_model(source, files.hot_update / source.name)
    config = ModelConfig(
        model_path=str(seen / source.name),
        model_update_time=f"{time:%Y-%m-%d %H:%M:%S.%f %z} UTC",
    )
    _write(files.hot_update_config, config)


def _write(file: Path, config: ModelConfig) -> None:
    write_atomically(file, ModelHotUpdateConfig(model_config=config).to_json().encode())
