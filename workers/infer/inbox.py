"""The folder of images to answer, each exactly once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from backend.files import remove_leftovers, write_atomically
from workers.data.answers import Answer, Rejection
from workers.storage import make_folder

__all__ = ["DONE_FOLDER", "REJECTED_FOLDER", "Inbox", "WaitingImage"]

DONE_FOLDER = "done"
REJECTED_FOLDER = "rejected"

_LOCK_FILE = ".lock"


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
        """Return the file as it is now, or None if it is gone."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        return cls(path, status.st_size, status.st_mtime_ns)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


class Inbox:
    """An answer is written before its image leaves the inbox.

    A worker that is killed in between finds the answer when it starts again, and only moves the
    image.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder and its subfolders; raises SettingsError if that cannot be."""
        self.folder = folder
        self._done, self._rejected = folder / DONE_FOLDER, folder / REJECTED_FOLDER
        for each in (folder, self._done, self._rejected):
            make_folder(each, "infer_url")
            remove_leftovers(each)
        (folder / _LOCK_FILE).touch()

    def waiting(self) -> list[WaitingImage]:
        """Return the files that wait, the oldest first."""
        paths = (path for path in self.folder.iterdir() if not path.name.startswith("."))
        images = (WaitingImage.look(path) for path in paths if path.is_file())
        return sorted(
            (image for image in images if image), key=lambda image: (image.modified, image.name)
        )

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Say whether this worker may answer now: an old pod can run on beside a new one."""
        with (self.folder / _LOCK_FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def is_answered(self, image: WaitingImage) -> bool:
        """Return whether this very file has its answer already."""
        try:
            answer = Answer.model_validate_json(_sidecar(self._done, image).read_bytes())
        except (FileNotFoundError, ValidationError):
            return False
        return (answer.size, answer.modified) == (image.size, image.modified)

    def answer(self, image: WaitingImage, answer: Answer) -> None:
        """Write the answer and move the image to it."""
        write_atomically(_sidecar(self._done, image), answer.to_json())
        self.finish(image)

    def finish(self, image: WaitingImage) -> None:
        """Move an answered image out of the way."""
        image.path.replace(self._done / image.name)

    def reject(self, image: WaitingImage, reason: str) -> None:
        """Write why the image is not answered, and move it to that."""
        rejection = Rejection(image=image.name, time=datetime.now(UTC), reason=reason)
        write_atomically(_sidecar(self._rejected, image), rejection.to_json())
        image.path.replace(self._rejected / image.name)


def _sidecar(folder: Path, image: WaitingImage) -> Path:
    return folder / f"{image.name}.json"
