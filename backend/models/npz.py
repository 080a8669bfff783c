"""Files of named arrays, ``.npz``, without pickle."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from backend.files import write_atomically

__all__ = ["Arrays", "read_npz", "read_npz_content", "write_npz"]

Arrays = Mapping[str, NDArray[Any]]
"""Name to value."""

_MOST_EXPANSION = 20
"""Trained weights hardly shrink when they are compressed."""

_DAMAGED = (
    EOFError,
    MemoryError,
    RuntimeError,
    TypeError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise for damaged files, besides OSError and ValueError."""


def read_npz(path: Path) -> Arrays:
    """Return the arrays of a file.

    Raises ValueError or OSError for a file that is missing, damaged or of another kind, or that
    is much larger after decompression.
    """
    with path.open("rb") as file:
        return _read(file)


def read_npz_content(content: bytes) -> Arrays:
    """Return the arrays of a file's content; raises as `read_npz` does."""
    return _read(io.BytesIO(content))


def _read(file: BinaryIO) -> Arrays:
    try:
        with zipfile.ZipFile(file) as archive:
            expanded = sum(member.file_size for member in archive.infolist())
        size = file.seek(0, io.SEEK_END)
        if expanded > _MOST_EXPANSION * size:
            raise ValueError(f"{size} bytes that become {expanded}, which weights do not")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except _DAMAGED as error:
        raise ValueError(str(error) or type(error).__name__) from error


def write_npz(path: Path, arrays: Arrays) -> None:
    """Write arrays to a file atomically.

    Raises WriteError as `write_atomically` does.
    """
    # In memory first: on a full disk NumPy's file would fail a second time, when it is dropped.
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(path, content.getvalue())
