"""A job's status, made of what the cluster holds of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jobs.kubernetes.cluster import Object
from jobs.kubernetes.pods import Event, Pod, worker_state
from jobs.kubernetes.problems import inaction, pod_problem
from jobs.kubernetes.rounds import rounds_of
from jobs.resources.checks import JobResources
from jobs.status import Condition, ConditionType, JobStatus, Samples, Stage
from jobs.triggers import train_share

__all__ = ["Observed", "snapshot"]


@dataclass
class Observed:
    """What has been seen of one job."""

    job: Object | None = None
    dataset: Object = field(default_factory=dict)
    workers: dict[str, Pod] = field(default_factory=dict)
    """The pods of the job's workers, by name; also those that ended and were deleted."""
    preparers: dict[str, Pod] = field(default_factory=dict)
    """The pods of the Jobs that prepare the node, by name."""
    events: list[Event] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    """The last line of each pod's log."""

    @property
    def pods(self) -> list[Pod]:
        """All pods, the oldest first: what is wrong with one can be the cause for the next."""
        pods = [*self.preparers.values(), *self.workers.values()]
        return sorted(pods, key=lambda pod: pod.metadata.creation_timestamp)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class _Condition(_Part):
    stage: Stage
    type: ConditionType
    last_transition_time: datetime
    data: str = ""
    message: str = ""


class _Status(_Part):
    conditions: list[_Condition] = Field(default_factory=list)


class _Metadata(_Part):
    creation_timestamp: datetime


class _Job(_Part):
    metadata: _Metadata
    status: _Status = Field(default_factory=_Status)


class _DatasetStatus(_Part):
    number_of_samples: int = 0


class _Dataset(_Part):
    status: _DatasetStatus = Field(default_factory=_DatasetStatus)


def snapshot(resources: JobResources, observed: Observed) -> JobStatus:
    """Return the status of the job ``resources`` as it has been ``observed``."""
    job = _Job.model_validate(observed.job)
    conditions = [_condition(each) for each in job.status.conditions]
    created, spec = job.metadata.creation_timestamp, resources.job.spec
    return JobStatus(
        name=resources.name,
        namespace=resources.namespace,
        runner="kubernetes",
        started=created,
        conditions=conditions,
        samples=_samples(resources, observed.dataset, conditions),
        rounds=rounds_of(conditions, spec.deploy_spec.trigger),
        workers=[
            worker_state(pod, observed.lines.get(pod.name, "")) for pod in observed.pods if pod.kind
        ],
        class_names=resources.class_names,
        deploy_trigger=str(spec.deploy_spec.trigger),
        problem=_problem(observed, created, conditions, resources.namespace),
    )


def _condition(condition: _Condition) -> Condition:
    return Condition(
        stage=condition.stage,
        type=condition.type,
        time=condition.last_transition_time,
        data=condition.data,
        message=condition.message,
    )


def _samples(resources: JobResources, dataset: Object, conditions: Sequence[Condition]) -> Samples:
    """Return what is known: the shares of later rounds are the LocalController's own."""
    total = _Dataset.model_validate(dataset).status.number_of_samples
    spec = resources.job.spec
    share = train_share(spec.dataset.train_prob, total)
    has_trained = any(
        (each.stage, each.type) == (Stage.TRAIN, ConditionType.READY) for each in conditions
    )
    return Samples(
        total=total,
        train_waiting=0 if has_trained else share,
        eval_waiting=0 if has_trained else total - share,
        # Without the figure there is nothing to hold against the trigger.
        trigger="" if has_trained else str(spec.train_spec.trigger),
    )


def _problem(
    observed: Observed, created: datetime, conditions: Sequence[Condition], namespace: str
) -> str:
    now = datetime.now(UTC)
    sentences = (pod_problem(pod, observed.events, observed.lines, now) for pod in observed.pods)
    return next(filter(None, sentences), "") or inaction(created, conditions, namespace, now)
