"""What bounds a download: a server that never stops sending fills the disk or never ends."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.errors import SettingsError, TemporaryError
from workers.urls import redacted

__all__ = ["DownloadLimits"]

_MEBIBYTE = 1024**2


@dataclass(frozen=True)
class DownloadLimits:
    """How large a downloaded file may be, and how long it may take."""

    mebibytes: int
    """MiB of one file, after decompression."""
    seconds: float
    """For one file."""

    def bounded(self, url: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a file's content as it arrives.

        Raises SettingsError if the file is too large, TemporaryError if it takes too long.
        """
        deadline = time.monotonic() + self.seconds
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self.mebibytes * _MEBIBYTE:
                raise SettingsError(
                    f"{redacted(url)}: is larger than download_limit_mib={self.mebibytes}: check"
                    " the URL, or raise the limit."
                )
            if time.monotonic() > deadline:
                raise TemporaryError(
                    f"{redacted(url)}: not complete after download_seconds={self.seconds:g}."
                )
            yield chunk
