"""Files of named arrays, ``.npz``, without pickle."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.files import write_atomically

__all__ = ["Arrays", "read_npz", "write_npz"]

Arrays = Mapping[str, NDArray[Any]]
"""Name to value."""

_DAMAGED = (
    EOFError,
    RuntimeError,
    TypeError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise for damaged files, besides OSError and ValueError."""


def read_npz(path: Path) -> Arrays:
    """Return the arrays of a file.

    Raises ValueError or OSError for a file that is missing, damaged or of another kind.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except _DAMAGED as error:
        raise ValueError(str(error)) from error


def write_npz(path: Path, arrays: Arrays) -> None:
    """Write arrays to a file atomically.

    Raises WriteError as `write_atomically` does.
    """
    # In memory first: on a full disk NumPy's file would fail a second time, when it is dropped.
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(path, content.getvalue())
