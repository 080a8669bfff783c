"""Evaluates model files on an index, in a worker's process, and shows what it says."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from backend.errors import PermanentError, SettingsError
from workers.judgement import Comparison, Judgement, Share

__all__ = ["evaluate_models", "print_judgements"]

_WORKER = [sys.executable, "-m", "workers", "compare"]
_TIED = "—"


def evaluate_models(models: Sequence[Path], index: Path) -> list[Judgement]:
    """Judge models on the samples of an index; all but the first are compared with the first.

    Raises SettingsError or PermanentError with the worker's own sentence.
    """
    command = [*_WORKER, *map(str, models), "--index", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        is_setting = done.returncode == SettingsError.exit_status
        raise (SettingsError if is_setting else PermanentError)(last)
    return TypeAdapter(list[Judgement]).validate_json(done.stdout)


def print_judgements(judgements: Sequence[Judgement], console: Console) -> None:
    """Print a row for each figure, class and folder, and a column for each model."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("")
    for judgement in judgements:
        table.add_column(Path(judgement.model).name, justify="right", overflow="fold")

    def add(name: str, figure: Callable[[Judgement], str]) -> None:
        table.add_row(name, *map(figure, judgements))

    first = judgements[0]
    add("samples", lambda each: str(each.total.samples))
    add("accuracy", lambda each: _percent(each.total.value))
    add("balanced accuracy", lambda each: _percent(each.balanced_accuracy))
    add("worst recall", lambda each: _percent(each.worst_recall))
    if len(judgements) > 1:
        add("better than the first", lambda each: _probability(each.against_first))
        add("gain in accuracy, 95 %", lambda each: _gain(each.against_first))
    for title, groups in (("class", first.classes), ("folder", first.folders)):
        table.add_row()
        table.add_row(f"[dim]by {title}[/dim]")
        for name in groups:
            table.add_row(
                f"  {name} ({groups[name].samples})",
                *(_percent(_share(each, title, name).value) for each in judgements),
            )
    console.print(table)
    if first.left_out:
        console.print(f"{len(first.left_out)} left out, the first: {first.left_out[0]}")


def _share(judgement: Judgement, kind: str, name: str) -> Share:
    return (judgement.classes if kind == "class" else judgement.folders)[name]


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _probability(comparison: Comparison | None) -> str:
    return f"{comparison.better_probability:.1%}" if comparison else _TIED


def _gain(comparison: Comparison | None) -> str:
    if comparison is None:
        return _TIED
    low, high = 100 * comparison.gain_low, 100 * comparison.gain_high
    return f"{100 * comparison.gain:+.1f} points ({low:+.1f} to {high:+.1f})"
