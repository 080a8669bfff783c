"""Files behind HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from ssl import SSLContext
from typing import Self

import httpx

from backend.errors import SettingsError, TemporaryError
from backend.files import replaced_atomically
from workers.storage.base import NotFoundError
from workers.storage.settings import DownloadSettings
from workers.urls import redacted

__all__ = ["HttpStorage"]

_TIMEOUT_SECONDS = 30.0
_MISSING = {httpx.codes.NOT_FOUND, httpx.codes.GONE}
_MAY_PASS = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
}


class HttpStorage:
    """``http://`` and ``https://``, for reading only; a user and password in the URL are sent.

    HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured. A server that is silent for 30 s is given up
    for this time.
    """

    def __init__(self, limits: DownloadSettings) -> None:
        """Connect to nothing yet."""
        self._limits = limits

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the storage with the limits of the environment; raises SettingsError."""
        return cls(DownloadSettings.from_environment(environment))

    def download(self, url: str, target: Path) -> int:
        """Write the file to ``target`` atomically; return its size in bytes."""
        with _translated(url), replaced_atomically(target) as temporary:
            with _client().stream("GET", url) as answer, temporary.open("wb") as file:
                _check(url, answer)
                for chunk in self._limits.bounded(url, answer.iter_bytes()):
                    file.write(chunk)
            return temporary.stat().st_size

    def upload(self, source: Path, url: str) -> None:  # noqa: ARG002 - as Storage has it
        """Raise SettingsError."""
        raise _read_only(url)

    def list(self, folder: str) -> list[str]:
        """Raise SettingsError."""
        raise _read_only(folder)


@cache
def _tls() -> SSLContext:
    """Read the trusted certificates once: that takes longer than most downloads."""
    return httpx.create_ssl_context()


def _client() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True, verify=_tls())


def _check(url: str, answer: httpx.Response) -> None:
    status = answer.status_code
    if answer.is_server_error or status in _MAY_PASS:
        raise TemporaryError(f"{redacted(url)}: the server answers with status {status} now.")
    if status in _MISSING:
        raise NotFoundError(f"{redacted(url)}: there is no such file (status {status}): check it.")
    if not answer.is_success:
        raise SettingsError(
            f"{redacted(url)}: the server refuses the file with status {status}: check the URL and"
            " who may read it."
        )


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise SettingsError(f"{redacted(url)}: is not a URL: check it.") from None
    except httpx.HTTPError as error:
        raise TemporaryError(
            f"{redacted(url)}: cannot be downloaded now"
            f" ({type(error).__name__}: {redacted(str(error))})."
        ) from None


def _read_only(url: str) -> SettingsError:
    return SettingsError(
        f"{redacted(url)}: HTTP is for reading only: let the output be a path on the node or s3://."
    )
