"""Keeps hard examples for a person to label: each a picture with a JSON file next to it.

The folder never exceeds its quota and contains each picture once, identified by its content. A
picture is written before its JSON file and removed after it: one with a JSON file is complete, one
without is left over from an interrupted write or removal.
"""

import hashlib
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from backend.files import fit_name, remove_leftovers, write_atomically
from workers.data.answers import HardExample

__all__ = ["HardExampleStore"]

_DIGEST_DIGITS = 16
_LONGEST_NAME = 100  # bytes
_FULL_AFTER_EVICTION = 0.9
_STALE_SECONDS = 3600.0
_UNFIT = re.compile(r"[^\w.-]+")
_NAME = re.compile(rf".*-([0-9a-f]{{{_DIGEST_DIGITS}}})")


@dataclass(frozen=True)
class _Entry:
    """A hard example on disk."""

    sidecar: Path
    picture: Path
    example: HardExample
    size: int
    """Bytes of both files."""

    @property
    def worth(self) -> tuple[bool, float, float]:
        """Order of eviction: unlabelled before labelled, easy before hard, old before new.

        Certainties within a tenth of each other are equally easy.
        """
        tenth = round(self.example.certainty, 1)
        return self.example.true_label is not None, -tenth, self.example.time.timestamp()


class HardExampleStore:
    """A folder of hard examples; the process that adds to it is the only one that evicts."""

    def __init__(self, folder: Path, quota: int) -> None:
        """Use up to ``quota`` bytes of an existing folder; remove interrupted writes from it."""
        self._folder = folder
        self._quota = quota
        self._lock = Lock()
        _remove_rests(folder)
        entries = _entries(folder)
        self._digests = {_digest_in(entry.sidecar) for entry in entries}
        self.bytes = sum(entry.size for entry in entries)

    @property
    def count(self) -> int:
        """The number of hard examples."""
        return len(self._digests)

    def save(self, name: str, picture: bytes, example: HardExample) -> Path | None:
        """Keep a picture and return its path, or None if the folder already contains it.

        ``name`` is the picture's original file name, to which a digest of its content is added.
        What a person has written about a known picture is kept.
        """
        digest = hashlib.sha256(picture).hexdigest()[:_DIGEST_DIGITS]
        with self._lock:
            if digest in self._digests:
                return None
            fitting = Path(fit_name(name, unfit=_UNFIT, most_bytes=_LONGEST_NAME))
            return self._write(f"{fitting.stem}-{digest}", fitting.suffix, picture, example)

    def _write(self, stem: str, suffix: str, picture: bytes, example: HardExample) -> Path:
        copy, sidecar = self._folder / f"{stem}{suffix}", self._folder / f"{stem}.json"
        text = example.model_copy(update={"image": copy.name}).to_json()
        write_atomically(copy, picture)
        write_atomically(sidecar, text)
        self._digests.add(_digest_in(sidecar))
        self.bytes += len(picture) + len(text)
        if self.bytes > self._quota:
            self._evict()
        return copy

    def _evict(self) -> None:
        """Free space; others may have labelled or taken examples, so the folder is read again."""
        entries = sorted(_entries(self._folder), key=lambda entry: entry.worth, reverse=True)
        self.bytes = sum(entry.size for entry in entries)
        while entries and self.bytes > self._quota * _FULL_AFTER_EVICTION:
            worst = entries.pop()
            with suppress(OSError):  # it may be another user's
                worst.sidecar.unlink(missing_ok=True)
                worst.picture.unlink(missing_ok=True)
                self.bytes -= worst.size
        self._digests = {_digest_in(entry.sidecar) for entry in entries}


def _digest_in(sidecar: Path) -> str:
    match = _NAME.fullmatch(sidecar.stem)
    return match[1] if match else sidecar.stem


def _entries(folder: Path) -> list[_Entry]:
    found = (_entry(sidecar) for sidecar in folder.glob("[!.]*.json"))
    return [entry for entry in found if entry]


def _entry(sidecar: Path) -> _Entry | None:
    try:
        example = HardExample.model_validate_json(sidecar.read_bytes())
        picture = sidecar.with_name(example.image)
        return _Entry(sidecar, picture, example, _size(sidecar) + _size(picture))
    except (OSError, ValueError):
        return None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _remove_rests(folder: Path) -> None:
    remove_leftovers(folder)
    sidecars = {path.stem for path in folder.glob("*.json")}
    for path in folder.iterdir():
        is_alone = _NAME.fullmatch(path.stem) is not None and path.stem not in sidecars
        with suppress(OSError):
            if is_alone and path.is_file() and _age(path) > _STALE_SECONDS:
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
