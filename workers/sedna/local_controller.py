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
from workers.data.round_folder import KeptReport
from workers.sedna.outbox import Outbox
from workers.sedna.settings import JobSettings
from workers.storage import redacted

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
        outbox: Outbox | None = None,
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
            outbox: Keeps a report until the LocalController has taken it; None: it is not kept.
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
        self._outbox = outbox
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
    def from_settings(
        cls, settings: JobSettings, outbox: Outbox | None = None, stop: Event | None = None
    ) -> Self:
        """Return the client of the worker that has these settings."""
        return cls(
            settings.local_controller_url,
            settings.worker_name,
            namespace=settings.namespace,
            job_name=settings.job_name,
            outbox=outbox,
            patience=settings.report_patience_seconds,
            margin=settings.margin_seconds,
            stop=stop,
        )

    def report(
        self, kind: WorkerKind, status: WorkerStatus, results: Sequence[ModelResult] = ()
    ) -> None:
        """Deliver a report, which is kept in the outbox until the LocalController has accepted it.

        After any other response the report is sent again: it could not be repaired, and a
        LocalController that is starting or being upgraded can answer anything for a while.

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
        self._keep(message)
        self._deliver(message)

    def resume(self) -> bool:
        """Return whether this worker had finished before it was started again.

        If its report still waits, it is delivered first; raises as `report` does, and
        TemporaryError if the outbox cannot be read now.
        """
        kept = self._outbox.read() if self._outbox else None
        if kept is None or kept.message is None:
            return False
        if kept.delivered is None:
            self._deliver(kept.message)
        return True

    def _deliver(self, message: WorkerMessage) -> None:
        self._stop.wait(self._margin - (time.monotonic() - self._started))
        self._post_until_taken(message)
        # A failed worker's log ends with the reason: a runner shows the last line.
        if message.status is WorkerStatus.COMPLETED:
            _log.info("reported %s %s", message.kind, message.status)
        self._keep(message, delivered=datetime.now(UTC))
        self._stop.wait(self._margin)

    def _keep(self, message: WorkerMessage, delivered: datetime | None = None) -> None:
        if self._outbox:
            report = KeptReport(worker=message.name, message=message, delivered=delivered)
            self._outbox.keep(report)

    def _post_until_taken(self, message: WorkerMessage) -> None:
        deadline = time.monotonic() + self._patience
        for delay in _delays(self._first_delay):
            problem = self._post(message)
            if problem is None:
                return
            _log.warning("the LocalController has not taken the report: %s", problem)
            if time.monotonic() + delay > deadline or self._stop.wait(delay):
                raise TemporaryError(
                    f"{redacted(self._server)}: the LocalController has not taken the report"
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
