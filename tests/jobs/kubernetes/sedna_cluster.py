"""A Kubernetes API with Sedna's resources, over HTTP; kubelet and GlobalManager are the test."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import attrs
import kmock
from aiohttp import web

NAMESPACE = "farm"
JOBS = "sedna.io/v1alpha1/incrementallearningjobs"
DATASETS = "sedna.io/v1alpha1/datasets"
PODS, EVENTS, NODES = "v1/pods", "v1/events", "v1/nodes"
START = datetime(2026, 11, 22, 11, 45, tzinfo=UTC)

_KINDS = {
    JOBS: "IncrementalLearningJob",
    DATASETS: "Dataset",
    "sedna.io/v1alpha1/models": "Model",
    PODS: "Pod",
    EVENTS: "Event",
    "batch/v1/jobs": "Job",
    "batch/v1/cronjobs": "CronJob",
    "apps/v1/deployments": "Deployment",
    "v1/serviceaccounts": "ServiceAccount",
    "rbac.authorization.k8s.io/v1/roles": "Role",
    "rbac.authorization.k8s.io/v1/rolebindings": "RoleBinding",
}
_APPLY = "application/apply-patch+yaml"


@attrs.define(kw_only=True)
class SednaCluster(kmock.KubernetesEmulator):
    """What the emulator leaves out of Kubernetes' semantics, and Sedna's GlobalManager.

    Server-side apply with conflicts, dry runs and immutable fields, selectors, versions, times,
    deletion in the foreground, and pods that an offline node does not let go.
    """

    managers: dict[Any, str] = attrs.field(factory=dict, init=False)
    has_global_manager: bool = attrs.field(default=False, init=False)
    is_offline: bool = attrs.field(default=False, init=False)
    stale_start_time: str = attrs.field(default="", init=False)
    """What the GlobalManager writes back once, from its cache."""
    _numbers: Iterator[int] = attrs.field(factory=count, init=False)

    def define(self, *, with_sedna: bool = True) -> None:
        """Serve the kinds of Kubernetes and, ``with_sedna``, those of its CRDs."""
        for resource, kind in _KINDS.items():
            if with_sedna or not resource.startswith("sedna.io/"):
                self.resources[resource] = kmock.ResourceInfo(kind=kind, namespaced=True)
        for resource, kind in {NODES: "Node", "v1/namespaces": "Namespace"}.items():
            self.resources[resource] = kmock.ResourceInfo(kind=kind, namespaced=False)
        self.objects[NODES, None, "edge"] = {"metadata": {"name": "edge"}, **node_status("True")}

    async def _handle(self, request: kmock.Request) -> web.StreamResponse:
        resource = request.resource
        if resource is not None and resource.plural and resource not in self.resources:
            return web.Response(status=404, text="404 page not found\n")
        if request.headers.get("Content-Type") == _APPLY:
            if request.params.get("dryRun") == "All":
                return web.json_response(await self._plan(request))
            await self._apply(request)
        elif request.method == "POST":
            request.data["metadata"].setdefault("creationTimestamp", _now())
        elif request.method == "DELETE" and await self._keeps(request):
            return web.json_response({"kind": "Status", "status": "Success"})
        response = await super()._handle(request)
        if request.method == "PATCH" and self.has_global_manager:
            await self._create_inference_pods()
        return response

    async def _plan(self, request: kmock.Request) -> Any:
        """Return what an apply would make of the object, or raise what it would answer."""
        key = (request.resource, request.namespace, request.name)
        present = self._present(key)
        if present is None:
            return request.data
        spec = present.get("spec", {})
        differing = [f for f, v in request.data.get("spec", {}).items() if spec.get(f) != v]
        if differing and self.managers.get(key, "kubectl") != request.params["fieldManager"]:
            fields = ", ".join(f".spec.{name}" for name in differing)
            message = f'Apply failed with 1 conflict: conflict with "kubectl": {fields}'
            raise kmock.KubernetesError(409, "Conflict", message)
        if "template" in differing and request.data["kind"] == "Job":
            message = f'Job.batch "{request.name}" is invalid: spec.template: field is immutable'
            raise kmock.KubernetesError(422, "Invalid", message)
        return {**present, **request.data, "spec": {**spec, **request.data.get("spec", {})}}

    async def _apply(self, request: kmock.Request) -> None:
        """Create what is absent; the emulator merges into what is there."""
        assert request.resource is not None
        assert request.name is not None
        await self._plan(request)
        key = (request.resource, request.namespace, request.name)
        if self._present(key) is not None:
            return
        request.data["metadata"]["creationTimestamp"] = _now()
        self._objects[key] = request.data
        self.managers[key] = request.params["fieldManager"]

    def _present(self, key: Any) -> Any:
        object_ = dict(self._objects.items()).get(key)
        return None if object_ is None or object_.deleted else object_.raw

    async def _keeps(self, request: kmock.Request) -> bool:
        """Only mark for deletion a pod whose node is offline, or a job that still has pods."""
        key = (request.resource, request.namespace, request.name)
        if self._present(key) is None:
            return False
        if key[0] == kmock.resource(PODS) and self.is_offline:
            await self._mark(key)
            return True
        in_foreground = (request.data or {}).get("propagationPolicy") == "Foreground" or (
            request.params.get("propagationPolicy") == "Foreground"
        )
        if key[0] == kmock.resource(JOBS) and in_foreground and self._keys(PODS):
            await self._mark(key)
            for pod in self._keys(PODS):
                await (self._mark if self.is_offline else self._remove)(pod)
            await self._collect_garbage()
            return True
        return False

    def _keys(self, resource: str) -> list[Any]:
        wanted = kmock.resource(resource)
        return [key for key, each in self._objects.items() if key[0] == wanted and not each.deleted]

    async def _mark(self, key: Any) -> None:
        await self._change(key, {"metadata": {"deletionTimestamp": _now()}})

    async def _change(self, key: Any, changes: Mapping[str, Any]) -> None:
        self._objects[key].patch(changes)

    async def _remove(self, key: Any) -> None:
        self._objects[key].delete()

    async def _collect_garbage(self) -> None:
        for key in self._keys(JOBS):
            if self._is_marked(key) and not self._keys(PODS):
                await self._remove(key)

    def _is_marked(self, key: Any) -> bool:
        return "deletionTimestamp" in self._objects[key].raw["metadata"]

    async def _create_inference_pods(self) -> None:
        """Do what the GlobalManager does with a job whose status has no startTime."""
        for key in self._keys(JOBS):
            if self.stale_start_time:
                await self._change(key, {"status": {"startTime": self.stale_start_time}})
                self.stale_start_time = ""
            job = self._objects[key].raw
            phases = [pod["status"]["phase"] for pod in self.inference_pods().values()]
            living = {"Running", "Pending"} & set(phases)
            if job.get("status", {}).get("startTime") or living:
                continue
            name = f"{key[2]}-inference-{next(self._numbers):05}"
            spec = job["spec"]["deploySpec"]["template"]["spec"]
            metadata = {"name": name, "namespace": key[1], "creationTimestamp": _now()}
            metadata["labels"] = worker_labels(key[2], "inference")
            pod = (kmock.resource(PODS), key[1], name)
            self._objects[pod] = {"metadata": metadata, "spec": spec, "status": running()}

    def inference_pods(self) -> dict[str, Any]:
        """Return the inference pods by name."""
        keys = [key for key in self._keys(PODS) if "-inference-" in key[2]]
        return {key[2]: self._objects[key].raw for key in keys}

    async def go_offline(self) -> None:
        """Cut the node off, as the node controller sees it."""
        self.is_offline = True
        message = "Kubelet stopped posting node status."
        await self._change(self._node, node_status("Unknown", message))

    async def pass_ten_minutes(self) -> None:
        """Mark the offline node's pods for deletion, but those that tolerate that."""
        for key in self._keys(PODS):
            tolerations = self._objects[key].raw["spec"].get("tolerations", [])
            if not any(_tolerates_unreachable(each) for each in tolerations):
                await self._mark(key)

    async def come_back(self) -> None:
        """Bring the node back: it confirms the end of the pods that were marked for deletion."""
        self.is_offline = False
        for key in self._keys(PODS):
            if self._is_marked(key):
                await self._remove(key)
        await self._collect_garbage()
        await self._change(self._node, node_status("True"))

    @property
    def _node(self) -> Any:
        return kmock.resource(NODES), None, "edge"

    async def _serve_version(self, request: kmock.Request) -> Any:
        """Return what kubectl needs to know about the kinds."""
        answer: Any = await super()._serve_version(request)
        for kind in answer["resources"]:
            kind |= {"singularName": kind["kind"].lower(), "verbs": ["get", "list", "patch"]}
        return {**answer, "groupVersion": answer["groupVersion"].lstrip("/")}

    async def _serve_list(self, request: kmock.Request) -> Any:
        assert request.resource is not None
        answer: Any = await super()._serve_list(request)
        is_selected = _selector(request)
        items = [item for item in answer["items"] if is_selected(item)]
        return {
            "apiVersion": "/".join(
                filter(None, (request.resource.group, request.resource.version))
            ),
            "kind": f"{self.resources[request.resource].kind}List",
            "metadata": {"resourceVersion": "1"},
            "items": items,
        }


def _selector(request: kmock.Request) -> Callable[[Mapping[str, Any]], bool]:
    fields = request.params.get("fieldSelector", "")
    wanted = [term.split("=", 1) for term in fields.split(",") if term]
    labels = request.params.get("labelSelector", "")
    many = re.fullmatch(r"(\S+) in \((.*)\)", labels)
    key, _, value = labels.partition("=")
    name, values = (many[1], many[2].split(",")) if many else (key, [value])

    def is_selected(item: Mapping[str, Any]) -> bool:
        has_label = not name or item["metadata"].get("labels", {}).get(name) in values
        return has_label and all(_field(item, path) == value for path, value in wanted)

    return is_selected


def _field(item: Mapping[str, Any], path: str) -> object:
    value: Any = item
    for part in path.split("."):
        value = value.get(part, {})
    return value


@attrs.define
class Sedna:
    """The GlobalManager and the kubelet, by hand: writes over HTTP, as they do."""

    cluster: SednaCluster
    conditions: list[dict[str, Any]] = attrs.field(factory=list)

    async def condition(self, stage: str, type_: str, data: str = "") -> None:
        """Append a condition to the job ``dogs``, a second after the last one."""
        time = START + timedelta(seconds=len(self.conditions))
        entry = {"stage": stage, "type": type_, "status": "True", "data": data}
        self.conditions.append({**entry, "lastTransitionTime": time.isoformat()})
        await self.patch(JOBS, "dogs", {"status": {"conditions": self.conditions}})

    async def pod(self, name: str, type_: str = "train", **status: Any) -> None:
        """Make a worker's pod."""
        spec = {"nodeName": "edge", "containers": [{"name": "worker"}]}
        await self.create(
            PODS, name, {"spec": spec, "status": status}, worker_labels("dogs", type_)
        )

    async def create(
        self, resource: str, name: str, content: Mapping[str, Any], labels: Any = None
    ) -> None:
        """Create an object."""
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels or {}}
        body = {"metadata": metadata, **content}
        async with self.cluster.post(_path(resource), json=body) as answer:
            assert answer.ok, await answer.text()

    async def patch(self, resource: str, name: str, content: Mapping[str, Any]) -> None:
        """Merge into an object."""
        async with self.cluster.patch(f"{_path(resource)}/{name}", json=content) as answer:
            assert answer.ok, await answer.text()

    async def delete(self, resource: str, name: str) -> None:
        """Delete an object."""
        async with self.cluster.delete(f"{_path(resource)}/{name}") as answer:
            assert answer.ok, await answer.text()


def worker_labels(job: str, worker_type: str) -> dict[str, str]:
    """Return the labels that the GlobalManager gives to a worker's pod."""
    prefix = "incrementallearningjob.sedna.io"
    return {f"{prefix}/name": job, f"{prefix}/worker-type": worker_type}


def node_status(ready: str, message: str = "") -> dict[str, Any]:
    """Return a node's status and taints: ``ready`` is True, False or Unknown."""
    condition = {"type": "Ready", "status": ready, "message": message, "lastTransitionTime": _now()}
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    return {
        "spec": {"taints": [] if ready == "True" else [taint]},
        "status": {"conditions": [condition]},
    }


def _tolerates_unreachable(toleration: Mapping[str, Any]) -> bool:
    return (
        toleration.get("key") == "node.kubernetes.io/unreachable"
        and toleration.get("operator") == "Exists"
        and "tolerationSeconds" not in toleration
    )


def _path(resource: str) -> str:
    version, plural = resource.rsplit("/", 1)
    root = "apis" if "/" in version else "api"
    return f"/{root}/{version}/namespaces/{NAMESPACE}/{plural}"


def running(**fields: Any) -> dict[str, Any]:
    """Return the status of a pod whose container runs."""
    return status("Running", {"running": {"startedAt": START.isoformat()}}, **fields)


def waiting(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    """Return the status of a pod whose container waits."""
    return status("Pending", {"waiting": {"reason": reason, "message": message}}, **fields)


def ended(exit_code: int = 0) -> dict[str, Any]:
    """Return the status of a pod that has run to its end."""
    end = (START + timedelta(seconds=30)).isoformat()
    phase = "Failed" if exit_code else "Succeeded"
    return status(phase, {"terminated": {"exitCode": exit_code, "finishedAt": end}})


def status(phase: str, state: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a pod's status with one container."""
    return {"phase": phase, "containerStatuses": [container(state, **fields)]}


def container(state: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a container's status."""
    own = {"name": "worker", "image": "scripted:1", "imageID": "", "ready": False}
    return {**own, "restartCount": 0, "state": state, **fields}


def _now() -> str:
    return datetime.now(UTC).isoformat()
