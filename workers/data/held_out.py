"""What rounds were judged on: a record that travels with the models, from round to round.

An eval worker sees its own round's index, the two models and the dataset; on a cluster nothing
else of the output is mounted. A train worker sees the folders of all rounds. So the record is
``held-out.csv`` next to the trained model: each train worker copies the newest one into its
round's folder, and that round's eval worker adds what is new to it. It grows by what each round
was asked; all else that a round was judged on is left out once no later round is judged on it.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backend.errors import DatasetError
from backend.files import write_atomically
from workers.data.round_folder import RoundFolder

__all__ = ["HeldOutSample", "carry_held_out", "read_held_out", "write_held_out"]


class HeldOutSample(NamedTuple):
    """A sample that a round was judged on."""

    round: int
    """The first round that was."""
    path: str
    """In the dataset's folder."""
    label: str
    """The class's name."""
    answer: str
    """What that round's trained model took it for, a class's name; empty: it was not asked."""


def carry_held_out(folder: RoundFolder) -> None:
    """Copy the newest earlier round's record into a round's folder, or begin one.

    Raises SettingsError or TemporaryError if a remote folder cannot be read or written.
    """
    pulled = (each.pull(each.held_out) for each in reversed(folder.earlier()))
    newest = next(filter(None, pulled), None)
    if newest:
        write_atomically(folder.held_out, newest.read_bytes())
    else:
        write_held_out(folder.held_out, [])
    folder.publish(folder.held_out)


def read_held_out(file: Path) -> list[HeldOutSample]:
    """Return the record's rows; raises DatasetError if it cannot be read."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            _, *rows = csv.reader(opened)
        return [HeldOutSample(int(number), *texts) for number, *texts in rows]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DatasetError(f"{file}: is not a record of held-out samples ({error}).") from None


def write_held_out(file: Path, rows: Iterable[HeldOutSample]) -> None:
    """Write a record atomically; raises OSError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HeldOutSample._fields)
    writer.writerows(rows)
    write_atomically(file, text.getvalue().encode())
