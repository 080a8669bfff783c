"""Worker processes: started in their own sessions, adopted by a later runner, stopped."""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
import psutil

from backend.errors import SettingsError
from jobs.log_line import message_of
from jobs.standalone.state import StateFile
from jobs.status import JobStatus, WorkerState
from workers.contract import Variable

__all__ = ["Processes", "alive", "last_line", "wait_for_end"]

_SECONDS_TO_END = 10.0
_LAST_LINE_BYTES = 4096


class Processes:
    """The job's worker processes, and their records in the state.

    When a process ends, its worker's ``ended`` and ``exit_status`` are set and saved.
    """

    def __init__(self, store: StateFile) -> None:
        """Record the processes in ``store``."""
        self._store = store
        self._following: dict[str, asyncio.Task[None]] = {}

    def running(self, worker: WorkerState) -> bool:
        """Return whether the worker has a process, started or adopted by this runner."""
        return worker.name in self._following

    def adopt(self, pids: Mapping[str, int]) -> None:
        """Follow the processes ``pids`` of an earlier runner, by worker; the others have ended."""
        for worker in self._store.state.status.workers:
            if worker.name in pids:
                worker.pid, worker.ended = pids[worker.name], None
                self._follow(worker, partial(wait_for_end, worker.pid))
            elif worker.ended is None and worker.pid is not None:
                self._end(worker, None)

    async def start(
        self, worker: WorkerState, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Start the worker's process; its output is appended to the worker's log.

        Raises:
            SettingsError: the command cannot be run.
        """
        with Path(worker.log or os.devnull).open("ab") as log:
            child = await _spawn(command, environment, log)
        worker.pid, worker.started = child.pid, datetime.now(UTC)
        worker.ended = worker.exit_status = None
        self._follow(worker, child.wait)
        self._store.save()

    async def stop(self, *workers: WorkerState) -> None:
        """End the workers' processes: SIGTERM, and SIGKILL for those still running after 10 s."""
        following = {w.name: self._following[w.name] for w in workers if self.running(w)}
        if not following:
            return
        pids = [worker.pid for worker in workers if worker.name in following and worker.pid]
        _signal(pids, signal.SIGTERM)
        _, late = await asyncio.wait(following.values(), timeout=_SECONDS_TO_END)
        _signal(pids, signal.SIGKILL)
        if late:
            await asyncio.wait(late)

    async def stop_all(self) -> None:
        """End every process of the job."""
        await self.stop(*self._store.state.status.workers)

    def _follow(self, worker: WorkerState, wait: Callable[[], Awaitable[int | None]]) -> None:
        self._following[worker.name] = asyncio.create_task(self._record_end(worker, wait))

    async def _record_end(
        self, worker: WorkerState, wait: Callable[[], Awaitable[int | None]]
    ) -> None:
        status = await wait()
        del self._following[worker.name]
        self._end(worker, status)
        # The runner ends at a state that cannot be saved: see `StateFile.until_problem`.
        with contextlib.suppress(OSError):
            self._store.save()

    def _end(self, worker: WorkerState, exit_status: int | None) -> None:
        worker.ended, worker.exit_status = datetime.now(UTC), exit_status
        worker.last_line = last_line(worker.log)


def alive(status: JobStatus, prefix: str) -> dict[str, int]:
    """Return the process ids of the job's workers that are alive, whoever started them.

    A process is recognised by the environment in which it was started, so that even one whose id a
    killed runner could not save is found. ``prefix`` is their DATA_PATH_PREFIX, which distinguishes
    the workers of a copied node from those of the original.
    """
    names = {worker.name for worker in status.workers}
    job = {
        Variable.JOB_NAME: status.name,
        Variable.NAMESPACE: status.namespace,
        Variable.DATA_PATH_PREFIX: prefix,
    }
    pids: dict[str, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            name = environment.get(Variable.WORKER_NAME, "")
            # A worker leads its session; its own children have inherited its environment.
            leads = os.getsid(process.pid) == process.pid
            if leads and name in names and job.items() <= environment.items():
                pids[name] = process.pid
    return pids


async def wait_for_end(pid: int) -> None:
    """Wait until the process ``pid``, which need not be a child of this one, has ended."""
    if sys.platform != "linux":
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def last_line(log: Path | None) -> str:
    """Return the last line of a worker's output that is not blank; "" if there is none."""
    if log is None:
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return next((message_of(line) for line in reversed(text.splitlines()) if line.strip()), "")


async def _spawn(
    command: Sequence[str], environment: Mapping[str, str], output: BinaryIO
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise SettingsError(
            f"the command {shlex.join(command)} cannot be run: {error.strerror}: correct it in the"
            " container"
        ) from error


def _signal(groups: Sequence[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
