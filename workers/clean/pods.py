"""Finds and deletes the pods."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from backend.errors import SettingsError, TemporaryError
from workers.clean.settings import CleanSettings
from workers.contract import JOB_KIND

__all__ = ["clean"]

_SELECTOR = {
    "labelSelector": f"{JOB_KIND}.sedna.io/worker-type in (train,eval)",
    "fieldSelector": "status.phase!=Pending,status.phase!=Running,status.phase!=Unknown",
}
_TIMEOUT_SECONDS = 30.0

_log = logging.getLogger(__name__)


def clean(settings: CleanSettings) -> None:
    """Delete the namespace's train and eval pods that ended ``ended_seconds`` ago or earlier.

    Raises SettingsError if there is no account or it may not do this, and TemporaryError if
    the API server does not answer.
    """
    namespace = _read(settings.account / "namespace")
    latest = datetime.now(UTC) - timedelta(seconds=settings.ended_seconds)
    path = f"/api/v1/namespaces/{namespace}/pods"
    with _client(settings) as client:
        for name, ended in _pods(client, path):
            if ended <= latest:
                _delete(client, f"{path}/{name}")


def _client(settings: CleanSettings) -> httpx.Client:
    token = _read(settings.account / "token")
    try:
        context = ssl.create_default_context(cafile=settings.account / "ca.crt")
    except OSError as error:
        raise _no_account(settings.account / "ca.crt", error) from error
    return httpx.Client(
        base_url=httpx.URL(scheme="https", host=settings.host, port=settings.port),
        headers={"Authorization": f"Bearer {token}"},
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        verify=context,
    )


def _pods(client: httpx.Client, path: str) -> list[tuple[str, datetime]]:
    """Return the pods' names, and when each has ended."""
    with _answered(path):
        answer = client.get(path, params=_SELECTOR).raise_for_status()
        return [(pod["metadata"]["name"], _ended(pod)) for pod in answer.json()["items"] or ()]


def _ended(pod: dict[str, Any]) -> datetime:
    """Return when its last container ended; of an evicted pod only its creation is known."""
    containers = pod.get("status", {}).get("containerStatuses") or ()
    states = (each.get("state", {}).get("terminated") or {} for each in containers)
    ends = [state["finishedAt"] for state in states if state.get("finishedAt")]
    created: str = pod["metadata"]["creationTimestamp"]
    return max(map(datetime.fromisoformat, ends or [created]))


def _delete(client: httpx.Client, path: str) -> None:
    with _answered(path):
        answer = client.delete(path)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()
    _log.info("deleted %s", path)


@contextmanager
def _answered(path: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if error.response.is_client_error and status != httpx.codes.TOO_MANY_REQUESTS:
            raise SettingsError(
                f"{path}: the API server refuses it with status {status}: give the account the"
                " Role that may list and delete pods."
            ) from error
        raise TemporaryError(f"{path}: the API server answers with status {status} now.") from error
    except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TemporaryError(f"{path}: the API server does not answer: {error}") from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _no_account(file, error) from error


def _no_account(file: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{file}: cannot be read ({error.strerror}): run the cleaner in a pod with a service"
        " account."
    )
