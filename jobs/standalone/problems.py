"""What is wrong with a standalone job, in one sentence."""

from pathlib import Path

from jobs.standalone.processes import last_line
from jobs.standalone.workers import INFER
from jobs.status import JobStatus, WorkerState

__all__ = ["inaction", "shown_log"]

_SIGNALLED = 128
"""Exit statuses from here on are of those that a signal has ended."""


def inaction(status: JobStatus, index: Path) -> str:
    """Return what keeps the job from going on, or an empty text.

    ``index`` is the dataset's index file.
    """
    newest = [worker for worker in status.workers if worker.kind == INFER][-1]
    if _has_failed(newest):
        return f"{newest.name} ended with exit status {newest.exit_status}: see {shown_log(newest)}"
    if not index.exists():
        return f"there is no {index} yet: append the samples to it, one a line"
    return ""


def shown_log(worker: WorkerState) -> str:
    """Return where a worker's output is, and what it ends with."""
    line = last_line(worker.log)
    return f"{worker.log}, which ends with: {line}" if line else str(worker.log)


def _has_failed(worker: WorkerState) -> bool:
    """Say whether it ended by itself, and not well."""
    return worker.ended is not None and 0 < (worker.exit_status or 0) < _SIGNALLED
