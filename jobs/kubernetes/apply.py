"""Applies manifests on the server side: all of them or, if one is refused, none."""

from collections.abc import Sequence
from typing import Any

from lightkube import AsyncClient
from lightkube.codecs import resource_registry
from lightkube.core.exceptions import LoadResourceError
from lightkube.resources.batch_v1 import Job
from lightkube.types import CascadeType, PatchType

from backend.errors import SettingsError
from jobs.kubernetes.cluster import NotFoundError, Object, explained, find
from jobs.kubernetes.inference import check_online, find_job, replace_inference
from jobs.kubernetes.snapshot import differences
from jobs.resources.checks import JobResources
from jobs.resources.schema import API_VERSION

__all__ = ["apply"]

_RANKS = {
    "Namespace": 0,
    "ServiceAccount": 1,
    "Role": 1,
    "ClusterRole": 1,
    "ConfigMap": 1,
    "Secret": 1,
    "IncrementalLearningJob": 3,
}
_OTHERS = 2
_READ_FOR_EACH_ROUND = ("spec.trainSpec.template", "spec.evalSpec.template")
_READ_FOR_THE_INFERENCE_POD = (
    "spec.deploySpec.template",
    "spec.deploySpec.hardExampleMining",
    "spec.deploySpec.model.hotUpdateEnabled",
    "spec.deploySpec.model.pollPeriodSeconds",
)


async def apply(client: AsyncClient, documents: Sequence[Object], resources: JobResources) -> None:
    """Apply ``documents``: dependencies first, the job ``resources`` last.

    If the job is running, its inference pod is replaced if the manifests change it; train and eval
    pods of later stages use their new templates anyway. A Job whose pod template changes is
    replaced.

    Raises:
        SettingsError: one is refused, or a running job cannot be changed so; nothing is applied.
        TemporaryError: the node is offline, so that its LocalController would miss the start of
            the job and an inference pod could not be replaced; nothing is applied.
    """
    await check_online(client, resources)
    ordered = sorted(documents, key=_rank)
    planned, replaced = await _try(client, ordered)
    running = await find_job(client, resources)
    inference_changes = running is not None and await _changes_inference(client, running, planned)
    for document in ordered:
        if document in replaced:
            await _delete_job(client, document)
        with explained():
            await _apply(client, document)
    if inference_changes:
        await replace_inference(client, resources)


async def _try(
    client: AsyncClient, documents: Sequence[Object]
) -> tuple[list[Object], list[Object]]:
    """Have the server check all documents; return Sedna's as they will be, and Jobs to replace.

    Raises:
        SettingsError: some are refused; names each with its reason.
    """
    refusals, replaced, planned = [], [], []
    new_namespaces = [each["metadata"]["name"] for each in documents if each["kind"] == "Namespace"]
    for document in documents:
        if _namespace(document) in new_namespaces:
            continue
        try:
            with explained():
                answer = await _apply(client, document, dry_run=True)
        except (SettingsError, NotFoundError) as error:
            if document["kind"] == "Job" and "field is immutable" in str(error):
                replaced.append(document)
            else:
                refusals.append(f"{_name(document)} is refused: {error}")
        else:
            if document["apiVersion"] == API_VERSION:
                planned.append(document | {"spec": answer["spec"]})
    if refusals:
        raise SettingsError("\n".join(["nothing is applied:", *refusals]))
    return planned, replaced


async def _apply(client: AsyncClient, document: Object, *, dry_run: bool = False) -> Any:
    return await client.patch(
        _kind(document),
        document["metadata"]["name"],
        document,
        namespace=_namespace(document),
        patch_type=PatchType.APPLY,
        dry_run=dry_run,
    )


def _kind(document: Object) -> Any:
    try:
        return resource_registry.load(document["apiVersion"], document["kind"])
    except LoadResourceError as error:
        raise SettingsError(f"{error} Apply it with kubectl.") from error


async def _delete_job(client: AsyncClient, document: Object) -> None:
    with explained():
        await client.delete(
            Job,
            document["metadata"]["name"],
            namespace=_namespace(document),
            cascade=CascadeType.BACKGROUND,
        )


async def _changes_inference(client: AsyncClient, running: Object, planned: list[Object]) -> bool:
    """Return whether the inference pod has to be replaced.

    Raises:
        SettingsError: the job is being deleted, or the changes are read only when a job begins.
    """
    if running["metadata"].get("deletionTimestamp"):
        raise SettingsError("nothing is applied: the job is still being deleted: wait for that")
    changed = [field for each in planned for field in await _changed_fields(client, each)]
    fixed = [
        f"{name}: {path}"
        for name, path in changed
        if not path.startswith(_READ_FOR_EACH_ROUND + _READ_FOR_THE_INFERENCE_POD)
    ]
    if fixed:
        raise SettingsError(
            f"nothing is applied: {', '.join(fixed)} of a running job would not take effect, since"
            " the LocalController reads it only when the job begins: `iljob stop --on kubernetes"
            " MANIFESTS` first; the job then starts over, from the initial model"
        )
    return any(not path.startswith(_READ_FOR_EACH_ROUND) for _, path in changed)


async def _changed_fields(client: AsyncClient, planned: Object) -> list[tuple[str, str]]:
    """Return the resource's name and the path of each field that differs in the cluster."""
    fields = {"metadata.name": planned["metadata"]["name"]}
    found = await find(client, _kind(planned), _namespace(planned), fields=fields)
    return [
        (_name(planned), path)
        for present in found
        for path, _, _ in differences(present["spec"], planned["spec"])
    ]


def _namespace(document: Object) -> str:
    namespace: str = document["metadata"].get("namespace", "default")
    return namespace


def _name(document: Object) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def _rank(document: Object) -> int:
    return _RANKS.get(document["kind"], _OTHERS)
