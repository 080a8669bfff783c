"""The runner of one job on a Kubernetes cluster."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from backend.errors import SettingsError
from jobs.kubernetes.apply import apply, check_node
from jobs.kubernetes.cluster import NotFoundError, Object, connect
from jobs.kubernetes.observer import JOBS, Observer
from jobs.resources.checks import JobResources
from jobs.runner import OnStatus
from jobs.status import JobStatus

__all__ = ["KubernetesRunner"]


class KubernetesRunner:
    """Has Sedna run a job on the cluster of the kubeconfig; see `jobs.runner.JobRunner`.

    The job runs on when the runner ends. The calls that are no coroutines start an event loop
    of their own.
    """

    def __init__(self, resources: JobResources, documents: Sequence[Object]) -> None:
        """Run the job ``resources``; ``documents`` are all resources to apply, the job's too."""
        self._resources = resources
        self._documents = documents

    @property
    def report(self) -> Path:
        """Where `iljob report` writes to: the present folder, since outputDir is the node's."""
        return Path(f"{self._resources.name}-report.html")

    async def run(
        self,
        *,
        rounds: int | None = None,
        timeout: float | None = None,
        on_status: OnStatus | None = None,
    ) -> JobStatus:
        """Apply the manifests, then follow the job; see `JobRunner.run`.

        Returns early if somebody deletes the job.

        Raises:
            SettingsError: the cluster refuses a manifest, or has no such node.
        """
        async with asyncio.timeout(timeout), connect() as cluster:
            await check_node(cluster, self._resources)
            await apply(cluster, self._documents)
            observer = Observer(cluster, self._resources, self._node_jobs)
            async with aclosing(observer.keep_up()) as statuses:
                async for status in statuses:
                    if on_status:
                        on_status(status)
                    if rounds is not None and status.rounds_ended >= rounds:
                        break
        return status

    def status(self) -> JobStatus:
        """Return the job's status from the cluster."""
        return asyncio.run(self._look())

    async def watch(self, on_status: OnStatus) -> None:
        """Follow the job until it is deleted."""
        async with connect() as cluster:
            observer = Observer(cluster, self._resources, self._node_jobs)
            async with aclosing(observer.keep_up()) as statuses:
                async for status in statuses:
                    on_status(status)

    def stop(self) -> None:
        """Delete the job and, with it, its pods; wait until they are gone."""
        asyncio.run(self._delete())

    async def _look(self) -> JobStatus:
        async with connect() as cluster:
            return await Observer(cluster, self._resources, self._node_jobs).look()

    async def _delete(self) -> None:
        name, namespace = self._resources.name, self._resources.namespace
        async with connect() as cluster:
            try:
                await cluster.delete(JOBS, namespace, name)
            except NotFoundError:
                raise SettingsError(f"the job {namespace}/{name} is not being run") from None
            observer = Observer(cluster, self._resources)
            with suppress(SettingsError):
                async with aclosing(observer.keep_up()) as statuses:
                    async for _ in statuses:
                        pass

    @property
    def _node_jobs(self) -> list[str]:
        return [each["metadata"]["name"] for each in self._documents if each["kind"] == "Job"]
