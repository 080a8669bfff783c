"""The index file, its increments, and their shares for training and evaluation.

The index only grows, so a share of it is stored as ranges of its lines. Of each increment, the
first ``int(trainProb * new)`` lines go to training and the rest to evaluation, as with the
LocalController. An increment consists of the lines that are new when the index is read. The runner
reads at every change, not once a minute, so lines that belong together need a single write.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend.errors import DatasetError
from backend.files import replaced_atomically
from jobs.triggers import train_share

__all__ = ["Lines", "Shares", "count", "count_lines", "read_index", "select", "write_samples"]

_EARLIER_SHARES = 5
_BLOCK = 2**20


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lines(_Record):
    """A range of the index's lines, from ``start`` (inclusive) to ``stop`` (exclusive), from 0."""

    start: int
    stop: int


class Shares(_Record):
    """How far the index has been read, and the lines that wait for the next round."""

    position: int = 0
    train: tuple[Lines, ...] = ()
    eval: tuple[Lines, ...] = ()
    earlier: tuple[tuple[Lines, ...], ...] = ()
    """The evaluation shares of up to five earlier rounds, oldest first."""

    def grown(self, total: int, train_prob: float) -> "Shares":
        """Return the shares once the index has ``total`` lines; a shorter one changes nothing."""
        if total <= self.position:
            return self
        middle = self.position + train_share(train_prob, total - self.position)
        return Shares(
            position=total,
            train=_joined(self.train, Lines(start=self.position, stop=middle)),
            eval=_joined(self.eval, Lines(start=middle, stop=total)),
            earlier=self.earlier,
        )

    def trained(self) -> "Shares":
        """Return the shares once the train share was handed to a worker."""
        return self.model_copy(update={"train": ()})

    def evaluated(self) -> "Shares":
        """Return the shares once the evaluation share was handed to a worker."""
        earlier = (*self.earlier, self.eval)[-_EARLIER_SHARES:]
        return self.model_copy(update={"eval": (), "earlier": earlier})

    @property
    def to_evaluate(self) -> tuple[Lines, ...]:
        """The evaluation share, after those of up to five earlier rounds."""
        return (*(lines for share in self.earlier for lines in share), *self.eval)


def count(ranges: Iterable[Lines]) -> int:
    """Return how many lines are in ``ranges``."""
    return sum(lines.stop - lines.start for lines in ranges)


def count_lines(index: Path) -> int:
    """Return how many lines `read_index` would return; a million are counted in 20 ms."""
    try:
        with index.open("rb") as opened:
            return sum(block.count(b"\n") for block in iter(partial(opened.read, _BLOCK), b""))
    except FileNotFoundError:
        return 0


def read_index(index: Path) -> list[str]:
    """Return the lines of ``index``; none if it does not exist yet.

    A last line without a newline is left for later, since it may still be being written. A
    million lines take about 0.3 s and 120 MB.
    """
    try:
        # `write_samples` writes bytes that are not UTF-8 as they were read.
        with index.open(encoding="utf-8", errors="surrogateescape", newline="\n") as opened:
            return [line[:-1].removesuffix("\r") for line in opened if line.endswith("\n")]
    except FileNotFoundError:
        return []


def select(lines: Sequence[str], ranges: Iterable[Lines]) -> list[str]:
    """Return the lines in ``ranges``, in the order of the ranges.

    Raises:
        DatasetError: the index has become shorter than the ranges.
    """
    selected: list[str] = []
    for part in ranges:
        if part.stop > len(lines):
            raise DatasetError(
                f"the dataset's index lost lines: it has {len(lines)}, and line {part.stop} was"
                " read before: only ever append to it"
            )
        selected += lines[part.start : part.stop]
    return selected


def write_samples(path: Path, samples: Iterable[str]) -> None:
    """Write ``samples`` to ``path``, one a line."""
    with (
        replaced_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as opened,
    ):
        opened.writelines(f"{sample}\n" for sample in samples)


def _joined(ranges: tuple[Lines, ...], new: Lines) -> tuple[Lines, ...]:
    if new.start == new.stop:
        return ranges
    if ranges and ranges[-1].stop == new.start:
        return (*ranges[:-1], Lines(start=ranges[-1].start, stop=new.stop))
    return (*ranges, new)
