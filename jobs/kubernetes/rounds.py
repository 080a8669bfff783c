"""Reads a job's rounds from its conditions."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import from_json

from jobs.resources.schema import Trigger
from jobs.status import Condition, ConditionType, Outcome, Round, Stage
from jobs.triggers import decide_deployment, list_metrics

__all__ = ["rounds_of"]

_RESULTS = 2
_SAMPLES = "samples"
_LOST = "the GlobalManager's status does not say how the round ended: the next one has begun"


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")

    url: str = ""
    metrics: dict[str, object] | None = None


_MODELS = TypeAdapter(list[_Model])


def rounds_of(conditions: Sequence[Condition], deploy_trigger: Trigger) -> list[Round]:
    """Return the rounds in ``conditions``, the running one last.

    A round begins when its training samples are ready. The status does not contain the size of the
    training set; the evaluation set's is the metric ``samples``, if it is reported.
    """
    reader = _RoundReader(deploy_trigger)
    for condition in conditions:
        reader.read(condition)
    return reader.rounds


class _RoundReader:
    """Processes the conditions in order."""

    def __init__(self, deploy_trigger: Trigger) -> None:
        self.rounds: list[Round] = []
        # Its hours are in the node's time zone, which is not known here.
        self._trigger = deploy_trigger.model_copy(update={"timer": None})
        self._stage_began: datetime | None = None
        self._seen: set[tuple[Stage, ConditionType]] = set()

    def read(self, condition: Condition) -> None:
        step = (condition.stage, condition.type)
        if step == (Stage.TRAIN, ConditionType.READY) and not self._is_training:
            self._begin(condition)
        if not self._is_open:
            return
        if self._stage_began is None:
            self._stage_began = condition.time
        self._seen.add(step)
        self._read_result(condition)

    @property
    def _is_open(self) -> bool:
        return bool(self.rounds) and self.rounds[-1].ended is None

    @property
    def _is_training(self) -> bool:
        return self._is_open and (Stage.TRAIN, ConditionType.COMPLETED) not in self._seen

    def _begin(self, condition: Condition) -> None:
        if self._is_open:
            self._end(condition.time, Outcome.FAILED, _LOST)
        number = len(self.rounds) + 1
        self.rounds.append(Round(number=number, started=condition.time))

    def _read_result(self, condition: Condition) -> None:
        match condition.stage, condition.type:
            case Stage.TRAIN, ConditionType.COMPLETED:
                self._end_stage(condition)
                if models := _output(condition):
                    self.rounds[-1].model_urls = [each.url for each in models]
            case Stage.EVAL, ConditionType.COMPLETED:
                self._end_stage(condition)
                self._read_metrics(_output(condition))
            case Stage.DEPLOY, ConditionType.COMPLETED:
                self._end_stage(condition)
                self._end_deployment(condition.time)
            case stage, ConditionType.FAILED:
                self._end_stage(condition)
                reason = f"the {stage} stage failed: its pod's log, or its problem, says why"
                self._end(condition.time, Outcome.FAILED, reason)
            case Stage.TRAIN, ConditionType.WAITING:
                self._end(condition.time, Outcome.FAILED, _LOST)

    def _read_metrics(self, results: Sequence[_Model]) -> None:
        round_ = self.rounds[-1]
        metrics = [list_metrics(each.metrics or {}) for each in results]
        if len(metrics) == _RESULTS:
            round_.candidate_metrics, round_.deployed_metrics = metrics
            round_.eval_samples = int(next(iter(metrics[0].get(_SAMPLES, ())), 0))

    def _end_stage(self, condition: Condition) -> None:
        began = self._stage_began or condition.time
        seconds = (condition.time - began).total_seconds()
        self.rounds[-1].seconds.setdefault(condition.stage, seconds)
        self._stage_began = None

    def _end_deployment(self, time: datetime) -> None:
        is_deployed = (Stage.DEPLOY, ConditionType.READY) in self._seen
        round_ = self.rounds[-1]
        results = (round_.candidate_metrics, round_.deployed_metrics)
        decision = decide_deployment(self._trigger, results, time)
        outcome = Outcome.DEPLOYED if is_deployed else Outcome.REJECTED
        reason = f"the LocalController decided so; the trigger is {self._trigger}"
        self._end(time, outcome, decision.reason if decision.fires == is_deployed else reason)

    def _end(self, time: datetime, outcome: Outcome, reason: str) -> None:
        round_ = self.rounds[-1]
        round_.ended, round_.outcome, round_.reason = time, outcome, reason
        self._stage_began = None
        self._seen.clear()


def _output(condition: Condition) -> list[_Model]:
    """Return the models that a stage's worker reported; none if the report was lost."""
    try:
        output = from_json(condition.data or "{}").get("output") or {}
        return _MODELS.validate_python(output.get("models") or [])
    except (ValueError, AttributeError):
        return []
