"""Explains why a standalone job does not continue, in one sentence."""

import os
from pathlib import Path

from backend.errors import ProjectError
from jobs.standalone.processes import last_line
from jobs.standalone.workers import INFER
from jobs.status import JobStatus, WorkerState

__all__ = ["inaction", "sentence", "shown_log"]

_INDEX_BYTES = 4096
_SIGNALLED = 128
"""From this exit status on, a signal ended the process."""


def inaction(status: JobStatus, index: Path) -> str:
    """Return what prevents the job from continuing, or an empty text.

    ``index`` is the dataset's index file.
    """
    newest = [worker for worker in status.workers if worker.kind == INFER][-1]
    if _has_failed(newest):
        return f"{newest.name} ended with exit status {newest.exit_status}: see {shown_log(newest)}"
    try:
        with index.open("rb") as file:
            return _of_index(index, file.read(_INDEX_BYTES))
    except FileNotFoundError:
        return f"there is no {index} yet: append the samples to it, one a line"
    except OSError as error:
        return f"{index} cannot be read: {error.strerror}"


def _of_index(index: Path, start: bytes) -> str:
    """Return why no line of the index is a sample, if its ``start`` shows that."""
    line, newline, _ = start.partition(b"\n")
    if len(line) < _INDEX_BYTES and line and not newline:
        return (
            f"{index} has no complete line yet: end each with a line feed (\\n), the last one too;"
            " a carriage return (\\r) alone does not end a line"
        )
    path = os.fsdecode(line.rsplit(maxsplit=1)[0]) if line.split() else ""
    # pathlib would raise for a name that is too long.
    if "\\" in path and not os.path.exists(index.parent / path):  # noqa: PTH110
        return f"{index}: line 1: {path} has a backslash, which separates no folders here: write /"
    return ""


def shown_log(worker: WorkerState) -> str:
    """Return the path of a worker's output and its last line."""
    line = last_line(worker.log)
    return f"{worker.log}, which ends with: {line}" if line else str(worker.log)


def sentence(error: Exception) -> str:
    """Return an error's message; that of an operating system error with the file and advice."""
    if isinstance(error, ProjectError) or not isinstance(error, OSError) or not error.filename:
        return str(error)
    advice = ": run iljob as a user who may use it" if isinstance(error, PermissionError) else ""
    return f"{error.filename}: {error.strerror}{advice}"


def _has_failed(worker: WorkerState) -> bool:
    """Return whether it ended by itself with a failure."""
    return worker.ended is not None and 0 < (worker.exit_status or 0) < _SIGNALLED
