"""Records a job's progress: conditions and rounds, each step on disk before the next one."""

from datetime import UTC, datetime

from jobs.standalone.conditions import NO_DATA
from jobs.standalone.index import count
from jobs.standalone.state import JobState, StateFile
from jobs.status import Condition, ConditionType, Outcome, Stage

__all__ = ["Journal"]


class Journal:
    """Appends conditions to the job's status; none is ever removed."""

    def __init__(self, store: StateFile) -> None:
        """Write to the state in ``store``."""
        self._store = store

    @property
    def condition(self) -> Condition:
        """The newest condition."""
        return self._store.state.status.conditions[-1]

    def append(self, type_: ConditionType, data: str = "", message: str = "") -> None:
        """Continue within the stage."""
        self._add(self.condition.stage, type_, data, message)
        self._save()

    def complete(self, following: Stage, data: str) -> None:
        """End the stage as Completed, and wait for the ``following`` one."""
        self._end_stage(ConditionType.COMPLETED, data)
        self._add(following, ConditionType.WAITING)
        self._save()

    def end_round(self, outcome: Outcome, reason: str, data: str = NO_DATA) -> None:
        """End the stage and thereby the round, and wait for the next round's samples."""
        failed = outcome is Outcome.FAILED
        type_ = ConditionType.FAILED if failed else ConditionType.COMPLETED
        self._end_stage(type_, data, reason)
        round_ = self._store.state.round
        round_.outcome, round_.reason, round_.ended = outcome, reason, datetime.now(UTC)
        self._add(Stage.TRAIN, ConditionType.WAITING)
        self._save()

    def _end_stage(self, type_: ConditionType, data: str, message: str = "") -> None:
        stage, began = self.condition.stage, self._stage_began()
        self._add(stage, type_, data, message)
        # The clock may have been set back meanwhile.
        seconds = max(0.0, (self.condition.time - began).total_seconds())
        self._store.state.round.seconds[stage] = seconds
        self._store.state.report = None

    def _stage_began(self) -> datetime:
        """Return when the stage began; waiting for samples does not belong to a round."""
        state = self._store.state
        if self.condition.stage is Stage.TRAIN:
            return state.round.started
        return next(
            condition.time
            for condition in reversed(state.status.conditions)
            if condition.type is ConditionType.WAITING
        )

    def _add(self, stage: Stage, type_: ConditionType, data: str = "", message: str = "") -> None:
        condition = Condition(
            stage=stage, type=type_, time=datetime.now(UTC), data=data, message=message
        )
        self._store.state.status.conditions.append(condition)

    def _save(self) -> None:
        note_samples(self._store.state)
        self._store.save()


def note_samples(state: JobState) -> None:
    """Update the samples in the status from the shares of the index."""
    samples, shares = state.status.samples, state.shares
    samples.total = shares.position
    samples.train_waiting, samples.eval_waiting = count(shares.train), count(shares.eval)
