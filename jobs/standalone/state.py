"""The state of a job, on disk, so that a runner can continue after the previous one."""

import asyncio
import fcntl
import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import SettingsError
from backend.files import telling_why, write_atomically
from jobs.standalone.conditions import StageInput, StageModel
from jobs.standalone.index import Shares
from jobs.standalone.server import WorkerReport, address
from jobs.status import JobStatus, Round, WorkerState

__all__ = ["JobState", "StateFile", "locked", "runner_pid"]

_KEY_BYTES = 32


class JobState(BaseModel):
    """Everything that is needed to continue a job."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    status: JobStatus
    port: int = 0
    key: str = Field(default_factory=lambda: secrets.token_hex(_KEY_BYTES))
    """The workers' secrets are derived from this."""
    shares: Shares = Shares()
    base: StageModel
    """The model from which the next round starts."""
    trained: list[StageModel] = []
    """The models that this round's train worker reported."""
    evaluated: list[StageModel] = []
    """The results that this round's eval worker reported."""
    input: StageInput | None = None
    """The input of this stage, once it is Ready."""
    report: WorkerReport | None = None
    """The message of this stage's worker, from its arrival until the stage has ended."""

    @property
    def round(self) -> Round:
        """The newest round."""
        return self.status.rounds[-1]

    def worker(self, kind: str) -> WorkerState:
        """Return the newest worker of ``kind``."""
        return next(w for w in reversed(self.status.workers) if w.kind == kind)

    def server(self, name: str) -> str:
        """Return the LC_SERVER of the worker ``name``."""
        return address(self.port, name, self.secret(name))

    def secret(self, name: str) -> str:
        """Return the secret with which the worker ``name`` authenticates its reports."""
        return hmac.digest(self.key.encode(), name.encode(), "sha256").hex()


class StateFile:
    """A job's state in memory and its file, with a signal for changes.

    In the file, the paths of the workers' logs are relative to its folder, which may be moved.
    """

    def __init__(self, path: Path, state: JobState) -> None:
        """Keep ``state`` in ``path``."""
        self._path = path
        self._changed = asyncio.Event()
        self._problems: asyncio.Queue[OSError] = asyncio.Queue()
        self.state = state

    def save(self) -> None:
        """Write the state, then wake up those who wait for it; raises WriteError on a full disk."""
        content = _with_logs(self.state, lambda log: Path(os.path.relpath(log, self._path.parent)))
        try:
            write_atomically(self._path, content.model_dump_json(by_alias=True).encode())
        except OSError as error:
            self._problems.put_nowait(error)
            raise
        self.tell()

    async def until_problem(self) -> None:
        """Wait until the state cannot be saved, whoever tries, and raise the reason."""
        raise await self._problems.get()

    def tell(self) -> None:
        """Wake up those who wait for a change."""
        self._changed.set()

    async def change(self) -> None:
        """Wait for the next change."""
        self._changed.clear()
        await self._changed.wait()

    async def until(self, predicate: Callable[[], object], timeout: float | None = None) -> None:
        """Wait until ``predicate`` is true, or for ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not predicate():
                    await self.change()
        except TimeoutError:
            return

    @staticmethod
    def read(path: Path) -> JobState | None:
        """Return the state in ``path``, or None if the job never ran.

        Raises:
            SettingsError: the file is not a state of this version.
        """
        try:
            state = JobState.model_validate_json(path.read_bytes())
            return _with_logs(state, lambda log: path.parent / log)
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise SettingsError(
                f"{path} is not a state of this version of iljob: move it away to start over"
            ) from error


def _with_logs(state: JobState, place: Callable[[Path], Path]) -> JobState:
    workers = [
        worker.model_copy(update={"log": worker.log and place(worker.log)})
        for worker in state.status.workers
    ]
    status = state.status.model_copy(update={"workers": workers})
    return state.model_copy(update={"status": status})


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only runner of a job while the block lasts.

    Raises:
        SettingsError: another process is.
        WriteError: the disk is full.
    """
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"this job is already run by process {path.read_text(encoding='ascii').strip()}:"
                " end it with `iljob stop`, or watch it with `iljob watch`"
            ) from None
        with telling_why(path):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def runner_pid(path: Path) -> int | None:
    """Return the process id of the job's runner, or None if it has none."""
    try:
        with path.open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int(path.read_text(encoding="ascii") or 0) or None
    return None
