"""The folder of images to be answered, each exactly once."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from stat import S_ISREG
from typing import Self

from pydantic import ValidationError

from backend.files import fit_name, remove_leftovers, write_atomically
from workers.data.answers import Answer, Rejection
from workers.storage import make_folder

__all__ = ["DONE_FOLDER", "REJECTED_FOLDER", "Inbox", "WaitingImage"]

DONE_FOLDER = "done"
REJECTED_FOLDER = "rejected"

_LOCK_FILE = ".lock"
_DIGEST_DIGITS = 8


@dataclass(frozen=True)
class WaitingImage:
    """A file in the inbox, as it was when it was seen."""

    path: Path
    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""

    @classmethod
    def look(cls, path: Path) -> Self | None:
        """Return the file as it is now, or None if it is gone or is not a regular file."""
        try:
            status = path.stat()
        except OSError:
            return None
        return cls(path, status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else None

    @property
    def name(self) -> str:
        """The file's name; if it is too long, a shorter unique one."""
        name = self.path.name
        fitting = fit_name(name)
        return fitting if fitting == name else f"{_digest(name)}-{fitting}"


class Inbox:
    """An answer is written before its image leaves the inbox.

    A worker that is killed in between finds the answer when it starts again, and only moves the
    image.
    """

    def __init__(self, folder: Path) -> None:
        """Create the folder and its subfolders; raises SettingsError if that fails."""
        self.folder = folder
        self._done, self._rejected = folder / DONE_FOLDER, folder / REJECTED_FOLDER
        for each in (folder, self._done, self._rejected):
            make_folder(each, "infer_url")
            remove_leftovers(each)
        self._left: set[WaitingImage] = set()

    def waiting(self) -> list[WaitingImage]:
        """Return the files that wait, the oldest first."""
        paths = (path for path in self.folder.iterdir() if not path.name.startswith("."))
        present = {image for path in paths if (image := WaitingImage.look(path))}
        self._left &= present
        return sorted(present - self._left, key=lambda image: (image.modified, image.name))

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Return whether this worker may answer now: an old pod can still run next to a new one."""
        # Read access is enough to lock it: a worker of another user may have created it.
        descriptor = os.open(self.folder / _LOCK_FILE, os.O_RDONLY | os.O_CREAT, 0o644)
        with os.fdopen(descriptor) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def is_answered(self, image: WaitingImage) -> bool:
        """Return whether this very file has already been answered."""
        try:
            answer = Answer.model_validate_json(_sidecar(self._done, image.name).read_bytes())
        except (OSError, ValidationError):
            return False
        return (answer.size, answer.modified) == (image.size, image.modified)

    def answer(self, image: WaitingImage, answer: Answer) -> None:
        """Write the answer and move the image to it."""
        write_atomically(_sidecar(self._done, image.name), answer.to_json())
        self.finish(image)

    def finish(self, image: WaitingImage) -> None:
        """Move an answered image out of the way."""
        image.path.replace(self._done / image.name)

    def reject(self, image: WaitingImage, reason: str) -> None:
        """Write why the image is not answered, and move the image there."""
        names = chain([image.name], (f"{number}-{image.name}" for number in count(1)))
        name = next(name for name in names if not self._is_taken(name))
        rejection = Rejection(image=image.name, time=datetime.now(UTC), reason=reason)
        write_atomically(_sidecar(self._rejected, name), rejection.to_json())
        image.path.replace(self._rejected / name)

    def leave(self, image: WaitingImage) -> None:
        """Leave a file that cannot be moved where it is until it changes."""
        self._left.add(image)

    def _is_taken(self, name: str) -> bool:
        """Say whether a folder is in the way."""
        return (self._rejected / name).is_dir() or _sidecar(self._rejected, name).is_dir()


def _sidecar(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGEST_DIGITS]
