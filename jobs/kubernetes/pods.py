"""The parts of pods and nodes that show a worker's state and problems."""

from dataclasses import dataclass
from datetime import UTC, datetime

from lightkube.models import core_v1, meta_v1

from jobs.status import WorkerState
from workers.contract import JOB_KIND

__all__ = ["Container", "Pod", "offline_since", "read_pod", "worker_labels", "worker_state"]

_GROUP = f"{JOB_KIND}.sedna.io"
_WORKER_TYPE = f"{_GROUP}/worker-type"
_INFERENCE = "inference"


@dataclass(frozen=True)
class Container:
    """A container's state."""

    name: str
    image: str
    is_init: bool
    restarts: int
    is_running: bool
    waiting: core_v1.ContainerStateWaiting | None
    terminated: core_v1.ContainerStateTerminated | None
    last_terminated: core_v1.ContainerStateTerminated | None
    """How it ended before its latest start."""

    @property
    def waits_for(self) -> str:
        """Why it waits, in the kubelet's terms; empty if it does not wait."""
        return self.waiting.reason or "" if self.waiting else ""

    @property
    def last_end(self) -> core_v1.ContainerStateTerminated | None:
        """How it ended the last time, if it ever did."""
        return self.terminated or self.last_terminated

    @property
    def has_log(self) -> bool:
        """Whether it has started at least once."""
        return self.waiting is None or self.restarts > 0


@dataclass(frozen=True)
class Pod:
    """A pod's state."""

    name: str
    kind: str
    """``train``, ``eval`` or ``infer``; empty for a pod that is not a worker's."""
    node: str
    created: datetime
    deleted: datetime | None
    """When it was marked for deletion; it stays until its node confirms."""
    phase: str
    reason: str
    message: str
    unschedulable: str
    """Why it cannot be scheduled on any node."""
    containers: list[Container]
    """In the order in which they run; empty before the node has accepted the pod."""

    @property
    def has_ended(self) -> bool:
        """Whether the pod has ended, successfully or not."""
        return self.phase in {"Succeeded", "Failed"}

    @property
    def current(self) -> Container | None:
        """The container whose turn it is: the first init container that has not succeeded."""
        return next((each for each in self.containers if not _has_succeeded_init(each)), None)


def read_pod(pod: core_v1.Pod) -> Pod:
    """Return the state of a pod of the API."""
    metadata, spec = pod.metadata or meta_v1.ObjectMeta(), pod.spec
    status = pod.status or core_v1.PodStatus()
    worker_type = (metadata.labels or {}).get(_WORKER_TYPE, "")
    statuses = {True: status.initContainerStatuses, False: status.containerStatuses}
    return Pod(
        name=metadata.name or "",
        kind="infer" if worker_type == _INFERENCE else worker_type,
        node=spec.nodeName or "" if spec else "",
        created=metadata.creationTimestamp or datetime.now(UTC),
        deleted=metadata.deletionTimestamp,
        phase=status.phase or "",
        reason=status.reason or "",
        message=status.message or "",
        unschedulable=next(
            (
                each.message or each.reason or ""
                for each in status.conditions or []
                if each.type == "PodScheduled" and each.status == "False"
            ),
            "",
        ),
        containers=[
            _read_container(each, is_init=is_init)
            for is_init, found in statuses.items()
            for each in found or []
        ],
    )


def _read_container(status: core_v1.ContainerStatus, *, is_init: bool) -> Container:
    state = status.state or core_v1.ContainerState()
    return Container(
        name=status.name,
        image=status.image,
        is_init=is_init,
        restarts=status.restartCount,
        is_running=state.running is not None,
        waiting=state.waiting,
        terminated=state.terminated,
        last_terminated=status.lastState.terminated if status.lastState else None,
    )


def _has_succeeded_init(container: Container) -> bool:
    end = container.terminated
    return container.is_init and end is not None and end.exitCode == 0


def offline_since(node: core_v1.Node | None) -> datetime | None:
    """Return since when a node has not been ready; None if it is ready or unknown."""
    conditions = node.status.conditions if node and node.status else None
    for condition in conditions or []:
        if condition.type == "Ready" and condition.status != "True":
            return condition.lastTransitionTime
    return None


def worker_labels(job: str) -> dict[str, str]:
    """Return the labels that select a job's worker pods."""
    return {f"{_GROUP}/name": job}


def worker_state(pod: Pod, last_line: str) -> WorkerState:
    """Return a worker's state; its name is the pod's."""
    worker = next((each for each in pod.containers if not each.is_init), None)
    ended = worker.terminated if worker and pod.has_ended else None
    last_end = worker.last_end if worker else None
    return WorkerState(
        name=pod.name,
        kind=pod.kind,
        started=pod.created,
        ended=(ended.finishedAt or pod.created) if ended else None,
        exit_status=last_end.exitCode if last_end else None,
        restarts=worker.restarts if worker else 0,
        last_line=last_line,
    )
