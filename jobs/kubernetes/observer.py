"""Sees what the cluster holds of one job, once or as it changes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress

from backend.errors import ProjectError, SettingsError
from jobs.kubernetes.cluster import Cluster, Object, Resource
from jobs.kubernetes.following import Selection, follow
from jobs.kubernetes.pods import Event, Pod, worker_selector
from jobs.kubernetes.snapshot import Observed, snapshot
from jobs.log_line import message_of
from jobs.resources.checks import JobResources
from jobs.resources.schema import API_VERSION
from jobs.status import JobStatus

__all__ = ["JOBS", "Observer"]

JOBS = Resource(API_VERSION, "incrementallearningjobs")
_DATASETS = Resource(API_VERSION, "datasets")
_PODS = Resource("v1", "pods")
_EVENTS = Resource("v1", "events")
_WARNINGS = {"fieldSelector": "involvedObject.kind=Pod,type=Warning"}
_SECONDS_BETWEEN_LOOKS = 10.0
"""How often to look for a problem that shows only in nothing happening."""

_Take = Callable[[list[Object]], None]


class _DeletedError(ProjectError):
    """The job was there and is no more."""


class Observer:
    """Gathers a job, its dataset, pods, their events and the last lines of their logs."""

    def __init__(
        self, cluster: Cluster, resources: JobResources, node_jobs: Sequence[str] = ()
    ) -> None:
        """Observe the job ``resources``, and the pods of the Jobs named ``node_jobs``."""
        self._cluster = cluster
        self._resources = resources
        self._node_jobs = node_jobs
        self._observed = Observed()
        self._logs: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    async def look(self) -> JobStatus:
        """Return the job's status now.

        Raises:
            SettingsError: there is no such job.
        """
        for selection, take in self._selections():
            found, _ = await self._cluster.list(
                selection.resource, selection.namespace, selection.selector
            )
            take(found)
        if self._observed.job is None:
            raise SettingsError(
                f"the cluster has no IncrementalLearningJob {self._resources.namespace}/"
                f"{self._resources.name}: start it with `iljob run --on kubernetes`"
            )
        for pod in self._observed.workers.values():
            if _has_log(pod):
                await self._read_log(pod, follow=False)
        return self._status

    async def keep_up(self) -> AsyncGenerator[JobStatus, None]:
        """Yield the job's status now and after each change, until the job is deleted.

        Raises:
            SettingsError: there is no such job.
        """
        yield await self.look()
        tasks = [asyncio.create_task(self._follow(*each)) for each in self._selections()]
        try:
            while True:
                await self._change(tasks)
                self._follow_logs()
                yield self._status
        except _DeletedError:
            return
        finally:
            await _cancel([*tasks, *self._logs.values()])

    @property
    def _status(self) -> JobStatus:
        return snapshot(self._resources, self._observed)

    def _selections(self) -> list[tuple[Selection, _Take]]:
        name, dataset = self._resources.name, self._resources.dataset.metadata.name
        workers = {"labelSelector": worker_selector(name)}
        selections: list[tuple[Selection, _Take]] = [
            (self._selection(JOBS, _named(name)), self._take_job),
            (self._selection(_DATASETS, _named(dataset)), self._take_dataset),
            (self._selection(_EVENTS, _WARNINGS), self._take_events),
            (self._selection(_PODS, workers), self._take_workers),
        ]
        if self._node_jobs:
            labels = f"batch.kubernetes.io/job-name in ({','.join(self._node_jobs)})"
            selection = self._selection(_PODS, {"labelSelector": labels})
            selections.append((selection, self._take_preparers))
        return selections

    def _selection(self, resource: Resource, selector: dict[str, str]) -> Selection:
        return Selection(resource, self._resources.namespace, selector)

    async def _follow(self, selection: Selection, take: _Take) -> None:
        async with aclosing(follow(self._cluster, selection)) as states:
            async for found in states:
                take(found)
                self._changed.set()

    async def _change(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Wait for a change, but not for ever; raise what ended one of the ``tasks``."""
        changed = asyncio.create_task(self._changed.wait())
        done, _ = await asyncio.wait(
            [changed, *tasks],
            timeout=_SECONDS_BETWEEN_LOOKS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        await _cancel([changed])
        for task in done:
            task.result()
        self._changed.clear()

    def _take_job(self, found: list[Object]) -> None:
        if not found and self._observed.job is not None:
            raise _DeletedError
        self._observed.job = found[0] if found else None

    def _take_dataset(self, found: list[Object]) -> None:
        self._observed.dataset = found[0] if found else {}

    def _take_events(self, found: list[Object]) -> None:
        self._observed.events = [Event.model_validate(each) for each in found]

    def _take_workers(self, found: list[Object]) -> None:
        """Note the workers; those that have ended stay known when they are cleaned away."""
        ended = {name: pod for name, pod in self._observed.workers.items() if pod.has_ended}
        self._observed.workers = ended | _by_name(found)

    def _take_preparers(self, found: list[Object]) -> None:
        self._observed.preparers = _by_name(found)

    def _follow_logs(self) -> None:
        for name, pod in self._observed.workers.items():
            task = self._logs.get(name)
            if _is_running(pod) and (task is None or task.done()):
                self._logs[name] = asyncio.create_task(self._read_log(pod, follow=True))

    async def _read_log(self, pod: Pod, *, follow: bool) -> None:
        """Note the last line; a log that cannot be read (yet) is no reason to stop."""
        container = pod.worker.name if pod.worker else ""
        log = self._cluster.log(
            self._resources.namespace, pod.name, container=container, follow=follow
        )
        with suppress(ProjectError):
            async with aclosing(log) as lines:
                async for line in lines:
                    self._take_line(pod.name, line)

    def _take_line(self, pod: str, line: str) -> None:
        message = message_of(line)
        if message and message != self._observed.lines.get(pod):
            self._observed.lines[pod] = message
            self._changed.set()


def _named(name: str) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"}


def _by_name(found: Iterable[Object]) -> dict[str, Pod]:
    pods = (Pod.model_validate(each) for each in found)
    return {pod.name: pod for pod in pods}


def _is_running(pod: Pod) -> bool:
    return pod.worker is not None and pod.worker.state.running is not None


def _has_log(pod: Pod) -> bool:
    worker = pod.worker
    return worker is not None and (worker.restart_count > 0 or worker.state.waiting is None)


async def _cancel(tasks: Iterable[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
