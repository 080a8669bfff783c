"""Applies manifests on the server's side, in an order that works."""

from collections.abc import Sequence

from backend.errors import SettingsError
from jobs.kubernetes.cluster import Cluster, NotFoundError, Object, Resource
from jobs.resources.checks import JobResources

__all__ = ["apply", "check_node"]

_NODES = Resource("v1", "nodes", is_namespaced=False)
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


async def apply(cluster: Cluster, documents: Sequence[Object]) -> None:
    """Apply ``documents``: what others need first, the job last.

    Raises:
        SettingsError: one is refused; those before it are applied.
    """
    for document in sorted(documents, key=_rank):
        try:
            await cluster.apply(document)
        except (SettingsError, NotFoundError) as error:
            name = f"{document['kind']}/{document['metadata']['name']}"
            raise SettingsError(f"{name} is not applied: {error}") from error


async def check_node(cluster: Cluster, resources: JobResources) -> None:
    """Make sure that the dataset's node is there, where this user may ask for it.

    Raises:
        SettingsError: it is not.
    """
    node = resources.dataset.spec.node_name
    try:
        await cluster.get(_NODES, "", node)
    except NotFoundError:
        raise SettingsError(
            f"Dataset/{resources.dataset.metadata.name}: spec.nodeName: the cluster has no node"
            f" {node}: name the one that holds the samples (`make deploy EDGE_NODE=...`)"
        ) from None
    except SettingsError:
        # A role for one namespace need not show nodes; a pod that finds no node tells later.
        return


def _rank(document: Object) -> int:
    return _RANKS.get(document["kind"], _OTHERS)
