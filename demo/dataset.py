"""The job's dataset: pictures in a folder, and the index file that Sedna watches."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from backend.files import write_atomically

__all__ = ["append_samples"]

_PICTURES = "pictures"


def append_samples(index: Path, pictures: Iterable[tuple[Path, str]]) -> None:
    """Copy labelled pictures next to ``index`` and append their lines, all at once.

    Sedna's LocalController divides each increment into a training and an evaluation share.
    """
    folder = index.parent / _PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for picture, label in pictures:
        shutil.copyfile(picture, folder / picture.name)
        lines.append(f"{_PICTURES}/{picture.name} {label}\n")
    present = index.read_bytes() if index.exists() else b""
    write_atomically(index, present + "".join(lines).encode())
