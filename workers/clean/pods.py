"""Finds and deletes the pods."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

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


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class _Terminated(_Part):
    finished_at: datetime | None = None


class _State(_Part):
    terminated: _Terminated | None = None


class _Container(_Part):
    state: _State = _State()


class _Status(_Part):
    container_statuses: list[_Container] = Field(default_factory=list)


class _Metadata(_Part):
    name: str
    creation_timestamp: datetime


class _Pod(_Part):
    metadata: _Metadata
    status: _Status = _Status()

    @property
    def ended(self) -> datetime:
        """When its last container ended; of an evicted pod only its creation is known."""
        states = (container.state.terminated for container in self.status.container_statuses)
        ends = [state.finished_at for state in states if state and state.finished_at]
        return max(ends, default=self.metadata.creation_timestamp)


class _Pods(_Part):
    items: list[_Pod] = Field(default_factory=list)


def clean(settings: CleanSettings) -> None:
    """Delete the namespace's train and eval pods that ended ``ended_seconds`` ago or earlier.

    Raises SettingsError if there is no account or it may not do this, and TemporaryError if
    the API server does not answer.
    """
    namespace = _read(settings.account / "namespace")
    latest = datetime.now(UTC) - timedelta(seconds=settings.ended_seconds)
    path = f"/api/v1/namespaces/{namespace}/pods"
    with _client(settings) as client:
        for pod in _pods(client, path):
            if pod.ended <= latest:
                _delete(client, f"{path}/{pod.metadata.name}")


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


def _pods(client: httpx.Client, path: str) -> list[_Pod]:
    with _answered(path):
        answer = client.get(path, params=_SELECTOR).raise_for_status()
        return _Pods.model_validate_json(answer.content).items


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
    except (httpx.HTTPError, ValidationError) as error:
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
