"""Keeps workers running as the kubelet does: by the restartPolicy of their pods."""

import asyncio
import shutil
from pathlib import Path

from backend.files import telling_why
from jobs.standalone.problems import shown_log
from jobs.standalone.processes import Processes
from jobs.standalone.server import WorkerReport
from jobs.standalone.state import StateFile
from jobs.standalone.workers import INFER, WorkerFactory
from jobs.status import WorkerState

__all__ = ["RESTARTS", "StageFailedError", "Supervisor", "backoff"]

RESTARTS = 3
"""How often a worker that fails without a report is started again before its stage fails."""

_LONGEST_BACKOFF = 300.0
_MOST_DOUBLINGS = 30
_SECONDS_UNTIL_SOUND = 600.0
"""A worker that ran for this long before it ended is restarted as if it had never failed."""


class StageFailedError(Exception):
    """A stage has failed; the message says why."""


class Supervisor:
    """Starts the job's workers, and restarts those that should not have ended."""

    def __init__(
        self,
        factory: WorkerFactory,
        store: StateFile,
        processes: Processes,
        backoff_seconds: float,
    ) -> None:
        """Wait ``backoff_seconds`` before a first restart, twice that before the next one."""
        self._factory = factory
        self._store = store
        self._processes = processes
        self._backoff_seconds = backoff_seconds

    async def ensure(self, worker: WorkerState) -> None:
        """Start the worker's process unless it is running."""
        if not self._processes.running(worker):
            state = self._store.state
            input_ = None if worker.kind == INFER else state.input
            server = state.server(worker.name)
            environment = self._factory.environment(worker, server, input_)
            command = self._factory.command(worker, environment)
            _empty(self._factory.place.files.scratch(worker.kind))
            await self._processes.start(worker, command, environment)

    async def report_of(self, worker: WorkerState) -> WorkerReport:
        """Return the report of a train or eval worker (restartPolicy OnFailure).

        Raises:
            StageFailedError: it ended without a report, with 0 or for the fourth time.
        """
        state = self._store.state
        while state.report is None:
            await self.ensure(worker)
            await self._store.until(lambda: state.report or worker.ended)
            if state.report is None:
                _check_restart(worker)
                await self._store.until(lambda: state.report, self._backoff(worker.restarts))
                worker.restarts += 1
        return state.report

    async def keep_inferring(self) -> None:
        """Keep the newest inference worker running (restartPolicy Always), and no older one."""
        workers = [w for w in self._store.state.status.workers if w.kind == INFER]
        await self._processes.stop(*workers[:-1])
        while True:
            await self._keep(self._store.state.worker(INFER))

    async def _keep(self, worker: WorkerState) -> None:
        """Keep one inference worker running until there is a newer one."""
        failures = 0
        while not self._replaced(worker):
            began = self._clock()
            await self.ensure(worker)
            await self._store.until(lambda: worker.ended or self._replaced(worker))
            if self._clock() - began > _SECONDS_UNTIL_SOUND:
                failures = 0
            if not self._replaced(worker):
                await self._store.until(lambda: self._replaced(worker), self._backoff(failures))
                failures += 1
                worker.restarts += 1
        await self._processes.stop(worker)

    def _replaced(self, worker: WorkerState) -> bool:
        return self._store.state.worker(INFER) is not worker

    def _backoff(self, failures: int) -> float:
        return backoff(self._backoff_seconds, failures)

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()


def backoff(first: float, failures: int) -> float:
    """Return how many seconds a worker waits for its restart after ``failures`` earlier ones.

    ``first`` doubles with each, up to 300 s.
    """
    # Without this bound the power overflows when a worker has failed for days.
    return min(first * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_BACKOFF)


def _empty(folder: Path) -> None:
    """Create the folder empty: a killed worker may have left files in it."""
    with telling_why(folder / "file"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


def _check_restart(worker: WorkerState) -> None:
    if worker.exit_status == 0:
        raise StageFailedError(
            f"{worker.name} exited with 0 but reported nothing, at which the real"
            f" LocalController panics: see {worker.log}"
        )
    if worker.restarts >= RESTARTS:
        raise StageFailedError(
            f"{worker.name} failed {worker.restarts + 1} times, last with exit status"
            f" {worker.exit_status}: see {shown_log(worker)}"
        )
