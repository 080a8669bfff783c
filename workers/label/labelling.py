"""Labels, skips and undoes: a person's work on the hard examples."""

from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, RootModel

from backend.errors import PermanentError
from backend.files import write_atomically
from workers.data.answers import HardExample
from workers.label.dataset import LabelledFolder, LabelledPicture
from workers.label.examples import ExampleFolder
from workers.learning.offering import COMPARED, offered

__all__ = ["NONE", "PENDING_FILE", "Counts", "Labelling", "UnknownExampleError"]

PENDING_FILE = ".pending-labels.json"
"""In the dataset's folder for hard examples."""


NONE = ""
"""The label of a picture that shows none of the classes; it is not added to the dataset."""


class UnknownExampleError(PermanentError):
    """There is no unlabelled hard example with that name, or no such class."""


class Counts(NamedTuple):
    """The progress of the labelling."""

    waiting: int
    """Examples without a label."""
    pending: int
    """Labels that can be undone."""
    saved: int
    """Labels added to the dataset since the worker started."""


class _Label(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    label: str


class _Labels(RootModel[list[_Label]]):
    """The content of PENDING_FILE."""


class Labelling:
    """Keeps the latest labels pending, so that they can be undone, and saves older ones in batches.

    Threads may share it. Pending labels survive a restart of the worker.
    """

    def __init__(
        self,
        examples: ExampleFolder,
        dataset: LabelledFolder,
        class_names: tuple[str, ...],
        *,
        batch: int,
        is_diverse: bool = True,
    ) -> None:
        """Continue from the previous worker's state.

        Args:
            examples: What to label.
            dataset: What labelled pictures enter.
            class_names: The classes.
            batch: How many labels are saved together.
            is_diverse: Whether to offer pictures unlike labelled ones first, and not only the
                most uncertain ones.
        """
        self._examples = examples
        self._dataset = dataset
        self._class_names = class_names
        self._batch = batch
        self._is_diverse = is_diverse
        self._lock = RLock()
        self._file = dataset.folder / PENDING_FILE
        self._pending = _read(self._file)
        self._skipped: list[str] = []
        self._saved = 0

    @property
    def counts(self) -> Counts:
        """The progress of the labelling."""
        with self._lock:
            return Counts(len(self.waiting()), len(self._pending), self._saved)

    def waiting(self) -> list[HardExample]:
        """Return the waiting examples, the most uncertain first and skipped ones last."""
        with self._lock:
            found = self._examples.unlabelled()
            for label in self._pending:
                found.pop(label.name, None)
            skipped = [found.pop(name) for name in self._skipped if name in found]
            return [*found.values(), *skipped]

    def offered(self, count: int | None = None) -> list[HardExample]:
        """Return the waiting examples in the order in which to label them, skipped ones last.

        With ``count`` only so many are put in order, which takes less time.
        """
        with self._lock:
            waiting = self.waiting()
            if not self._is_diverse:
                return waiting
            found = self._examples.unlabelled()
            pending = [found[label.name] for label in self._pending if label.name in found]
            labelled = sorted([*self._examples.labelled(), *pending], key=lambda each: each.time)
            fresh = [each for each in waiting if each.image not in self._skipped]
            compared = self._examples.with_features(fresh[:COMPARED])
            ordered = offered(compared, self._examples.with_features(labelled[-COMPARED:]), count)
            return [*ordered, *waiting[len(ordered) :]]

    def label(self, name: str, label: str) -> None:
        """Label a picture; raises UnknownExampleError."""
        with self._lock:
            self._check(name)
            self._check_class(label)
            self._keep([*self._pending, _Label(name=name, label=label)])
            if len(self._pending) > self._batch:
                self._save(self._batch)

    def label_all(self, labels: Mapping[str, str]) -> int:
        """Label those pictures that wait, save all labels, and return the number of pictures.

        ``labels`` is by name. Raises UnknownExampleError, and saves none, if a label is not a
        class.
        """
        with self._lock:
            waiting = {example.image for example in self.waiting()}
            new = [_Label(name=name, label=labels[name]) for name in labels if name in waiting]
            for each in new:
                self._check_class(each.label)
            self._keep([*self._pending, *new])
            self.save()
            return len(new)

    def skip(self, name: str) -> None:
        """Put a picture last; raises UnknownExampleError."""
        with self._lock:
            self._check(name)
            self._skipped = [*(each for each in self._skipped if each != name), name]

    def undo(self) -> str | None:
        """Undo the latest pending label; return the picture's name, or None if there is none."""
        with self._lock:
            if not self._pending:
                return None
            name = self._pending[-1].name
            self._keep(self._pending[:-1])
            return name

    def save(self) -> int:
        """Add all pending labels to the dataset, and return their number."""
        with self._lock:
            return self._save(len(self._pending))

    def _check(self, name: str) -> None:
        if name not in {example.image for example in self.waiting()}:
            raise UnknownExampleError(f"{name} does not wait for a label (any more).")

    def _check_class(self, label: str) -> None:
        if label not in (*self._class_names, NONE):
            known = ", ".join(self._class_names)
            raise UnknownExampleError(f"{label} is not a class: choose one of {known}.")

    def _save(self, count: int) -> int:
        """Save the oldest labels; each step can be repeated after an interruption."""
        batch = self._pending[:count]
        if not batch:
            return 0
        shown = (
            LabelledPicture(self._examples.path(each.name), each.label)
            for each in batch
            if each.label != NONE
        )
        pictures = [picture for picture in shown if self._is_there(picture.path)]
        self._dataset.add(pictures)
        for each in batch:
            self._examples.finish(each.name, each.label)
        self._keep(self._pending[count:])
        self._saved += len(pictures)
        return len(pictures)

    def _is_there(self, picture: Path) -> bool:
        """Return whether a picture has been neither evicted nor labelled."""
        return picture.exists() or (self._dataset.folder / picture.name).exists()

    def _keep(self, pending: list[_Label]) -> None:
        write_atomically(self._file, _Labels(pending).model_dump_json().encode())
        self._pending = pending


def _read(file: Path) -> list[_Label]:
    try:
        return _Labels.model_validate_json(file.read_bytes()).root
    except (OSError, ValueError):
        return []
