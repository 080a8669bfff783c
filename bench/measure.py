"""Fresh processes, measured one at a time, the sides of a comparison in turn."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.errors import ProjectError
from bench.answering import Values
from bench.machine import PEERS_PYTHON

__all__ = [
    "ROOT",
    "LeftOutError",
    "SubjectError",
    "peer",
    "require_peers",
    "run_to_end",
    "subject",
]

ROOT = Path(__file__).parent.parent
"""The repository."""

_LINES_OF_AN_ERROR = 5


class LeftOutError(ProjectError):
    """What a comparison needs is not here."""


class SubjectError(ProjectError):
    """A process that was measured failed."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended, its seconds from start to end and its peak resident memory."""

    output: str
    seconds: float
    peak_mib: float


def subject(name: str, **arguments: object) -> Values:
    """Call ``bench.subjects.<name>``, ``module.function``, and return what it measured.

    ``process_seconds`` and ``peak_mib`` of its process are added, unless it measured them itself.
    """
    return _ask(Path(sys.executable), f"bench.subjects.{name}", arguments)


def peer(name: str, **arguments: object) -> Values:
    """Call ``bench.peers.<name>`` in the peers' environment, as `subject` does.

    Raises LeftOutError if there is no such environment.
    """
    require_peers()
    return _ask(PEERS_PYTHON, f"bench.peers.{name}", arguments)


def require_peers() -> None:
    """Raise LeftOutError if the peers' environment is not here."""
    if not PEERS_PYTHON.exists():
        raise LeftOutError("the peers are not installed: run it as `make bench`.")


def run_to_end(command: list[str], environment: Mapping[str, str]) -> Finished:
    """Run a command; raises SubjectError, with its last lines, if it fails."""
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = " | ".join(output.splitlines()[-_LINES_OF_AN_ERROR:])
        raise SubjectError(f"{' '.join(command[1:4])} ended with {process.returncode}: {last}")
    return Finished(output, time.monotonic() - began, usage.ru_maxrss / 1024)


def _ask(python: Path, name: str, arguments: Mapping[str, object]) -> Values:
    module, _, function = name.rpartition(".")
    command = [str(python), "-m", module, function, json.dumps(arguments, default=str)]
    done = run_to_end(command, os.environ)
    # MindSpore may complain after it while the interpreter ends.
    answers = [line for line in done.output.splitlines() if line.startswith("{")]
    if not answers:
        raise SubjectError(f"{name} measured nothing: {done.output[-500:]}")
    values: dict[str, float] = json.loads(answers[-1])
    return {"process_seconds": done.seconds, "peak_mib": done.peak_mib, **values}
