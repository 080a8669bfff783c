"""The dataset to which labelled pictures are added."""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

from backend.files import telling_why, write_atomically

__all__ = ["FOLDER", "LabelledFolder", "LabelledPicture"]

FOLDER = "hard-examples"
"""Below the index file's folder."""

_LOCK_FILE = ".index.lock"


class LabelledPicture(NamedTuple):
    """A picture, with its final name, and its label."""

    path: Path
    label: str


class LabelledFolder:
    """An index file and its folder."""

    def __init__(self, index: Path) -> None:
        """Use ``index``, which need not exist yet."""
        self._index = index
        self.folder = index.parent / FOLDER

    def add(self, pictures: Sequence[LabelledPicture]) -> None:
        """Copy pictures into the folder and append all their lines to the index in one write.

        The LocalController trains on the first lines of an increment and evaluates on the last.
        Pictures are labelled in the order of what they teach, so the lines come in another one,
        that of their digests. Steps that an interrupted call has completed are not repeated.
        """
        for picture in pictures:
            copy = self.folder / picture.path.name
            if not copy.exists():
                write_atomically(copy, picture.path.read_bytes())
        lines = [f"{FOLDER}/{picture.path.name} {picture.label}".encode() for picture in pictures]
        with self._locked():
            self._append(sorted(lines, key=lambda line: sha256(line).digest()))

    def _append(self, lines: Sequence[bytes]) -> None:
        """Append the missing lines in one write, which other writers' cannot split.

        The file is changed in place: it keeps its mode and links, and open handles stay valid.
        """
        with telling_why(self._index), self._index.open("a+b", buffering=0) as file:
            file.seek(0)
            present = file.read()
            known = set(present.splitlines())
            new = b"".join(line + b"\n" for line in lines if line not in known)
            if not new:
                return
            if present and not present.endswith(b"\n"):
                new = b"\n" + new
            try:
                _write_whole(file, new)
            except OSError:
                file.truncate(len(present))
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._index.parent / _LOCK_FILE).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _write_whole(file: RawIOBase, data: bytes) -> None:
    if (file.write(data) or 0) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())
