"""The common part of the three stages: conditions from Waiting to the worker's report."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from jobs.resources.schema import Model
from jobs.standalone.conditions import StageModel, pick
from jobs.standalone.index import count_lines
from jobs.standalone.journal import Journal
from jobs.standalone.problems import shown_log
from jobs.standalone.server import WorkerReport
from jobs.standalone.state import StateFile
from jobs.standalone.supervisor import StageFailedError, Supervisor
from jobs.standalone.workers import WorkerFactory
from jobs.status import ConditionType, WorkerState
from workers.contract import WorkerStatus

__all__ = ["RunningJob", "StageSteps", "WorkerSteps", "local_time"]

_SECONDS_TO_REWRITE = 10.0


class RunningJob:
    """A job and the parts that run it."""

    def __init__(self, factory: WorkerFactory, store: StateFile, supervisor: Supervisor) -> None:
        """Run the job whose workers ``factory`` makes, from its state in ``store``."""
        self.factory = factory
        self.store = store
        self.state = store.state
        self.supervisor = supervisor
        self.journal = Journal(store)
        self.resources = factory.resources
        self.spec = factory.resources.job.spec
        self.files = factory.place.files
        self.index = self.local(self.resources.dataset.spec.url)

    def local(self, url: str) -> Path:
        """Return the path on this machine for the node's path ``url``."""
        return self.factory.place.node.local(url)

    async def until_index_is_whole(self) -> None:
        """Wait a while if the index is shorter than it was, since it may be being rewritten."""
        position = self.state.shares.position
        await self.store.until(lambda: count_lines(self.index) >= position, _SECONDS_TO_REWRITE)

    def trained(self, wanted: Model) -> StageModel:
        """Return the model of this round that can replace ``wanted``.

        Raises:
            StageFailedError: there is none, at which the real LocalController panics.
        """
        model = pick(self.state.trained, wanted)
        if model is None:
            formats = ", ".join(m.format for m in self.state.trained) or "no model at all"
            raise StageFailedError(
                f"the train worker reported {formats}, but Model {wanted.metadata.name} needs"
                f" {wanted.spec.format}: the real LocalController panics here"
            )
        return model


class StageSteps:
    """A stage's steps, each named after the condition at which it begins.

    ``waiting`` waits for the stage's input, ``ready`` creates the worker, ``starting`` starts it,
    and ``running`` waits for its report, which ends the stage.
    """

    kind: ClassVar[str]
    """The kind of the stage's worker."""

    def __init__(self, job: RunningJob) -> None:
        """Move the stage of ``job`` from condition to condition."""
        self.job = job

    @property
    def worker(self) -> WorkerState:
        """The stage's worker."""
        return self.job.state.worker(self.kind)


class WorkerSteps(StageSteps, ABC):
    """A stage with its own worker, whose report ends the stage."""

    async def ready(self) -> None:
        """Create the worker; its name is on disk before it starts."""
        state = self.job.state
        state.status.workers.append(self.job.factory.new(self.kind, state.round.number))
        self.job.journal.append(ConditionType.STARTING)

    async def starting(self) -> None:
        """Start the worker, unless it has already reported to an earlier runner."""
        if self.job.state.report is None:
            await self.job.supervisor.ensure(self.worker)
        self.job.journal.append(ConditionType.RUNNING)

    async def running(self) -> None:
        """Wait for the worker's report."""
        report = await self.job.supervisor.report_of(self.worker)
        self.complete(models_in(report, self.worker))

    @abstractmethod
    def complete(self, models: list[StageModel]) -> None:
        """End the stage with the models that its worker reported."""


def models_in(report: WorkerReport, worker: WorkerState) -> list[StageModel]:
    """Return the results of a report.

    Raises:
        StageFailedError: it says that the worker failed, or cannot be read.
    """
    if report.status.lower() != WorkerStatus.COMPLETED:
        raise StageFailedError(f"{worker.name} reported that it failed: see {shown_log(worker)}")
    try:
        return [StageModel.model_validate(result) for result in report.results or []]
    except ValidationError as error:
        detail = error.errors()[0]
        raise StageFailedError(
            f"{worker.name} reported a result whose {detail['loc'][0]} is wrong ({detail['msg']}):"
            f" see {worker.log}"
        ) from error


def local_time() -> datetime:
    """Return the node's local time."""
    return datetime.now(UTC).astimezone()
