"""The state machine of a job: what the GlobalManager and the LocalController do in turn.

Each step begins at the newest condition and appends the next one, which is on disk before
anything else happens. An interrupted step is repeated.
"""

import logging

from backend.errors import ProjectError, TemporaryError
from jobs.standalone.deployment import Deployment
from jobs.standalone.evaluation import Evaluation
from jobs.standalone.index import count_lines
from jobs.standalone.journal import note_samples
from jobs.standalone.problems import sentence
from jobs.standalone.server import WorkerReport
from jobs.standalone.stages import RunningJob, StageSteps
from jobs.standalone.supervisor import StageFailedError
from jobs.standalone.training import Training
from jobs.status import ConditionType, Outcome, Stage
from workers.contract import JOB_KIND, WorkerStatus

__all__ = ["Controller"]

_log = logging.getLogger(__name__)

_WORKING = {ConditionType.STARTING, ConditionType.RUNNING}
# An inference worker that was restarted may report a model of an earlier round.
_REPORTING = {Stage.TRAIN: _WORKING, Stage.EVAL: _WORKING, Stage.DEPLOY: {ConditionType.RUNNING}}


class Controller:
    """Takes one job from condition to condition."""

    def __init__(self, job: RunningJob) -> None:
        """Continue ``job`` from its saved state."""
        self._job = job
        self._stages: dict[Stage, StageSteps] = {
            Stage.TRAIN: Training(job),
            Stage.EVAL: Evaluation(job),
            Stage.DEPLOY: Deployment(job),
        }

    async def run(self, rounds: int | None) -> None:
        """Run until ``rounds`` rounds of the job have ended, or forever."""
        self.look()
        while rounds is None or self._job.state.status.rounds_ended < rounds:
            await self._step()

    def receive(self, report: WorkerReport) -> None:
        """Handle a worker's message; it is ignored unless the stage waits for it."""
        if self._expects(report):
            self._job.state.report = report
            try:
                self._job.store.save()
            except OSError:
                # It does not count as received until it is on disk: the worker sends it again.
                self._job.state.report = None
                raise
        else:
            _log.info("ignored %s %s of %s", report.kind, report.status, report.name)

    def look(self) -> None:
        """Read the index; its new lines are one increment."""
        state = self._job.state
        try:
            total = count_lines(self._job.index)
        except OSError:
            # It may be readable the next time; meanwhile the status says why it is not.
            total = 0
        shares = state.shares.grown(total, self._job.spec.dataset.train_prob)
        if shares != state.shares:
            state.shares = shares
            note_samples(state)
            self._job.store.save()
        self._job.store.tell()

    def _expects(self, report: WorkerReport) -> bool:
        status, condition = self._job.state.status, self._job.journal.condition
        owner = (report.owner_kind, report.namespace, report.owner_name)
        return (
            owner == (JOB_KIND, status.namespace, status.name)
            and report.kind.lower() == condition.stage.lower()
            and report.status.lower() in set(WorkerStatus)
            and condition.type in _REPORTING[condition.stage]
            and report.name == self._stages[condition.stage].worker.name
            and self._job.state.report is None
        )

    async def _step(self) -> None:
        condition = self._job.journal.condition
        step = getattr(self._stages[condition.stage], condition.type.lower())
        if (condition.stage, condition.type) == (Stage.TRAIN, ConditionType.WAITING):
            # No round has begun that could fail.
            await step()
            return
        try:
            await step()
        except TemporaryError:
            # The round resumes from this step when the runner is restarted.
            raise
        except (StageFailedError, ProjectError, OSError) as error:
            self._job.journal.end_round(Outcome.FAILED, sentence(error))
