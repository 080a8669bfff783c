"""Observes one job's objects in the cluster, once or repeatedly."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress

from lightkube import AsyncClient
from lightkube.resources.core_v1 import Event, Node
from lightkube.resources.core_v1 import Pod as PodResource

from backend.errors import ProjectError, SettingsError, TemporaryError
from jobs.kubernetes.cluster import SEDNA_DATASET, SEDNA_JOB, NotFoundError, explained, find
from jobs.kubernetes.pods import Pod, read_pod, worker_labels
from jobs.kubernetes.snapshot import Observed, snapshot
from jobs.log_line import message_of
from jobs.resources.checks import JobResources
from jobs.status import JobStatus

__all__ = ["Observer"]

_SECONDS_BETWEEN_LOOKS = 2.0


class Observer:
    """Collects a job, its dataset and node, pods, warnings and the last lines of their logs."""

    def __init__(
        self, client: AsyncClient, resources: JobResources, preparations: Sequence[str] = ()
    ) -> None:
        """Observe the job ``resources``, and the pods of the Jobs named ``preparations``."""
        self._client = client
        self._resources = resources
        self._observed = Observed(preparations)
        self._logs_read_to_the_end: set[str] = set()

    async def read(self) -> JobStatus:
        """Return the job's status now.

        Raises:
            SettingsError: there is no such job.
        """
        await self._look()
        if self._observed.job is None:
            raise SettingsError(
                f"the cluster has no IncrementalLearningJob {self._resources.namespace}/"
                f"{self._resources.name}: start it with `iljob run --on kubernetes MANIFESTS`"
            )
        return snapshot(self._resources, self._observed)

    async def follow(self) -> AsyncGenerator[JobStatus, None]:
        """Yield the job's status now and whenever it has changed, until the job is deleted.

        A server that stops answering is asked again.

        Raises:
            SettingsError: there is no such job.
        """
        status = await self.read()
        yield status
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            with suppress(TemporaryError):
                await self._look()
            if self._observed.job is None:
                return
            before, status = status, snapshot(self._resources, self._observed)
            if status != before:
                yield status

    async def _look(self) -> None:
        resources, observed, client = self._resources, self._observed, self._client
        namespace, dataset = resources.namespace, resources.dataset
        # A role for one namespace may not show nodes.
        with suppress(SettingsError, NotFoundError), explained():
            observed.node = await client.get(Node, dataset.spec.node_name)
        datasets = await find(
            client, SEDNA_DATASET, namespace, fields=_named(dataset.metadata.name)
        )
        observed.dataset = next(iter(datasets), {})
        observed.events = await find(client, Event, namespace, fields={"type": "Warning"})
        workers = await find(client, PodResource, namespace, labels=worker_labels(resources.name))
        # Those that have ended stay recorded when the cleaner deletes them.
        ended = {name: pod for name, pod in observed.workers.items() if pod.has_ended}
        observed.workers = ended | _by_name(workers)
        if observed.preparations:
            labels = {"job-name": list(observed.preparations)}
            observed.preparers = _by_name(await find(client, PodResource, namespace, labels=labels))
        await asyncio.gather(*map(self._read_log, observed.pods))
        # Last, so that the rest is interpreted with the newest condition.
        jobs = await find(client, SEDNA_JOB, namespace, fields=_named(resources.name))
        observed.job = next(iter(jobs), None)

    async def _read_log(self, pod: Pod) -> None:
        """Record the last line of the log; a failure to read it is ignored."""
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
                if message := message_of(line):
                    self._observed.lines[pod.name] = message
            if pod.has_ended:
                self._logs_read_to_the_end.add(pod.name)


def _named(name: str) -> dict[str, str]:
    return {"metadata.name": name}


def _by_name(found: Iterable[PodResource]) -> dict[str, Pod]:
    return {pod.name: pod for pod in map(read_pod, found)}
