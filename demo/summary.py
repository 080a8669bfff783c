"""The table that the demo ends with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.pictures import Light
from jobs.status import JobStatus, Round

__all__ = ["Measured", "print_summary"]


@dataclass(frozen=True)
class Measured:
    """The deployed model's accuracy (0 to 1) in each light at one point of the story."""

    when: str
    accuracy: dict[Light, float]


def print_summary(
    console: Console, status: JobStatus, measured: Sequence[Measured], report: Path, seconds: float
) -> None:
    """Print accuracy before and after each round, what was deployed and why, and the report."""
    table = Table(title="Deployed model on held-out pictures", title_justify="left")
    table.add_column("")
    for light in Light:
        table.add_column(light.value, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("what happened")
    for point, round_ in zip(measured, [None, *status.rounds], strict=False):
        table.add_row(
            point.when,
            *(f"{point.accuracy[light]:.1%}" for light in Light),
            f"{_seconds(round_):.0f}" if round_ else "",
            round_.reason if round_ else "trained on day pictures",
        )
    console.print(table)
    console.print(f"{_change(measured)}  The whole demo took {seconds:.0f} s.")
    console.print(f"Report: {report}")


def _seconds(round_: Round) -> float:
    return sum(round_.seconds.values())


def _change(measured: Sequence[Measured]) -> str:
    first, last = measured[0].accuracy, measured[-1].accuracy
    changes = [f"{light.value} {100 * (last[light] - first[light]):+.1f} points" for light in Light]
    return f"{', '.join(changes)}."
