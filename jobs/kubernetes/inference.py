"""Has the inference pod recreated, which Sedna's GlobalManager creates only once by itself.

The GlobalManager creates it when a job's status has no ``startTime``, and then sets that field.
Removing it for a moment makes the GlobalManager create the pod exactly as it did the first time,
with its mounts, secrets and labels. Nothing else changes: rounds, samples and models are kept.
"""

import asyncio
from collections.abc import Callable

from lightkube import AsyncClient
from lightkube.resources.core_v1 import Node
from lightkube.resources.core_v1 import Pod as PodResource
from lightkube.types import PatchType

from backend.errors import SettingsError, TemporaryError
from jobs.kubernetes.cluster import SEDNA_JOB, NotFoundError, Object, explained, find
from jobs.kubernetes.pods import Pod, offline_since, read_pod, worker_labels
from jobs.resources.checks import JobResources

__all__ = ["check_online", "find_job", "replace_inference", "restore_inference"]

_ENDING_SECONDS = 90.0
"""A pod has 30 seconds to end."""
_CREATION_SECONDS, _ATTEMPTS = 20.0, 3
"""The GlobalManager acts within seconds of a change."""
_SECONDS_BETWEEN_LOOKS = 1.0


async def find_job(client: AsyncClient, resources: JobResources) -> Object | None:
    """Return the cluster's job, if it exists."""
    fields = {"metadata.name": resources.name}
    found = await find(client, SEDNA_JOB, resources.namespace, fields=fields)
    return found[0] if found else None


async def check_online(client: AsyncClient, resources: JobResources) -> None:
    """Check that the dataset's node exists and is ready, if this user may see nodes.

    Raises:
        SettingsError: the cluster has no such node.
        TemporaryError: it is offline.
    """
    name = resources.dataset.spec.node_name
    try:
        with explained():
            node = await client.get(Node, name)
    except NotFoundError:
        raise SettingsError(
            f"Dataset/{resources.dataset.metadata.name}: spec.nodeName: the cluster has no node"
            f" {name}: name the one that holds the samples (`make deploy EDGE_NODE=...`)"
        ) from None
    except SettingsError:
        # A role for one namespace may not show nodes; a pod without a node is reported later.
        return
    if offline_since(node):
        raise TemporaryError(f"node {name} is offline: try again when it is back")


async def restore_inference(client: AsyncClient, resources: JobResources) -> None:
    """Have the missing inference pod recreated.

    Raises:
        SettingsError: there is no such job, or it has an inference pod.
        TemporaryError: the node is offline, or the GlobalManager creates no pod.
    """
    pods = await _inference_pods(client, resources)
    living = [pod.name for pod in pods if not pod.deleted and not pod.has_ended]
    if living:
        raise SettingsError(f"the job has its inference pod, {living[0]}: nothing to restore")
    await replace_inference(client, resources)


async def replace_inference(client: AsyncClient, resources: JobResources) -> None:
    """Delete the inference pod, if there is one, and have it created from the job's template.

    Raises:
        SettingsError: there is no such job.
        TemporaryError: the node is offline, a pod does not end, or no new one is created.
    """
    job = await find_job(client, resources)
    if job is None:
        raise SettingsError(f"the job {resources.namespace}/{resources.name} is not being run")
    await check_online(client, resources)
    for pod in await _inference_pods(client, resources):
        with explained():
            await client.delete(PodResource, pod.name, namespace=resources.namespace)
    if not await _reach(client, resources, lambda pods: not pods, _ENDING_SECONDS):
        raise TemporaryError(
            "its inference pod has not ended: see whether its node is online, then try again"
        )
    start_time = job.get("status", {}).get("startTime") or job["metadata"]["creationTimestamp"]
    try:
        # The GlobalManager may write the old status back from its cache.
        for _ in range(_ATTEMPTS):
            await _set_start_time(client, resources, None)
            if await _reach(client, resources, bool, _CREATION_SECONDS):
                return
    finally:
        await _set_start_time(client, resources, start_time)
    raise TemporaryError(
        "the GlobalManager has created no inference pod: `kubectl logs -n sedna deployment/gm` says"
        " why; then try again"
    )


async def _set_start_time(client: AsyncClient, resources: JobResources, time: str | None) -> None:
    with explained():
        await client.patch(
            SEDNA_JOB.Status,
            resources.name,
            {"status": {"startTime": time}},
            namespace=resources.namespace,
            patch_type=PatchType.MERGE,
        )


async def _reach(
    client: AsyncClient,
    resources: JobResources,
    is_reached: Callable[[list[Pod]], bool],
    seconds: float,
) -> bool:
    """Wait until the inference pods are as wanted; return whether they are in time."""
    try:
        async with asyncio.timeout(seconds):
            while not is_reached(await _inference_pods(client, resources)):
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
    except TimeoutError:
        return False
    return True


async def _inference_pods(client: AsyncClient, resources: JobResources) -> list[Pod]:
    labels = worker_labels(resources.name)
    found = await find(client, PodResource, resources.namespace, labels=labels)
    return [pod for pod in map(read_pod, found) if pod.kind == "infer"]
