"""The runner of one job on a Kubernetes cluster."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TypeVar

from lightkube import AsyncClient
from lightkube.types import CascadeType

from backend.errors import SettingsError, TemporaryError
from jobs.kubernetes.apply import apply
from jobs.kubernetes.cluster import SEDNA_JOB, NotFoundError, Object, connect, explained
from jobs.kubernetes.inference import restore_inference
from jobs.kubernetes.observer import Observer
from jobs.resources.checks import JobResources
from jobs.runner import OnStatus
from jobs.status import JobStatus

__all__ = ["KubernetesRunner"]

_DELETION_SECONDS = 60.0
"""A pod has 30 seconds to end."""

_Answer = TypeVar("_Answer")


class KubernetesRunner:
    """Has Sedna run a job on the cluster of the kubeconfig; see `jobs.runner.JobRunner`.

    The job continues when the runner ends. The methods that are not coroutines start their own
    event loop.
    """

    def __init__(self, resources: JobResources, documents: Sequence[Object]) -> None:
        """Run the job ``resources``; ``documents`` are all resources to apply, the job's too."""
        self._resources = resources
        self._documents = documents

    @property
    def report(self) -> Path:
        """The report's file, in the current folder, since outputDir is on the node."""
        return Path(f"{self._resources.name}-report.html")

    async def run(
        self,
        *,
        rounds: int | None = None,
        timeout: float | None = None,
        on_status: OnStatus | None = None,
    ) -> JobStatus:
        """Apply the manifests, then follow the job; see `JobRunner.run`.

        Returns early if the job is deleted.

        Raises:
            SettingsError: the cluster refuses a manifest, or has no such node.
        """
        async with asyncio.timeout(timeout), connect() as client:
            await apply(client, self._documents, self._resources)
            async with aclosing(self._observer(client).follow()) as statuses:
                async for status in statuses:
                    if on_status:
                        on_status(status)
                    if rounds is not None and status.rounds_ended >= rounds:
                        break
        return status

    def status(self) -> JobStatus:
        """Return the job's status from the cluster."""
        return asyncio.run(_connected(lambda client: self._observer(client).read()))

    async def watch(self, on_status: OnStatus) -> None:
        """Follow the job until it is deleted."""
        async with (
            connect() as client,
            aclosing(self._observer(client).follow()) as statuses,
        ):
            async for status in statuses:
                on_status(status)

    def retry(self) -> str:
        """Refuse: only the LocalController starts rounds, and it knows nothing but its trigger.

        Raises:
            SettingsError: always; says how many samples start a round.
        """
        spec = self._resources.job.spec
        condition = spec.train_spec.trigger.condition
        lines = math.ceil(condition.threshold / (spec.dataset.train_prob or 1))
        raise SettingsError(
            "Sedna starts a round only by its trigger: append as many lines to the index as are"
            f" missing of {lines} since the last round began, and the round trains on the samples"
            " of failed ones too"
        )

    def stop(self) -> None:
        """Delete the job and, with it, its pods; wait until they are gone.

        Raises:
            TemporaryError: that takes more than a minute; says what it is waiting for.
        """
        asyncio.run(_connected(self._delete))

    def apply(self) -> None:
        """Apply the manifests; changes take effect without losing rounds.

        Raises:
            SettingsError: the cluster refuses them; nothing is applied.
            TemporaryError: the node is offline; nothing is applied.
        """
        asyncio.run(_connected(lambda client: apply(client, self._documents, self._resources)))

    def restore(self) -> None:
        """Have the missing inference pod recreated.

        Raises:
            SettingsError: the job is not being run, or has its inference pod.
            TemporaryError: the node is offline, or the GlobalManager does not create the pod.
        """
        asyncio.run(_connected(lambda client: restore_inference(client, self._resources)))

    async def _delete(self, client: AsyncClient) -> None:
        name, namespace = self._resources.name, self._resources.namespace
        problem = ""
        try:
            with explained():
                await client.delete(
                    SEDNA_JOB, name, namespace=namespace, cascade=CascadeType.FOREGROUND
                )
        except NotFoundError:
            raise SettingsError(f"the job {namespace}/{name} is not being run") from None
        try:
            # The observer's error is that the job has already been deleted.
            with suppress(SettingsError):
                async with (
                    asyncio.timeout(_DELETION_SECONDS),
                    aclosing(self._observer(client).follow()) as statuses,
                ):
                    async for status in statuses:
                        problem = status.problem
        except TimeoutError:
            raise TemporaryError(
                f"{problem}: the deletion continues on its own; `iljob status --on kubernetes"
                " MANIFESTS` shows how far it is"
            ) from None

    def _observer(self, client: AsyncClient) -> Observer:
        names = [each["metadata"]["name"] for each in self._documents if each["kind"] == "Job"]
        return Observer(client, self._resources, names)


async def _connected(act: Callable[[AsyncClient], Awaitable[_Answer]]) -> _Answer:
    async with connect() as client:
        return await act(client)
