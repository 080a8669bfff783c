"""The LocalController's client: a worker's report, delivered once and never lost."""

import logging
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Self

import httpx
from pydantic import ValidationError

from backend.errors import PermanentError, TemporaryError
from backend.files import write_atomically
from workers.contract import ModelResult, WorkerKind, WorkerMessage, WorkerStatus, message_path
from workers.settings import JobSettings

__all__ = ["REPORTED_FILE", "REPORT_FILE", "LocalController", "report_file"]

REPORT_FILE = "report.json"
"""A report that is not delivered yet."""

REPORTED_FILE = "reported.json"
"""A report that the LocalController has taken."""

_TIMEOUT_SECONDS = 10.0
_LONGEST_DELAY_SECONDS = 15.0
_WRONG_MESSAGE = (httpx.codes.BAD_REQUEST, httpx.codes.UNSUPPORTED_MEDIA_TYPE)

_log = logging.getLogger(__name__)


def report_file(
    kind: WorkerKind, model_url: Path | None, test_dataset_url: Path | None
) -> Path | None:
    """Return where a worker's report waits: in a folder that is mounted and the round's own.

    Train: the folder of the trained models; eval: beside the round's index file.
    """
    if kind is WorkerKind.TRAIN and model_url:
        return model_url / REPORT_FILE
    if kind is WorkerKind.EVAL and test_dataset_url:
        return test_dataset_url.parent / REPORT_FILE
    return None


class LocalController:
    """Tells the LocalController how a worker ended."""

    def __init__(
        self,
        server: str,
        worker_name: str,
        *,
        namespace: str,
        job_name: str,
        patience: float = 300.0,
        margin: float = 0.0,
        first_delay: float = 0.5,
        stop: Event | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            server: The LocalController's URL.
            worker_name: The name it knows this worker by.
            namespace: The job's.
            job_name: The job's.
            patience: Seconds for which a report is tried again.
            margin: Seconds to keep between a report and the worker's start and end.
            first_delay: The longest wait in seconds before the second try; it doubles at each
                further one, up to 15 s.
            stop: Ends every wait when set.
            transport: How requests travel.
        """
        self._server = server
        self._worker_name = worker_name
        self._namespace = namespace
        self._job_name = job_name
        self._patience = patience
        self._margin = margin
        self._first_delay = first_delay
        self._stop = stop or Event()
        self._started = time.monotonic()
        # The LocalController is on this node: a proxy in the environment is not meant for it.
        self._client = partial(
            httpx.Client,
            base_url=server,
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
            trust_env=False,
        )

    @classmethod
    def from_settings(cls, settings: JobSettings, stop: Event | None = None) -> Self:
        """Return the client of the worker that has these settings."""
        return cls(
            settings.lc_server,
            settings.worker_name,
            namespace=settings.namespace,
            job_name=settings.job_name,
            patience=settings.report_patience_seconds,
            margin=settings.margin_seconds,
            stop=stop,
        )

    def report(
        self,
        kind: WorkerKind,
        status: WorkerStatus,
        results: Sequence[ModelResult] = (),
        *,
        file: Path | None = None,
    ) -> None:
        """Deliver a report, which is kept in ``file`` until the LocalController has taken it.

        Raises TemporaryError if it could not be delivered in time (`resume` tries again after
        a restart), PermanentError if the LocalController calls the message wrong.
        """
        message = WorkerMessage(
            name=self._worker_name,
            namespace=self._namespace,
            ownerName=self._job_name,
            kind=kind,
            status=status,
            results=list(results),
        )
        if file:
            _keep(file, message)
        self._deliver(message, file)

    def resume(self, file: Path) -> bool:
        """Return whether this worker had finished before it was started again.

        A report of it that still waits in ``file`` is delivered first; raises as `report` does.
        """
        if self._is_mine(_read(file.with_name(REPORTED_FILE))):
            return True
        waiting = _read(file)
        if waiting is None or not self._is_mine(waiting):
            return False
        self._deliver(waiting, file)
        return True

    def _is_mine(self, message: WorkerMessage | None) -> bool:
        return message is not None and message.name == self._worker_name

    def _deliver(self, message: WorkerMessage, file: Path | None) -> None:
        self._stop.wait(self._margin - (time.monotonic() - self._started))
        self._post_until_taken(message)
        _log.info("reported %s %s", message.kind, message.status)
        if file and file.exists():
            file.replace(file.with_name(REPORTED_FILE))
        self._stop.wait(self._margin)

    def _post_until_taken(self, message: WorkerMessage) -> None:
        deadline = time.monotonic() + self._patience
        for delay in _delays(self._first_delay):
            problem = self._post(message)
            if problem is None:
                return
            _log.warning("the LocalController has not taken the report: %s", problem)
            if time.monotonic() + delay > deadline or self._stop.wait(delay):
                raise TemporaryError(
                    f"{self._server}: the LocalController has not taken the report"
                    f" ({problem}): it is sent again when the worker restarts."
                )

    def _post(self, message: WorkerMessage) -> str | None:
        try:
            with self._client() as client:
                answer = client.post(
                    message_path(self._worker_name),
                    content=message.to_json(),
                    headers={"Content-Type": "application/json"},
                )
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        if answer.status_code in _WRONG_MESSAGE:
            raise PermanentError(
                f"{answer.url}: the LocalController refuses the report with status"
                f" {answer.status_code} ({answer.text.strip()}): check WORKER_NAME."
            )
        return None if answer.is_success else f"status {answer.status_code}"


def _delays(first: float) -> Iterator[float]:
    longest = first
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - spreads retries, no secret
        longest = min(longest * 2, _LONGEST_DELAY_SECONDS)


def _keep(file: Path, message: WorkerMessage) -> None:
    try:
        write_atomically(file, message.to_json().encode())
        file.with_name(REPORTED_FILE).unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s: the report cannot be kept (%s)", file, error.strerror)


def _read(file: Path) -> WorkerMessage | None:
    try:
        return WorkerMessage.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
