"""What the processes that are started meanwhile take of the machine."""

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

__all__ = ["Used", "Watch"]

_PERIOD_SECONDS = 0.2
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_KILOBYTES_A_MEGABYTE = 1024


@dataclass
class Used:
    """What one process has taken so far."""

    command: tuple[str, ...]
    seconds: float = 0.0
    """Since its start."""
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0
    """Resident memory, the kernel's own high-water mark."""


class Watch:
    """Looks at this process's descendants five times a second, until the block ends.

    Both figures only grow, so that what is missed is what a process takes in its last 0.2 s.
    """

    def __init__(self) -> None:
        """Prepare to watch."""
        self.used: dict[int, Used] = {}
        """By process id."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        """Start to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Look a last time."""
        self._stop.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        """Look at every descendant once."""
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                self._look_at(process)

    def _follow(self) -> None:
        while not self._stop.wait(_PERIOD_SECONDS):
            self.look()

    def _look_at(self, process: psutil.Process) -> None:
        peak = _PEAK.search(Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
        if peak is None:  # a process that has ended holds no memory
            return
        with process.oneshot():
            times, command = process.cpu_times(), tuple(process.cmdline())
        used = self.used.setdefault(process.pid, Used(command))
        used.command = command
        used.seconds = time.time() - process.create_time()
        used.cpu_seconds = times.user + times.system
        used.peak_megabytes = int(peak[1]) / _KILOBYTES_A_MEGABYTE
