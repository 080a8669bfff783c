"""A Kubernetes API with Sedna's resources, over HTTP; kubelet and GlobalManager are the test."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
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
}
_APPLY = "application/apply-patch+yaml"


class EventLog:
    """Keeps all events of a resource; an event's version is its number, from 1."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._grown = asyncio.Condition()

    async def put(self, item: Any) -> None:
        """Take the newest event."""
        async with self._grown:
            self.events.append(item)
            self._grown.notify_all()

    async def after(self, version: int) -> AsyncIterator[Any]:
        """Yield the events after a version, and those that come."""
        for index in count(version):
            async with self._grown:
                while len(self.events) <= index:
                    await self._grown.wait()
            yield self.events[index]


@attrs.define(kw_only=True)
class SednaCluster(kmock.KubernetesEmulator):
    """What the emulator leaves out: server-side apply, selectors, versions, objects' times."""

    managers: dict[Any, str] = attrs.field(factory=dict, init=False)
    _buses: Any = attrs.field(factory=lambda: defaultdict(EventLog))

    def define(self, *, with_sedna: bool = True) -> None:
        """Serve the kinds of Kubernetes and, ``with_sedna``, those of its CRDs."""
        for resource, kind in _KINDS.items():
            if with_sedna or not resource.startswith("sedna.io/"):
                self.resources[resource] = kmock.ResourceInfo(kind=kind, namespaced=True)
        self.resources[NODES] = kmock.ResourceInfo(kind="Node", namespaced=False)
        self.objects[NODES, None, "edge"] = {"metadata": {"name": "edge"}}

    async def _handle(self, request: kmock.Request) -> web.StreamResponse:
        if request.headers.get("Content-Type") == _APPLY:
            await self._apply(request)
        elif request.method == "POST":
            request.data["metadata"].setdefault("creationTimestamp", _now())
        return await super()._handle(request)

    async def _apply(self, request: kmock.Request) -> None:
        """Make what is absent, and refuse what another manager has set to something else."""
        assert request.resource is not None
        assert request.name is not None
        key = (request.resource, request.namespace, request.name)
        manager = request.params["fieldManager"]
        present = {each for each, object_ in self._objects.items() if not object_.deleted}
        if key not in present:
            request.data["metadata"]["creationTimestamp"] = _now()
            self._objects[key] = request.data
            self.managers[key] = manager
            event = {"type": "ADDED", "object": self._objects[key].raw}
            await self._buses[request.resource].put(event)
        elif self.managers.get(key, "kubectl") != manager:
            spec = self._objects[key].raw["spec"]
            differing = [f for f, value in request.data["spec"].items() if spec.get(f) != value]
            if differing:
                fields = ", ".join(f".spec.{name}" for name in differing)
                message = f'Apply failed with 1 conflict: conflict with "kubectl": {fields}'
                raise kmock.KubernetesError(409, "Conflict", message)

    async def _serve_list(self, request: kmock.Request) -> Any:
        assert request.resource is not None
        version = len(self._buses[request.resource].events)
        answer: Any = await super()._serve_list(request)
        is_selected = _selector(request)
        items = [item for item in answer["items"] if is_selected(item)]
        return {"metadata": {"resourceVersion": str(version)}, "items": items}

    async def _serve_watch(self, request: kmock.Request) -> AsyncIterator[Any]:
        assert request.resource is not None
        yield b""  # sends the headers
        is_selected = _selector(request)
        version = int(request.params["resourceVersion"])
        async for event in self._buses[request.resource].after(version):
            if is_selected(event["object"]):
                yield event


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
        labels = {
            "incrementallearningjob.sedna.io/name": "dogs",
            "incrementallearningjob.sedna.io/worker-type": type_,
        }
        await self.create(PODS, name, {"spec": {"nodeName": "edge"}, "status": status}, labels)

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
    container = {"name": "worker", "image": "scripted:1", "restartCount": 0, "state": state}
    return {"phase": phase, "containerStatuses": [{**container, **fields}]}


def _now() -> str:
    return datetime.now(UTC).isoformat()
