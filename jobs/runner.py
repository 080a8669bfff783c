"""The interface of a job's runner, on this machine or on Kubernetes."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jobs.status import JobStatus

__all__ = ["JobRunner", "OnStatus"]

OnStatus = Callable[[JobStatus], None]
"""Called with the job's status as it changes; the status is the caller's to keep. Changes that
follow each other quickly may be reported together. An exception that it raises ends the run."""


class JobRunner(Protocol):
    """Runs one job."""

    @property
    def report(self) -> Path:
        """Where the report is written by default."""
        ...

    async def run(
        self,
        *,
        rounds: int | None = None,
        timeout: float | None = None,
        on_status: OnStatus | None = None,
    ) -> JobStatus:
        """Run the job from its current state until ``rounds`` of its rounds have ended.

        Rounds of earlier runs count. Without ``rounds`` it runs until it is cancelled.

        Raises:
            SettingsError: the job cannot run as it is described, or already runs.
            TimeoutError: ``timeout`` seconds passed first.
        """
        ...

    def status(self) -> JobStatus:
        """Return the job's status.

        Raises:
            SettingsError: the job never ran.
        """
        ...

    async def watch(self, on_status: OnStatus) -> None:
        """Call ``on_status`` with the job's status now and at each change, while it is being run.

        Raises:
            SettingsError: the job never ran.
        """
        ...

    def retry(self) -> str:
        """Have the next round started with the samples that there are, whatever the trigger says.

        These are fewer than it wants, and those of failed rounds that no model has trained on.
        Returns what follows, in a sentence.

        Raises:
            SettingsError: the job never ran, a round has not ended, there is nothing to train on,
                or this cannot be done there.
        """
        ...

    def stop(self) -> None:
        """End the job's workers and its runner, and wait until they have ended.

        On one machine the next run continues the job; on a cluster it starts over.

        Raises:
            SettingsError: the job is not being run.
        """
        ...
