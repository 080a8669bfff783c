"""Folders that a worker writes to."""

import os
from pathlib import Path

from backend.errors import SettingsError

__all__ = ["make_folder"]


def make_folder(folder: Path, variable: str) -> None:
    """Make a folder that is to be written to, if it is missing.

    Raises SettingsError, which names the variable, if that cannot be or it is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{variable}={folder}: the folder cannot be made ({error.strerror}):"
            f" make its parent writable for user {os.getuid()}."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{variable}={folder}: the folder is not writable: give it to user {os.getuid()}."
        )
