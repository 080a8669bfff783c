"""Where a URL's file or folder is on this machine."""

import os
from pathlib import Path

from backend.errors import SettingsError

__all__ = ["local_path", "make_folder"]


def local_path(url: str) -> Path:
    """Return the path of a local URL: a plain path.

    Raises SettingsError for ``s3://``, ``http(s)://`` and every other scheme.
    """
    scheme, separator, _ = url.partition("://")
    if separator:
        raise SettingsError(
            f"{url}: {scheme}:// is not supported by this version: use a path on the node."
        )
    return Path(url)


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
