"""Fresh processes, measured one at a time, the sides of a comparison in turn."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import LeftOutError, SubjectError
from bench.machine import PEERS_PYTHON

__all__ = ["Values", "in_turn", "peer", "require_peers", "run_to_end", "subject"]

Values = Mapping[str, float]
"""Quantity to value."""

_ROOT = Path(__file__).parent.parent
_LINES_OF_AN_ERROR = 5


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    output: str
    seconds: float
    """From its start to its end."""
    peak_mib: float
    """The most memory that it held at a time (resident set)."""


def in_turn(
    sides: Mapping[str, Callable[[], Values]], repeats: int, say: Callable[[str], None]
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Measure A B A B ... and return side, quantity and the value of each repetition."""
    collected: dict[str, dict[str, tuple[float, ...]]] = {
        side: defaultdict(tuple[float, ...]) for side in sides
    }
    for repetition in range(1, repeats + 1):
        for side, measure in sides.items():
            values = measure()
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            say(f"  {repetition}/{repeats} {side}: {shown}")
            for name, value in values.items():
                collected[side][name] += (value,)
    return collected


def subject(module: str, **arguments: object) -> Values:
    """Run ``bench.subjects.<module>`` and return what it measured.

    ``process_seconds`` and ``peak_mib`` of the whole process are added.
    """
    return _ask(Path(sys.executable), f"bench.subjects.{module}", arguments)


def peer(module: str, **arguments: object) -> Values:
    """Run ``bench.peers.<module>`` in the peers' environment, as `subject` does.

    Raises LeftOutError if there is no such environment.
    """
    require_peers()
    return _ask(PEERS_PYTHON, f"bench.peers.{module}", arguments)


def require_peers() -> None:
    """Raise LeftOutError if the peers' environment is not here."""
    if not PEERS_PYTHON.exists():
        raise LeftOutError("the peers are not installed: run it as `make bench`.")


def run_to_end(command: list[str], environment: Mapping[str, str]) -> Finished:
    """Run a command; raises SubjectError, with its last lines, if it fails."""
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=_ROOT,
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


def _ask(python: Path, module: str, arguments: Mapping[str, object]) -> Values:
    command = [str(python), "-m", module, json.dumps(arguments, default=str)]
    done = run_to_end(command, os.environ)
    # MindSpore may complain after it while the interpreter ends.
    answers = [line for line in done.output.splitlines() if line.startswith("{")]
    if not answers:
        raise SubjectError(f"{module} measured nothing: {done.output[-500:]}")
    values: dict[str, float] = json.loads(answers[-1])
    return {**values, "process_seconds": done.seconds, "peak_mib": done.peak_mib}
