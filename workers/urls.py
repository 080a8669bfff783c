"""URLs of models, data and output."""

import re
from pathlib import Path

from backend.errors import SettingsError

__all__ = ["is_remote", "local_path", "redacted"]

_REMOTE = re.compile(r"(s3|https?)://", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/@;\s]*@")
_QUERY = re.compile(r"(://[^?;\s]*\?)[^;\s]+")


def is_remote(url: str) -> bool:
    """Return whether the URL is ``s3://``, ``http://`` or ``https://``."""
    return _REMOTE.match(url) is not None


def local_path(url: str) -> Path:
    """Return the path of a local URL: a plain path.

    Raises SettingsError for every scheme.
    """
    scheme, separator, _ = url.partition("://")
    if separator:
        raise SettingsError(
            f"{redacted(url)}: {scheme}:// is not supported here: use a path on the node."
        )
    return Path(url)


def redacted(text: str) -> str:
    """Return ``text`` without what may be secret in its URLs: user, password and query."""
    return _QUERY.sub(r"\1...", _LOGIN.sub("", text))
