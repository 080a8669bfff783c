"""Figures, the bars that they must meet, and the file that keeps them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict

from backend.files import write_atomically

__all__ = ["Bar", "Figure", "Measured", "Outcome", "Results", "figures", "parts", "ratio"]

_OF_THE_PROCESS = {"process_seconds", "report_seconds", "peak_mib"}

Measured = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Side, quantity, and the value of each repetition."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bar(_Record):
    """What a figure should reach."""

    limit: float
    is_lowest: bool
    """Whether the limit is the lowest figure that meets the bar, and not the highest."""


class Figure(_Record):
    """One quantity of one side, measured several times."""

    side: str
    """Who: this project, or a peer's name; of a ratio, both."""
    name: str
    unit: str
    values: tuple[float, ...]
    """One of each repetition, in order; at least one."""
    bar: Bar | None = None

    @property
    def median(self) -> float:
        """The median of the repetitions."""
        return median(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median meets the bar; None without one."""
        if self.bar is None:
            return None
        limit = self.bar.limit
        return self.median >= limit if self.bar.is_lowest else self.median <= limit


class Outcome(_Record):
    """The outcome of one comparison."""

    name: str
    measured: datetime
    seconds: float
    """How long it took."""
    figures: tuple[Figure, ...] = ()
    problem: str = ""
    """Why it was left out or failed; empty if it did not."""


class Results(_Record):
    """The newest outcome of each comparison, all of one machine."""

    machine: dict[str, str]
    """As `bench.machine.describe_machine` describes it."""
    outcomes: tuple[Outcome, ...] = ()

    @classmethod
    def read(cls, file: Path, machine: dict[str, str]) -> Self:
        """Return what ``file`` keeps of ``machine``; nothing if it is of another one."""
        if file.exists():
            kept = cls.model_validate_json(file.read_bytes())
            if kept.machine == machine:
                return kept
        return cls(machine=machine)

    def with_outcome(self, outcome: Outcome) -> Self:
        """Return the results with ``outcome`` in place of an older one of the same comparison."""
        others = tuple(each for each in self.outcomes if each.name != outcome.name)
        return self.model_copy(update={"outcomes": (*others, outcome)})

    def write(self, file: Path) -> None:
        """Write the results as JSON atomically."""
        write_atomically(file, self.model_dump_json(indent=1).encode() + b"\n")


def figures(
    measured: Measured,
    quantity: str,
    name: str,
    unit: str,
    bars: Mapping[str, Bar] = MappingProxyType({}),
) -> list[Figure]:
    """Return a quantity of every side, with the bars of those that have one."""
    return [
        Figure(side=side, name=name, unit=unit, values=values[quantity], bar=bars.get(side))
        for side, values in measured.items()
    ]


def parts(measured: Measured, unit: str) -> list[Figure]:
    """Return every quantity of every side, except for those of the whole process."""
    return [
        Figure(side=side, name=name, unit=unit, values=values)
        for side, quantities in measured.items()
        for name, values in quantities.items()
        if name not in _OF_THE_PROCESS
    ]


def ratio(over: Figure, under: Figure, name: str, bar: Bar | None = None) -> Figure:
    """Return ``over`` divided by ``under``, repetition by repetition.

    The sides are measured in turn, so that what slows the machine down for a while slows both.
    """
    values = tuple(a / b for a, b in zip(over.values, under.values, strict=True))
    side = f"{over.side} / {under.side}"
    return Figure(side=side, name=name, unit="x", values=values, bar=bar)
