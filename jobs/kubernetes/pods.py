"""Pods, as far as a worker's state and its troubles are read from them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jobs.status import WorkerState
from workers.contract import JOB_KIND

__all__ = ["Container", "Event", "Pod", "worker_selector", "worker_state"]

_GROUP = f"{JOB_KIND}.sedna.io"
_WORKER_TYPE = f"{_GROUP}/worker-type"
_KINDS = {"inference": "infer"}


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Waiting(_Part):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Terminated(_Part):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class Running(_Part):
    """Since when a container runs."""

    started_at: datetime | None = None


class State(_Part):
    """One of the three, or none before the kubelet has seen the pod."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class Container(_Part):
    """A container's status."""

    name: str
    image: str = ""
    restart_count: int = 0
    state: State = State()
    last_state: State = State()


class PodCondition(_Part):
    """One of the pod's conditions, such as ``PodScheduled``."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class Metadata(_Part):
    """What identifies the pod."""

    name: str
    uid: str = ""
    labels: dict[str, str] = {}
    creation_timestamp: datetime


class PodSpec(_Part):
    """Where the pod runs."""

    node_name: str = ""


class PodStatus(_Part):
    """What the kubelet says."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[PodCondition] = []
    init_container_statuses: list[Container] = []
    container_statuses: list[Container] = []


class Pod(_Part):
    """A pod of the API."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.metadata.name

    @property
    def kind(self) -> str:
        """``train``, ``eval`` or ``infer``; empty for a pod that is no worker."""
        type_ = self.metadata.labels.get(_WORKER_TYPE, "")
        return _KINDS.get(type_, type_)

    @property
    def containers(self) -> list[Container]:
        """The containers' statuses, in the order in which they run."""
        return [*self.status.init_container_statuses, *self.status.container_statuses]

    @property
    def worker(self) -> Container | None:
        """The status of the worker's container: the first that is no init container."""
        return next(iter(self.status.container_statuses), None)

    @property
    def has_ended(self) -> bool:
        """Whether the pod has run to its end, for better or worse."""
        return self.status.phase in {"Succeeded", "Failed"}


class _Involved(_Part):
    name: str = ""
    kind: str = ""


class Event(_Part):
    """An event of the API: what the kubelet or the scheduler met with."""

    type: str = ""
    reason: str = ""
    message: str = ""
    involved_object: _Involved = Field(default=_Involved())
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def pod(self) -> str:
        """The name of the pod that it is about, or nothing."""
        return self.involved_object.name if self.involved_object.kind == "Pod" else ""


def worker_selector(job: str) -> str:
    """Return the label selector of a job's worker pods."""
    return f"{_GROUP}/name={job}"


def worker_state(pod: Pod, last_line: str) -> WorkerState:
    """Return what is known of a worker; its name is the pod's."""
    worker = pod.worker
    ended = worker.state.terminated if worker and pod.has_ended else None
    last_end = ended or (worker.last_state.terminated if worker else None)
    return WorkerState(
        name=pod.name,
        kind=pod.kind,
        started=pod.metadata.creation_timestamp,
        ended=ended.finished_at or pod.metadata.creation_timestamp if ended else None,
        exit_status=last_end.exit_code if last_end else None,
        restarts=worker.restart_count if worker else 0,
        last_line=last_line,
    )
