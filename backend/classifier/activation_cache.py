"""Activations for images, kept in one file from one round to the next.

The file belongs to one frozen part of a network, which rounds leave as it is. A cache never fails
a training: what cannot be read is computed again, what cannot be written is left out, and both
are logged.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.errors import SettingsError
from backend.models.npz import read_npz, write_npz

__all__ = ["CACHE_FILE", "ActivationCache"]

CACHE_FILE = "activations.npz"

Activations = Mapping[bytes, NDArray[np.float16]]
"""Arrays of one shape under keys of 32 bytes."""

_MIB = 2**20

_log = logging.getLogger(__name__)


class ActivationCache:
    """Arrays of float16 under keys; those that were written longest ago make way for new ones."""

    def __init__(self, folder: Path, size: int, context: str) -> None:
        """Keep up to ``size`` MiB in ``folder``, which is made.

        Args:
            folder: The cache's; nothing else may have a file called `CACHE_FILE` there.
            size: At least 1.
            context: Says which frozen part they are of; a file of another one is replaced.

        Raises:
            SettingsError: If the size is below 1.
        """
        if size < 1:
            raise SettingsError(f"cache_size={size}: give it at least 1 MiB.")
        self._file = folder / CACHE_FILE
        self._bytes = size * _MIB
        self._context = context

    def read(self) -> dict[bytes, NDArray[np.float16]]:
        """Return what is kept."""
        if not self._file.exists():
            return {}
        try:
            arrays = read_npz(self._file)
            if str(arrays["context"]) != self._context:
                return {}
            return dict(zip(map(bytes, arrays["keys"]), arrays["values"], strict=True))
        except (LookupError, OSError, TypeError, ValueError) as error:
            _log.warning("%s: cannot be read (%s): it is computed again", self._file, error)
            return {}

    def write(self, activations: Activations) -> None:
        """Keep these arrays, the last of them if there are too many, instead of those before."""
        room = self._bytes // max((each.nbytes for each in activations.values()), default=1)
        newest = list(activations.items())[max(0, len(activations) - room) :]
        if not newest:
            return
        keys = np.frombuffer(b"".join(key for key, _ in newest), np.uint8).reshape(len(newest), -1)
        values = np.stack([value for _, value in newest])
        try:
            write_npz(
                self._file,
                {"context": np.asarray(self._context), "keys": keys, "values": values},
            )
        except OSError as error:
            _log.warning("%s: the activations are not kept (%s)", self._file, error)
