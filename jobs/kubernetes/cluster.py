"""The connection to a cluster, Sedna's resources, and the API's errors as sentences."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
from lightkube import ApiError, AsyncClient, ConfigError, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

from backend.errors import ProjectError, SettingsError, TemporaryError

__all__ = [
    "SEDNA_DATASET",
    "SEDNA_JOB",
    "NotFoundError",
    "Object",
    "connect",
    "explained",
    "find",
]

Object = dict[str, Any]
"""A resource as the API's JSON has it."""

SEDNA_JOB, SEDNA_DATASET, _ = (
    create_namespaced_resource("sedna.io", "v1alpha1", kind, f"{kind.lower()}s")
    for kind in ("IncrementalLearningJob", "Dataset", "Model")
)

_FIELD_MANAGER = "iljob"
_LOGIN_API = "client.authentication.k8s.io"
_NOT_FOUND, _TOO_MANY_REQUESTS, _LOWEST_SERVER_ERROR = 404, 429, 500
_TIMEOUT = httpx2.Timeout(30.0)


class NotFoundError(ProjectError):
    """There is no such object."""


@asynccontextmanager
async def connect() -> AsyncIterator[AsyncClient]:
    """Yield a client of the cluster that KUBECONFIG, a pod's account or ~/.kube/config names.

    Raises:
        SettingsError: no cluster is configured, or its configuration is invalid.
    """
    file = os.environ.get("KUBECONFIG")
    try:
        config = KubeConfig.from_file(file) if file else KubeConfig.from_env()
        _let_login_programs_run(config)
        client = AsyncClient(config, timeout=_TIMEOUT, field_manager=_FIELD_MANAGER)
    except Exception as error:  # an invalid kubeconfig makes lightkube raise anything
        raise SettingsError(
            f"no cluster is configured ({error}): name its kubeconfig file in KUBECONFIG"
        ) from error
    async with client:
        yield client


def _let_login_programs_run(config: KubeConfig) -> None:
    """Let lightkube, which only supports v1beta1, run v1 programs, which give the same answers."""
    for user in config.users.values():
        if user.exec and user.exec.apiVersion == f"{_LOGIN_API}/v1":
            user.exec.apiVersion = f"{_LOGIN_API}/v1beta1"


async def find(client: AsyncClient, kind: Any, namespace: str, **selectors: Any) -> list[Any]:
    """Return the objects of a kind that the selectors ``labels`` and ``fields`` select."""
    with explained():
        return [each async for each in client.list(kind, namespace=namespace, **selectors)]


@contextmanager
def explained() -> Iterator[None]:
    """Convert the API's and the connection's errors in the block to the project's.

    Raises:
        SettingsError: the user is not allowed to do this, or the server rejects it.
        NotFoundError: there is no such object.
        TemporaryError: the server does not answer, or cannot at present.
    """
    try:
        yield
    except ApiError as error:
        raise _project_error(error.status.code or 0, error.status.message or "") from error
    except httpx2.HTTPStatusError as error:
        raise _other_error(error.response) from error
    except KeyError as error:
        # lightkube needs the content type of an error, which a proxy may not give.
        if not isinstance(error.__context__, httpx2.HTTPStatusError):
            raise
        raise _other_error(error.__context__.response) from error
    except (httpx2.RequestError, TimeoutError) as error:
        raise TemporaryError(
            f"the cluster{_server(error)} does not answer ({str(error) or type(error).__name__}):"
            " is it running, and does the kubeconfig name it?"
        ) from error
    except ConfigError as error:
        raise SettingsError(f"the kubeconfig cannot be used: {error}") from error


def _server(error: Exception) -> str:
    if not isinstance(error, httpx2.RequestError):
        return ""
    url = error.request.url
    return f" at {url.scheme}://{url.netloc.decode()}"


def _project_error(code: int, message: str) -> ProjectError:
    if code in _ERRORS:
        error, advice = _ERRORS[code]
        return error(message + advice)
    if code == _TOO_MANY_REQUESTS or code >= _LOWEST_SERVER_ERROR:
        return TemporaryError(f"the cluster cannot answer now ({code}: {message}): try again")
    return SettingsError(f"the cluster refuses: {message}")


_ERRORS: dict[int, tuple[type[ProjectError], str]] = {
    401: (SettingsError, ": the cluster does not know this user: log in to it again"),
    403: (SettingsError, ": ask for the role in manifests/rbac, or use another account"),
    _NOT_FOUND: (NotFoundError, ""),
    409: (SettingsError, ": apply it with the tool that set these fields, or undo that"),
}


def _other_error(response: httpx2.Response) -> ProjectError:
    """Return the error of an answer that lightkube does not recognise as a Kubernetes Status."""
    try:
        message = str(response.json()["message"])
    except (ValueError, LookupError, TypeError, httpx2.StreamError):
        message = ""
    if (
        response.status_code == _NOT_FOUND
        and "/apis/sedna.io/" in response.url.path
        and not message
    ):
        return SettingsError(
            "the cluster does not have Sedna's resource types: install Sedna, at least its CRDs"
        )
    return _project_error(
        response.status_code, message or f"{response.reason_phrase} for {response.url.path}"
    )
