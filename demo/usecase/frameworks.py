"""MindSpore and TinyMS side by side: what starting costs, and how much code each needs here."""

import ast
import subprocess
import sys
import time
import tokenize
from pathlib import Path

from backend.errors import PermanentError
from demo.usecase.results import Framework
from demo.usecase.usage import Watch

__all__ = ["code_lines", "measure_frameworks"]

_REPOSITORY = Path(__file__).parents[2]
_OWN = {
    "MINDSPORE": ("backend/classifier/mindspore.py", "backend/networks/mobilenetv2/network.py"),
    "TINYMS": ("backend/classifier/tinyms.py", "backend/mindspore/tinyms_compat.py"),
}
_TRIALS = 3
_START = """
from workers.learning.estimators import ESTIMATORS
ESTIMATORS[{!r}](("croissant", "dog")).get_weights()
"""
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def measure_frameworks() -> list[Framework]:
    """Start each framework a few times, in turns, and count its lines.

    Raises PermanentError if one does not start.
    """
    trials = [{backend: _start(backend) for backend in _OWN} for _ in range(_TRIALS)]
    return [
        Framework(
            backend=backend,
            start_seconds=[trial[backend][0] for trial in trials],
            start_megabytes=max(trial[backend][1] for trial in trials),
            code_lines={name: code_lines(_REPOSITORY / name) for name in names},
        )
        for backend, names in _OWN.items()
    ]


def code_lines(file: Path) -> int:
    """Count the lines of a Python file that are neither blank, comment nor docstring."""
    with file.open("rb") as source:
        tokens = [each for each in tokenize.tokenize(source.readline) if each.type not in _LAYOUT]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - _docstring_lines(ast.parse(file.read_bytes())))


def _docstring_lines(tree: ast.Module) -> set[int]:
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return {
        line for text in texts for line in range(text.lineno, (text.end_lineno or text.lineno) + 1)
    }


def _start(backend: str) -> tuple[float, float]:
    """Return the seconds from a process's start to a built network, and its peak megabytes."""
    command = [sys.executable, "-c", _START.format(backend)]
    with Watch() as watch:
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    if done.returncode:
        raise PermanentError(f"{backend} does not start: {done.stderr.strip()[-500:]}")
    return seconds, max(used.peak_megabytes for used in watch.used.values())
