"""The LocalController's client: a worker's report, delivered once and never lost."""

import logging
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Literal, Self

import httpx
from pydantic import BaseModel, Field, ValidationError

from backend.errors import TemporaryError
from workers.contract import ModelResult, WorkerKind, WorkerMessage, WorkerStatus, message_path
from workers.environment import JobSettings
from workers.sedna.outbox import KeptReport, Outbox
from workers.storage import shown

__all__ = ["LocalController"]

_TIMEOUT_SECONDS = 10.0
_LONGEST_DELAY_SECONDS = 15.0
_SHOWN_CHARACTERS = 200

_log = logging.getLogger(__name__)


class _Taken(BaseModel):
    """The LocalController's own answer: another server on its port takes no report."""

    status: Literal[200] = Field(alias="Status")


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
            verify=httpx.create_ssl_context(),
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
        outbox: Outbox | None = None,
    ) -> None:
        """Deliver a report, which is kept in ``outbox`` until the LocalController has taken it.

        Whatever else than its consent comes back, the report is sent again: nobody could mend
        it, and a LocalController that starts or is upgraded can answer anything for a while.

        Raises TemporaryError if it could not be delivered in time; `resume` tries again after
        a restart.
        """
        message = WorkerMessage(
            name=self._worker_name,
            namespace=self._namespace,
            ownerName=self._job_name,
            kind=kind,
            status=status,
            results=list(results),
        )
        if outbox:
            outbox.keep(KeptReport(worker=self._worker_name, message=message))
        self._deliver(message, outbox)

    def resume(self, outbox: Outbox) -> bool:
        """Return whether this worker had finished before it was started again.

        A report of it that still waits is delivered first; raises as `report` does, and
        TemporaryError if the outbox cannot be read now.
        """
        kept = outbox.read()
        if kept is None or kept.message is None:
            return False
        if kept.delivered is None:
            self._deliver(kept.message, outbox)
        return True

    def _deliver(self, message: WorkerMessage, outbox: Outbox | None) -> None:
        self._stop.wait(self._margin - (time.monotonic() - self._started))
        self._post_until_taken(message)
        _log.info("reported %s %s", message.kind, message.status)
        if outbox:
            now = datetime.now(UTC)
            outbox.keep(KeptReport(worker=message.name, message=message, delivered=now))
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
                    f"{shown(self._server)}: the LocalController has not taken the report"
                    f" ({problem}): it is sent again when the worker restarts."
                )

    def _post(self, message: WorkerMessage) -> str | None:
        try:
            with self._client() as client:
                answer = client.post(
                    message_path(self._worker_name),
                    content=message.to_json(),
                    headers={"Content-Type": "application/json", "Accept": "application/json"},
                )
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None if _is_taken(answer) else f"status {answer.status_code}: {_start(answer)}"


def _is_taken(answer: httpx.Response) -> bool:
    try:
        return answer.is_success and bool(_Taken.model_validate_json(answer.content))
    except ValidationError:
        return False


def _start(answer: httpx.Response) -> str:
    return answer.text.strip()[:_SHOWN_CHARACTERS]


def _delays(first: float) -> Iterator[float]:
    longest = first
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - spreads retries, no secret
        longest = min(longest * 2, _LONGEST_DELAY_SECONDS)
