"""Samples that a round leaves out because their images cannot be read.

They are counted in the round's metrics and listed, each with its reason, in a file of the
round's folder. The images stay where they are: the dataset is its owner's, other jobs may read
it, and this worker may not be allowed to write there. Too many of them fail the round, because
a dataset that was damaged or mounted wrongly would otherwise pass for a small one.
"""

import csv
import io
import logging
from collections.abc import Callable, KeysView, Mapping, Sequence
from itertools import islice
from pathlib import Path

from backend.errors import DatasetError, ImageError, ProjectError
from backend.files import write_atomically
from backend.images.preprocessing import LabelledImages
from workers.contract import Metrics
from workers.data.index_file import Sample
from workers.data.round_folder import RoundFolder

__all__ = ["Quarantine", "quarantined_paths"]

_COLUMNS = ("path", "reason")
_LOGGED = 20

_log = logging.getLogger(__name__)


class Quarantine:
    """Takes a round's unreadable samples, and says how many there are."""

    def __init__(self, file: Path, folder: RoundFolder, *, share: float) -> None:
        """Take in nothing yet.

        Args:
            file: Where the samples are listed.
            folder: The round's folder, in which it is.
            share: Of the round's samples, 0 to 1; with more the round fails.
        """
        self._file = file
        self._folder = folder
        self._share = share
        self._total = 0
        self._screened: list[tuple[str, str]] = []
        self._reasons: dict[str, str] = {}

    @property
    def paths(self) -> KeysView[str]:
        """The samples that are left out so far, by their paths in the index."""
        return self._reasons.keys()

    def screened(
        self, samples: Sequence[Sample], images: LabelledImages, check: Callable[[Path], None]
    ) -> LabelledImages:
        """Return the images, of these samples, that pass ``check``; positions in `add` are theirs.

        Raises ImageError if too many do not.
        """
        self._total = len(samples)
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

    @property
    def metrics(self) -> Metrics:
        """``unreadable`` [1]: how many samples are left out."""
        return {"unreadable": [float(len(self._reasons))]}

    def record(self) -> None:
        """Write the list of what is left out into the round's folder."""
        self._write()
        if self._reasons:
            _log.warning(
                "%d of %d samples cannot be read and are left out: %s lists them",
                len(self._reasons),
                self._total,
                self._file,
            )

    def _passes(self, path: str, image: str, check: Callable[[Path], None]) -> bool:
        try:
            check(Path(image))
        except ImageError as error:
            self._leave_out(path, image, error)
            return False
        return True

    def _leave_out(self, path: str, image: str, error: ImageError) -> None:
        self._reasons[path] = str(error).removeprefix(f"{image}: ")
        if len(self._reasons) > self._share * self._total:
            self._write()
            raise ImageError(
                f"{image}: cannot be read, and with it more of {self._total} samples than"
                f" unreadable_share={self._share:g} allows: repair or remove those that"
                f" {self._file} lists."
            )

    def _write(self) -> None:
        try:
            # An earlier attempt at the round may have left a list.
            if self._reasons or self._file.exists():
                write_atomically(self._file, _table(self._reasons))
                self._folder.publish(self._file)
        except (OSError, ProjectError) as error:
            _log.warning("the list cannot be kept in %s: %s", self._file, error)
            for path, reason in islice(self._reasons.items(), _LOGGED):
                _log.warning("left out: %s: %s", path, reason)


def quarantined_paths(file: Path) -> set[str]:
    """Return the paths in a round's list, none if it has no list.

    Raises DatasetError for a file that is none.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.reader(opened))
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file}: is not a list of samples ({error}): remove it.") from None
    return {row[0] for row in rows[1:] if row}


def _table(reasons: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(reasons.items())
    return text.getvalue().encode(errors="replace")
