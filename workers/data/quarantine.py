"""Samples that a round leaves out: bad lines of its index, and images that cannot be read.

They are counted in the round's metrics and listed, each with its reason, in a file of the
round's folder. The images stay where they are: the dataset is its owner's, other jobs may read
it, and this worker may not be allowed to write there. Too many of them fail the round, because
a dataset that was damaged or mounted wrongly would otherwise pass for a small one.
"""

import csv
import io
import logging
from collections.abc import Callable, Iterable, KeysView, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from backend.errors import DatasetError, ImageError, ProjectError
from backend.files import write_atomically
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from workers.data.index_file import BadLine, Sample
from workers.data.round_folder import RoundFolder

__all__ = ["LeftOut", "Quarantine", "read_quarantine"]

_LOGGED = 20

_log = logging.getLogger(__name__)


class LeftOut(NamedTuple):
    """What a round left out."""

    path: str
    """Of the sample; empty for a line without a usable path."""
    line: str
    """The bad line's number in the round's index file; empty for an image."""
    reason: str


class Quarantine:
    """Takes what a round leaves out, and says how much that is."""

    def __init__(self, file: Path, folder: RoundFolder, *, share: float) -> None:
        """Take in nothing yet.

        Args:
            file: Where it is listed.
            folder: The round's folder, which contains the file.
            share: Of the round's samples, 0 to 1; with more the round fails.
        """
        self._file = file
        self._folder = folder
        self._share = share
        self._total = 0
        self._screened: list[tuple[str, str]] = []
        self._lines: list[LeftOut] = []
        self._images: dict[str, str] = {}

    @property
    def paths(self) -> KeysView[str]:
        """The samples whose images are left out so far, by their paths in the index."""
        return self._images.keys()

    @property
    def metrics(self) -> Metrics:
        """``unreadable`` [1]: how many samples are left out."""
        return {"unreadable": [float(self._count)]}

    def add_line(self, line: BadLine) -> None:
        """Leave out a line of the index that is not a sample; `screened` judges their number."""
        self._lines.append(LeftOut(line.path, str(line.number), line.reason))

    def screened(
        self, samples: Sequence[Sample], images: LabelledImages, check: Callable[[Path], None]
    ) -> LabelledImages:
        """Return the images, of these samples, that pass ``check``; positions in `add` are theirs.

        Raises DatasetError if there are too many bad lines, ImageError if too many images fail.
        """
        self._total = len(samples) + len(self._lines)
        if self._is_too_many:
            last = self._lines[-1]
            self._refuse(DatasetError, f"line {last.line} of the round's index: {last.reason}")
        rows = zip(samples, images.x, strict=True)
        named = [(sample.path, str(image)) for sample, image in rows]
        passed = [place for place, names in enumerate(named) if self._passes(*names, check)]
        self._screened = [named[place] for place in passed]
        return LabelledImages(
            x=[images.x[place] for place in passed], y=[images.y[place] for place in passed]
        )

    def add(self, position: int, error: ImageError) -> None:
        """Leave out the image at this position of the screened ones; twice counts once.

        Raises ImageError if they are too many now.
        """
        self._leave_out(*self._screened[position], error)

    def record(self) -> None:
        """Write the list of what is left out into the round's folder."""
        self._write()
        if self._count:
            _log.warning(
                "%d of %d samples cannot be used and are left out: %s lists them",
                self._count,
                self._total,
                self._file,
            )

    @property
    def _count(self) -> int:
        return len(self._lines) + len(self._images)

    @property
    def _is_too_many(self) -> bool:
        return self._count > self._share * self._total

    def _passes(self, path: str, image: str, check: Callable[[Path], None]) -> bool:
        try:
            check(Path(image))
        except ImageError as error:
            self._leave_out(path, image, error)
            return False
        return True

    def _leave_out(self, path: str, image: str, error: ImageError) -> None:
        self._images[path] = str(error).removeprefix(f"{image}: ")
        if self._is_too_many:
            self._refuse(ImageError, f"{image}: cannot be read")

    def _refuse(self, error: type[ProjectError], last: str) -> None:
        self._write()
        raise error(
            f"{last}, and with it more of {self._total} samples are left out than"
            f" unreadable_share={self._share:g} allows: repair or remove what {self._file} lists."
        )

    def _rows(self) -> list[LeftOut]:
        return [*self._lines, *(LeftOut(path, "", why) for path, why in self._images.items())]

    def _write(self) -> None:
        try:
            # An earlier attempt at the round may have left a list.
            if self._count or self._file.exists():
                write_atomically(self._file, _table(self._rows()))
                self._folder.publish(self._file)
        except (OSError, ProjectError) as error:
            _log.warning("the list cannot be kept in %s: %s", self._file, error)
            for row in islice(self._rows(), _LOGGED):
                _log.warning("left out: %s: %s", row.path or f"line {row.line}", row.reason)


def read_quarantine(file: Path) -> list[LeftOut]:
    """Return a round's list; empty if it has none.

    Raises DatasetError for a file that is not such a list.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            _, *rows = csv.reader(opened)
        return [LeftOut(*row) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DatasetError(f"{file}: is not a list of samples ({error}): remove it.") from None


def _table(rows: Iterable[LeftOut]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LeftOut._fields)
    writer.writerows(rows)
    return text.getvalue().encode(errors="replace")
