"""A job's status, derived from its objects in the cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from lightkube.models import core_v1, meta_v1
from pydantic import ValidationError

from jobs.kubernetes.cluster import Object
from jobs.kubernetes.pods import Pod, offline_since, worker_state
from jobs.kubernetes.problems import (
    deletion,
    inaction,
    no_inference,
    offline_node,
    pod_problem,
    refused_pods,
)
from jobs.kubernetes.rounds import rounds_of
from jobs.resources.checks import JobResources
from jobs.resources.schema import API_VERSION, IncrementalLearningJob
from jobs.status import Condition, ConditionType, JobStatus, Samples, Stage
from jobs.triggers import train_share

__all__ = ["Observed", "differences", "snapshot"]

_SHOWN = 3


@dataclass
class Observed:
    """The observed objects of one job."""

    preparations: Sequence[str] = ()
    """The names of the Jobs that prepare the node."""
    job: Any = None
    """As lightkube has it; None if the cluster has no such job."""
    dataset: Object = field(default_factory=dict)
    node: core_v1.Node | None = None
    """The dataset's node; None if the user is not allowed to see it."""
    workers: dict[str, Pod] = field(default_factory=dict)
    """The pods of the job's workers, by name, including those that ended and were deleted."""
    preparers: dict[str, Pod] = field(default_factory=dict)
    """The pods of the Jobs that prepare the node, by name."""
    events: list[core_v1.Event] = field(default_factory=list)
    """The namespace's warnings."""
    lines: dict[str, str] = field(default_factory=dict)
    """The last line of each pod's log."""

    @property
    def pods(self) -> list[Pod]:
        """All pods, the oldest first: a problem of one can be the cause of the next one's."""
        pods = [*self.preparers.values(), *self.workers.values()]
        return sorted(pods, key=lambda pod: pod.created)


def snapshot(local: JobResources, observed: Observed) -> JobStatus:
    """Return the status of an ``observed`` job, interpreted with the cluster's version of it.

    ``local`` are its manifests here; if the two differ, the status has a note.
    """
    job, metadata = observed.job, observed.job.metadata
    resources, conditions = _of_the_cluster(local, job), _conditions(job)
    spec = resources.job.spec
    return JobStatus(
        name=resources.name,
        namespace=resources.namespace,
        runner="kubernetes",
        started=metadata.creationTimestamp,
        conditions=conditions,
        samples=_samples(resources, observed.dataset, conditions),
        rounds=rounds_of(conditions, spec.deploy_spec.trigger),
        workers=[
            worker_state(pod, observed.lines.get(pod.name, "")) for pod in observed.pods if pod.kind
        ],
        class_names=resources.class_names,
        deploy_trigger=str(spec.deploy_spec.trigger),
        problem=_problem(resources, observed, metadata, conditions),
        note=_note(local, resources),
    )


def differences(one: Any, other: Any, path: str = "spec") -> Iterator[tuple[str, Any, Any]]:
    """Yield each field in which two resources differ: its path and both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}.{index}")
    elif one != other:
        yield path, one, other


def _of_the_cluster(local: JobResources, job: Object) -> JobResources:
    """Return the resources with the cluster's job, unless `iljob` would not accept it."""
    complete = {"apiVersion": API_VERSION, "kind": IncrementalLearningJob.__name__, **job}
    try:
        return replace(local, job=IncrementalLearningJob.model_validate(complete))
    except ValidationError:
        return local


def _note(local: JobResources, resources: JobResources) -> str:
    """Return how the cluster's job differs; fields not set here may have the server's default."""
    cluster, own = (each.job.spec.model_dump(by_alias=True) for each in (resources, local))
    found = [
        f"{path.replace('. other', '')} ({there} there, {here} here)"
        for path, there, here in differences(cluster, own)
        if here is not None
    ]
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"the cluster's job differs from these manifests: {', '.join(found[:_SHOWN])}{more};"
        " what is shown is the cluster's"
    )


def _conditions(job: Object) -> list[Condition]:
    return [
        Condition(
            stage=each["stage"],
            type=each["type"],
            time=each["lastTransitionTime"],
            data=each.get("data", ""),
            message=each.get("message", ""),
        )
        for each in job.get("status", {}).get("conditions", [])
    ]


def _samples(resources: JobResources, dataset: Object, conditions: Sequence[Condition]) -> Samples:
    """Return the known figures; only the LocalController knows the shares of later rounds."""
    total = dataset.get("status", {}).get("numberOfSamples", 0)
    spec = resources.job.spec
    share = train_share(spec.dataset.train_prob, total)
    has_trained = any(
        (each.stage, each.type) == (Stage.TRAIN, ConditionType.READY) for each in conditions
    )
    return Samples(
        total=total,
        train_waiting=0 if has_trained else share,
        eval_waiting=0 if has_trained else total - share,
        # Without this figure there is nothing to compare with the trigger.
        trigger="" if has_trained else str(spec.train_spec.trigger),
    )


def _problem(
    resources: JobResources,
    observed: Observed,
    metadata: meta_v1.ObjectMeta,
    conditions: Sequence[Condition],
) -> str:
    now, namespace = datetime.now(UTC), resources.namespace
    created = metadata.creationTimestamp or now
    node, offline = resources.dataset.spec.node_name, offline_since(observed.node)
    workers = list(observed.workers.values())
    if metadata.deletionTimestamp:
        left = [pod for pod in workers if not pod.has_ended]
        return deletion(metadata.deletionTimestamp, left, node, offline)
    if offline:
        return offline_node(node, offline, conditions[-1] if conditions else None, workers)
    of_pods = (
        pod_problem(pod, namespace, observed.events, observed.lines, now) for pod in observed.pods
    )
    unprepared = () if observed.preparers else observed.preparations
    return (
        next(filter(None, of_pods), "")
        or refused_pods(observed.events, unprepared, namespace)
        or no_inference(created, workers, now)
        or inaction(created, conditions, namespace, now)
    )
