"""The stage Train: from enough samples to a trained model in every required format."""

from datetime import UTC, datetime
from os.path import realpath
from pathlib import Path

from jobs.standalone.conditions import StageInput, StageModel, output_data
from jobs.standalone.index import count, read_index, select, write_samples
from jobs.standalone.stages import WorkerSteps, local_time
from jobs.standalone.supervisor import StageFailedError
from jobs.standalone.workers import TRAIN
from jobs.status import ConditionType, Round, Stage
from jobs.triggers import Decision, decide_training, seconds_until_open

__all__ = ["Training"]

# A machine's clock continues while it sleeps, but waiting does not.
_LONGEST_WAIT = 60.0


class Training(WorkerSteps):
    """Starts a round, and trains on the samples that arrived since the last one."""

    kind = TRAIN

    async def waiting(self) -> None:
        """Wait for the trigger or `iljob retry`, then write the round's training samples."""
        while not (decision := self._decide()).fires:
            await self._wait_for_change()
        await self.job.until_index_is_whole()
        self._begin_round(decision.reason)

    def complete(self, models: list[StageModel]) -> None:
        """Record the trained models; the one in the initial Model's format is the next base."""
        job, state = self.job, self.job.state
        for model in models:
            self._check_place(model)
        state.trained = models
        base = job.trained(job.resources.initial_model)
        needed = (
            base,
            job.trained(job.resources.eval_model),
            job.trained(job.resources.deploy_model),
        )
        for model in needed:
            self._check_file(model)
        state.base = base
        state.round.model_urls = [model.url for model in models]
        job.journal.complete(Stage.EVAL, output_data(models))

    def _decide(self) -> Decision:
        if self._is_asked_for:
            return Decision(fires=True, reason="`iljob retry` has asked for it")
        trigger = self.job.spec.train_spec.trigger
        return decide_training(trigger, count(self.job.state.shares.train), local_time())

    async def _wait_for_change(self) -> None:
        """Wait for new samples, or for the hours in which the trigger may fire."""
        shares, timer = self.job.state.shares, self.job.spec.train_spec.trigger.timer
        timeout = min(seconds_until_open(timer, local_time()), _LONGEST_WAIT) or None
        await self.job.store.until(
            lambda: self._is_asked_for or self.job.state.shares != shares, timeout
        )

    @property
    def _is_asked_for(self) -> bool:
        """Whether this round has been requested; one that has begun is not started again."""
        try:
            asked = self.job.files.retry.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return False
        return asked == str(len(self.job.state.status.rounds))

    def _begin_round(self, reason: str) -> None:
        state, files = self.job.state, self.job.files
        number = len(state.status.rounds) + 1
        url = files.train_data_url(number)
        samples = select(read_index(self.job.index), state.shares.train)
        write_samples(self.job.local(url), samples)
        state.shares = state.shares.trained()
        round_ = Round(
            number=number,
            started=datetime.now(UTC),
            train_samples=len(samples),
            class_names=state.status.class_names,
        )
        state.status.rounds.append(round_)
        output_dir = files.train_output_url(number)
        state.input = StageInput(models=[state.base], data_url=url, output_dir=output_dir)
        self.job.journal.append(ConditionType.READY, state.input.to_data(), reason)

    def _check_place(self, model: StageModel) -> None:
        """Refuse a file outside the round's output, since others can read a deployed model."""
        folder = self.job.local(self.job.files.train_output_url(self.job.state.round.number))
        # A link may point outside the folder, and a loop of links must not end the runner.
        path = Path(realpath(self.job.local(model.url))) if model.url.startswith("/") else None
        if path is None or Path(realpath(folder)) not in path.parents:
            raise StageFailedError(
                f"{self.worker.name} reported {model.url}, which is not in the round's folder"
                f" {folder}: save models in MODEL_URL, and report paths without DATA_PATH_PREFIX"
            )

    def _check_file(self, model: StageModel) -> None:
        if not self.job.local(model.url).is_file():
            raise StageFailedError(
                f"{self.worker.name} reported {model.url}, and there is no such file on the node:"
                f" see {self.worker.log}"
            )
