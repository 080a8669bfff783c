"""The frame around every worker: its log, its signals, its exit status."""

import argparse
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event
from types import FrameType
from typing import NoReturn

from backend.errors import ProjectError, TemporaryError
from backend.files import is_disk_full
from workers.contract import WorkerKind, WorkerStatus
from workers.sedna.session import Session

__all__ = ["EXIT_SIGNAL", "EXIT_UNEXPECTED", "run_round", "run_service", "run_worker"]

EXIT_UNEXPECTED = 70
"""Exit status after an error that no part of this project raises on purpose."""

EXIT_SIGNAL = 128
"""Added to the signal's number: exit status of a worker that was told to end before it was done."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_CHATTY_LOGGERS = ("httpx", "watchfiles")

_log = logging.getLogger(__name__)


def run_worker(
    name: str, work: Callable[[Mapping[str, str]], None], argv: Sequence[str] | None = None
) -> int:
    """Do a worker's work and return its exit status; SIGTERM or SIGINT ends it.

    An error is one sentence on standard error; ``--debug`` or DEBUG=true adds the traceback.
    """
    for number in _STOP_SIGNALS:
        signal.signal(number, _terminate)
    is_debugging = _arguments(name, argv).debug
    _log_to_stderr()
    try:
        work(os.environ)
    except Exception as error:  # noqa: BLE001 - the process's last resort
        _log.error("%s worker: %s", name, _sentence(error))
        if is_debugging:
            traceback.print_exc()
        return _exit_status(error)
    return 0


def run_service(
    name: str,
    serve: Callable[[Mapping[str, str], Event], None],
    argv: Sequence[str] | None = None,
) -> int:
    """Serve until the event is set, which SIGTERM and SIGINT do; return as `run_worker` does."""

    def work(environment: Mapping[str, str]) -> None:
        stop = Event()
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda *_: stop.set())
        serve(environment, stop)

    return run_worker(name, work, argv)


def run_round(
    kind: WorkerKind, environment: Mapping[str, str], work: Callable[[Session], None]
) -> None:
    """Do a train or eval worker's work, which reports ``completed``; report ``failed`` for it.

    A worker that had finished before it was started again does not work twice: it ends with 0,
    so that Kubernetes does not start it again. A TemporaryError is not reported, so that
    Kubernetes does.
    """
    session = Session(kind, environment)
    session.outbox.remove_leftovers()
    if session.local_controller.resume():
        _log.info("this worker has done its work before: nothing left to do")
        return
    is_kept = session.outbox.claim()
    try:
        work(session)
    except TemporaryError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise
        _report_failure(session, error)
        if is_kept:
            raise
        # A restarted worker could not know about the report, and would also fail the next round.
        _log.error("%s (reported, and ended so that it is not started again)", _sentence(error))


def _report_failure(session: Session, error: Exception) -> None:
    kept = session.outbox.read()
    if kept is not None and kept.message is not None:
        return  # the work had reported before it failed
    # Before the report: a runner whose rounds are over ends this process as soon as it has it.
    _log.info("reporting that the round failed: %s", _sentence(error))
    try:
        session.report(WorkerStatus.FAILED)
    except TemporaryError as undelivered:
        raise TemporaryError(f"{_sentence(error)} {undelivered}") from error


def _exit_status(error: Exception) -> int:
    if isinstance(error, ProjectError):
        return error.exit_status
    return TemporaryError.exit_status if is_disk_full(error) else EXIT_UNEXPECTED


def _sentence(error: Exception) -> str:
    if isinstance(error, ProjectError):
        return str(error)
    if is_disk_full(error):
        return f"the disk is full ({error}): free disk space, and a restarted worker continues."
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{error.filename}: cannot be used ({error.strerror}): check that user {os.getuid()}"
            " may read and write it."
        )
    return (
        f"unexpected {type(error).__name__}: {error}: run it with DEBUG=true to see where"
        " and report it."
    )


def _arguments(name: str, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m workers {name}", description=f"Run Sedna's {name} worker."
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        default=os.environ.get("DEBUG", "").lower() == "true",
        help="show tracebacks; also DEBUG=true",
    )
    return parser.parse_args(argv)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    # MindSpore makes of an exception in the midst of its compiler an error of the round, which
    # would be reported. A worker can end anywhere, because it writes files atomically.
    os._exit(EXIT_SIGNAL + number)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    """One line an event, with the time as ISO 8601, UTC."""

    def formatTime(  # noqa: N802 - logging's name
        self, record: logging.LogRecord, _datefmt: str | None = None
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).splitlines())
