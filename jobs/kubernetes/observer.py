"""Sees what the cluster holds of one job, once or as it changes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from lightkube import AsyncClient
from lightkube.resources.core_v1 import Event, Node
from lightkube.resources.core_v1 import Pod as PodResource

from backend.errors import ProjectError, SettingsError
from jobs.kubernetes.cluster import SEDNA_DATASET, SEDNA_JOB, NotFoundError, Object, explained
from jobs.kubernetes.following import Selection, find, follow
from jobs.kubernetes.pods import Pod, read_pod, worker_labels
from jobs.kubernetes.snapshot import Observed, snapshot
from jobs.log_line import message_of
from jobs.resources.checks import JobResources
from jobs.status import JobStatus

__all__ = ["Observer"]

_LONGEST_WAIT_SECONDS = 5.0
"""How often to look for new log lines, and for problems that show only in nothing happening."""
_SECONDS_BETWEEN_LOGS = 1.0

_Record = Callable[[list[Any]], None]


class _DeletedError(ProjectError):
    """The job existed and is gone."""


class Observer:
    """Gathers a job, its dataset and node, pods, warnings and the last lines of their logs."""

    def __init__(
        self, client: AsyncClient, resources: JobResources, preparations: Sequence[str] = ()
    ) -> None:
        """Observe the job ``resources``, and the pods of the Jobs named ``preparations``."""
        self._client = client
        self._resources = resources
        self._observed = Observed(preparations)
        self._logs_read_to_the_end: set[str] = set()
        self._changed = asyncio.Event()

    async def read(self) -> JobStatus:
        """Return the job's status now.

        Raises:
            SettingsError: there is no such job.
        """
        for selection, record in self._selections():
            record(await find(self._client, selection))
        if self._observed.job is None:
            raise SettingsError(
                f"the cluster has no IncrementalLearningJob {self._resources.namespace}/"
                f"{self._resources.name}: start it with `iljob run --on kubernetes MANIFESTS`"
            )
        await self._read_node()
        await self._read_logs()
        return self._snapshot

    async def follow(self) -> AsyncGenerator[JobStatus, None]:
        """Yield the job's status now and after each change, until the job is deleted.

        Raises:
            SettingsError: there is no such job.
        """
        yield await self.read()
        follow_node = asyncio.create_task(self._follow_node())
        tasks = [asyncio.create_task(self._follow(*each)) for each in self._selections()]
        logs = asyncio.create_task(self._follow_logs())
        try:
            while True:
                await self._wait_for_change(tasks)
                yield self._snapshot
        except _DeletedError:
            return
        finally:
            await _cancel([*tasks, follow_node, logs])

    @property
    def _snapshot(self) -> JobStatus:
        return snapshot(self._resources, self._observed)

    def _selections(self) -> list[tuple[Selection, _Record]]:
        resources = self._resources
        namespace = resources.namespace
        selections: list[tuple[Selection, _Record]] = [
            (Selection(SEDNA_JOB, namespace, fields=_named(resources.name)), self._record_job),
            (
                Selection(SEDNA_DATASET, namespace, fields=_named(resources.dataset.metadata.name)),
                self._record_dataset,
            ),
            (Selection(Event, namespace, fields={"type": "Warning"}), self._record_events),
            (
                Selection(PodResource, namespace, labels=worker_labels(resources.name)),
                self._record_workers,
            ),
        ]
        if self._observed.preparations:
            labels = {"job-name": list(self._observed.preparations)}
            selections.append(
                (Selection(PodResource, namespace, labels=labels), self._record_preparers)
            )
        return selections

    async def _follow(self, selection: Selection, record: _Record) -> None:
        async with aclosing(follow(self._client, selection)) as states:
            async for found in states:
                record(found)
                self._changed.set()

    async def _read_node(self) -> None:
        """Note the node's state; a role for one namespace need not show nodes."""
        with suppress(SettingsError, NotFoundError), explained():
            name = self._resources.dataset.spec.node_name
            self._observed.node = await self._client.get(Node, name)

    async def _follow_node(self) -> None:
        selection = Selection(Node, fields=_named(self._resources.dataset.spec.node_name))
        with suppress(SettingsError):
            await self._follow(selection, self._record_node)

    async def _wait_for_change(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Wait for a change, but not forever; raise what ended one of the ``tasks``."""
        changed = asyncio.create_task(self._changed.wait())
        done, _ = await asyncio.wait(
            [changed, *tasks],
            timeout=_LONGEST_WAIT_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        await _cancel([changed])
        for task in done:
            task.result()
        self._changed.clear()

    def _record_job(self, found: list[Object]) -> None:
        if not found and self._observed.job is not None:
            raise _DeletedError
        self._observed.job = found[0] if found else None

    def _record_dataset(self, found: list[Object]) -> None:
        self._observed.dataset = found[0] if found else {}

    def _record_node(self, found: list[Node]) -> None:
        self._observed.node = found[0] if found else None

    def _record_events(self, found: list[Event]) -> None:
        self._observed.events = list(found)

    def _record_workers(self, found: list[PodResource]) -> None:
        """Note the workers; those that have ended stay known when the cleaner deletes them."""
        ended = {name: pod for name, pod in self._observed.workers.items() if pod.has_ended}
        self._observed.workers = ended | _by_name(found)

    def _record_preparers(self, found: list[PodResource]) -> None:
        self._observed.preparers = _by_name(found)

    async def _follow_logs(self) -> None:
        while True:
            await self._read_logs()
            await asyncio.sleep(_SECONDS_BETWEEN_LOGS)

    async def _read_logs(self) -> None:
        await asyncio.gather(*map(self._read_log, self._observed.pods))

    async def _read_log(self, pod: Pod) -> None:
        """Note the last line of the log; a failure to read it is ignored."""
        container = pod.current
        if container is None or not container.has_log or pod.name in self._logs_read_to_the_end:
            return
        log = self._client.log(
            pod.name,
            namespace=self._resources.namespace,
            container=container.name,
            tail_lines=1,
            newlines=False,
        )
        with suppress(ProjectError), explained():
            async for line in log:
                message = message_of(line)
                if message and message != self._observed.lines.get(pod.name):
                    self._observed.lines[pod.name] = message
                    self._changed.set()
            if pod.has_ended:
                self._logs_read_to_the_end.add(pod.name)


def _named(name: str) -> dict[str, str]:
    return {"metadata.name": name}


def _by_name(found: Iterable[PodResource]) -> dict[str, Pod]:
    return {pod.name: pod for pod in map(read_pod, found)}


async def _cancel(tasks: Iterable[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
