"""The Kubernetes API: the few calls that are needed, and its errors as sentences."""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from backend.errors import ProjectError, SettingsError, TemporaryError

__all__ = ["Cluster", "ExpiredError", "NotFoundError", "Object", "Resource", "connect"]

Object = dict[str, Any]
"""A resource, or another JSON object of the API."""

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_FIELD_MANAGER = "iljob"
_LOWEST_ERROR, _TOO_MANY, _LOWEST_SERVER_ERROR = 400, 429, 500
_SECONDS = 30.0
_STREAM_SECONDS = 240
"""The API server ends a watch after this time; a follower lists anew then."""


class NotFoundError(ProjectError):
    """There is no such object."""


class ExpiredError(ProjectError):
    """The resource version to continue from is too old: list anew."""


@dataclass(frozen=True)
class Resource:
    """A kind of object, as the API's paths name it: group and version, plural."""

    api_version: str
    plural: str
    is_namespaced: bool = True

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of one object, or of all of a namespace without ``name``."""
        root = "api" if "/" not in self.api_version else "apis"
        scope = f"/namespaces/{namespace}" if self.is_namespaced else ""
        return f"/{root}/{self.api_version}{scope}/{self.plural}" + (f"/{name}" if name else "")


@asynccontextmanager
async def connect() -> AsyncIterator["Cluster"]:
    """Yield the cluster that KUBECONFIG, ~/.kube/config or, in a pod, its account names.

    Raises:
        SettingsError: no cluster is configured, or its configuration is wrong.
    """
    async with ApiClient(await _configuration()) as api:
        yield Cluster(api)


async def _configuration() -> Configuration:
    configuration = Configuration()
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
    try:
        # These two have no type information.
        if in_pod:
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        else:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration
            )
    except ConfigException as error:
        raise SettingsError(
            f"no cluster is configured ({error}): name its kubeconfig file in KUBECONFIG"
        ) from error
    return configuration


class Cluster:
    """One Kubernetes API server.

    Every method raises `SettingsError` for what the user may not do or what the server finds
    wrong, `NotFoundError`, and `TemporaryError` while the server does not answer.
    """

    def __init__(self, api: ApiClient) -> None:
        """Speak to the server of ``api``."""
        self._api = api
        self._kinds: dict[str, dict[str, Resource]] = {}

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return one object."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str, selector: Mapping[str, str]
    ) -> tuple[list[Object], str]:
        """Return all objects that ``selector`` (query parameters) selects, and their version."""
        answer = await self._call("GET", resource.path(namespace), query=selector)
        return answer.get("items") or [], answer["metadata"]["resourceVersion"]

    async def watch(
        self, resource: Resource, namespace: str, selector: Mapping[str, str], version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the events after ``version``, for some minutes at most.

        Raises:
            ExpiredError: ``version`` is too old.
        """
        query = {
            **selector,
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_STREAM_SECONDS),
        }
        async with self._stream(resource.path(namespace), query) as lines:
            async for line in lines:
                event: Object = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(event["object"].get("code", 0), event["object"], "the watch")
                yield event

    async def log(
        self, namespace: str, pod: str, *, container: str, follow: bool
    ) -> AsyncGenerator[str, None]:
        """Yield the last line of a container's log and, with ``follow``, those that come."""
        path = Resource("v1", "pods").path(namespace, f"{pod}/log")
        query = {"container": container, "tailLines": "1", "follow": str(follow).lower()}
        async with self._stream(path, query) as lines:
            async for line in lines:
                yield line.decode(errors="replace").rstrip("\r\n")

    async def apply(self, document: Object) -> None:
        """Apply ``document`` on the server's side; a field that another has set is an error."""
        resource = await self._resource(document)
        metadata = document["metadata"]
        path = resource.path(metadata.get("namespace", "default"), metadata["name"])
        query = {"fieldManager": _FIELD_MANAGER}
        await self._call("PATCH", path, query=query, body=document, content_type=_APPLY)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete one object, after all that it owns."""
        body = {"propagationPolicy": "Foreground"}
        await self._call("DELETE", resource.path(namespace, name), body=body)

    async def _resource(self, document: Object) -> Resource:
        version, kind = document["apiVersion"], document["kind"]
        if version not in self._kinds:
            self._kinds[version] = await self._discover(version)
        try:
            return self._kinds[version][kind]
        except KeyError:
            raise SettingsError(
                f"the cluster knows no {kind} of {version}: install what defines it"
                + (" (Sedna)" if version.startswith("sedna.io/") else "")
            ) from None

    async def _discover(self, version: str) -> dict[str, Resource]:
        root = "api" if "/" not in version else "apis"
        try:
            answer = await self._call("GET", f"/{root}/{version}")
        except NotFoundError:
            return {}
        return {
            entry["kind"]: Resource(version, entry["name"], entry["namespaced"])
            for entry in answer["resources"]
            if "/" not in entry["name"]
        }

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = _JSON,
    ) -> Object:
        async with self._request(
            method, path, query or {}, body=body, content_type=content_type
        ) as response:
            answer: Object = await response.json(content_type=None)
            return answer

    @asynccontextmanager
    async def _stream(
        self, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._request("GET", path, query, seconds=_STREAM_SECONDS + _SECONDS) as answer:
            yield aiter(answer.content)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Object | None = None,
        content_type: str = _JSON,
        seconds: float = _SECONDS,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        request = await self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": f"{_JSON}, */*", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = await self._api.call_api(*request, _request_timeout=seconds)
            async with answer.response as response:
                if response.status >= _LOWEST_ERROR:
                    raise _error(response.status, await _status(response), f"{method} {path}")
                yield response
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            host = self._api.configuration.host
            raise TemporaryError(
                f"the cluster at {host} does not answer ({_told(error)}): is it running, and does"
                " the kubeconfig name it?"
            ) from error


async def _status(response: aiohttp.ClientResponse) -> Object:
    """Return the body of an error: a Kubernetes Status, or whatever a proxy says."""
    text = await response.text(errors="replace")
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    return status if isinstance(status, dict) else {"message": " ".join(text.split())[:200]}


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _error(code: int, status: Object, what: str) -> ProjectError:
    message = status.get("message") or f"status {code}"
    if code in _ERRORS:
        error, advice = _ERRORS[code]
        return error(message + advice)
    if code == _TOO_MANY or code >= _LOWEST_SERVER_ERROR:
        return TemporaryError(f"the cluster cannot answer {what} now ({code}: {message}): wait")
    return SettingsError(f"the cluster refuses {what}: {message}")


_ERRORS: dict[int, tuple[type[ProjectError], str]] = {
    401: (SettingsError, ": the cluster does not know this user: log in to it again"),
    403: (SettingsError, ": ask for the role in manifests/rbac, or use another account"),
    404: (NotFoundError, ""),
    409: (SettingsError, ": apply it with the tool that set these fields, or undo that"),
    410: (ExpiredError, ""),
}
