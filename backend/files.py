"""Files that another process reads: written atomically, under names that fit."""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.errors import WriteError

__all__ = [
    "fit_name",
    "is_disk_full",
    "remove_leftovers",
    "replaced_atomically",
    "telling_why",
    "write_atomically",
]

_MARK = "-partial-"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {*_FULL, errno.EFBIG, errno.EROFS}
_UNTELLABLE = re.compile(r"[\x00-\x1f\x7f-\x9f/\u2028\u2029\ud800-\udfff]+")
_MOST_NAME_BYTES = 240
_MOST_SUFFIX_BYTES = 16


def fit_name(
    name: str, *, unfit: re.Pattern[str] = _UNTELLABLE, most_bytes: int = _MOST_NAME_BYTES
) -> str:
    """Return a file name that every file system, log and JSON file can hold.

    Args:
        name: The name as it came; it may hold anything, such as bytes that are not UTF-8.
        unfit: What becomes an underscore; by default control characters and what is not text.
        most_bytes: What the result has at most, its suffix, of up to 16 bytes, included. By
            default there is room for another suffix.
    """
    path = Path(unfit.sub("_", name))
    suffix = _cut(path.suffix, _MOST_SUFFIX_BYTES)
    stem = path.stem.lstrip(".") or "_"
    return _cut(stem, most_bytes - len(suffix.encode())) + suffix


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path`` that replaces it when the block succeeds.

    The temporary file has the suffix of ``path``. It is flushed to disk before it is renamed,
    its folder afterwards, and it is removed when the block raises, so that a reader sees the old
    content or the new, and after a power cut too. It is locked meanwhile: what a killed process
    left behind can be recognised by that, see `remove_leftovers`.

    Raises:
        WriteError: there is no space, or writing there is not allowed.
    """
    with telling_why(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        short = Path(fit_name(path.name, most_bytes=_MOST_NAME_BYTES // 2))
        descriptor, name = tempfile.mkstemp(
            prefix=f".{short.stem}{_MARK}", suffix=short.suffix, dir=path.parent
        )
        temporary = Path(name)
        try:
            _lock(descriptor)
            yield temporary
            _flush(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
            # Some network file systems cannot: the new file is there anyway.
            with suppress(OSError):
                _flush(path.parent)
        finally:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically; missing folders are made.

    Raises:
        WriteError: there is no space, or writing there is not allowed.
    """
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(data)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed had half written in ``folder``, if it is there."""
    for path in folder.glob(f".*{_MARK}*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, or one that it came from, says that there is no space."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    origin = error.__cause__ or error.__context__
    return origin is not None and is_disk_full(origin)


@contextmanager
def telling_why(path: Path) -> Iterator[None]:
    """Raise WriteError for a full or read-only disk, on which ``path`` cannot be written."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        if error.errno not in _UNWRITABLE and not _is_forbidden(path, error):
            raise
        raise WriteError(
            f"{path}: cannot be written ({error.strerror}): free disk space, or make the folder"
            " writable; what was there is unchanged."
        ) from error


def _is_forbidden(path: Path, error: OSError) -> bool:
    """Return whether it is there that writing, not somewhere else that reading is forbidden."""
    if not isinstance(error, PermissionError) or not isinstance(error.filename, str):
        return False
    return Path(error.filename).parent in path.parents


def _lock(descriptor: int) -> None:
    # A file system without locks keeps what is left over.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
