"""What every kind of storage can do."""

from pathlib import Path
from typing import Protocol

from backend.errors import SettingsError

__all__ = ["NotFoundError", "Storage"]


class NotFoundError(SettingsError):
    """There is no file under the URL."""


class Storage(Protocol):
    """Files under URLs of one kind.

    Every method raises SettingsError, which names the URL and never a credential, for what
    has to be put right, NotFoundError for a missing file, and TemporaryError for what may pass.
    """

    def download(self, url: str, target: Path) -> int:
        """Write the file to ``target`` atomically; return its size in bytes."""

    def upload(self, source: Path, url: str) -> None:
        """Write a local file to ``url`` atomically."""

    def list(self, folder: str) -> list[str]:
        """Return the URLs of all files below a folder; none if it does not exist."""
