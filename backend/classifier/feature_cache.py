"""Features of images, kept on disk from one round to the next.

One SQLite file, which several processes may use at a time. A cache never fails a training: what
cannot be read is computed again, what cannot be written is left out, and both are logged.
"""

import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.errors import SettingsError

__all__ = ["CACHE_FILE", "FeatureCache"]

CACHE_FILE = "features.sqlite"

Features = NDArray[np.float32]

_MIB = 2**20
_ROW_BYTES = 9 * 1024
"""What 1280 features take in the file at most: an own overflow page, and a leaf page that the
rows beside it have left. About 5.5 KiB in a file without such gaps."""

_PATIENCE_SECONDS = 30.0
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS features (
        key BLOB PRIMARY KEY, used REAL NOT NULL, checksum INTEGER NOT NULL, content BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS features_by_use ON features (used);
"""

_log = logging.getLogger(__name__)


class FeatureCache:
    """Vectors of float32 under keys; the longest unused make way for new ones."""

    def __init__(self, folder: Path, size: int) -> None:
        """Keep up to ``size`` MiB, at least 110 images each, in ``folder``, which is made.

        Raises SettingsError for a size below 1.
        """
        if size < 1:
            raise SettingsError(f"cache_size={size}: give it at least 1 MiB.")
        self._file = folder / CACHE_FILE
        self._most_rows = size * _MIB // _ROW_BYTES

    def read(self, keys: Iterable[bytes]) -> dict[bytes, Features]:
        """Return what is kept, intact, under these keys."""
        found: dict[bytes, Features] = {}

        def look_up(connection: sqlite3.Connection) -> None:
            found.update(_intact(connection, keys))
            _mark_used(connection, found)

        self._transact(look_up)
        return found

    def write(self, features: Mapping[bytes, Features]) -> None:
        """Keep these vectors, all or none of them."""
        newest = list(features.items())[-self._most_rows :]

        def replace(connection: sqlite3.Connection) -> None:
            _delete(connection, [key for key, _ in newest])
            _make_room(connection, self._most_rows - len(newest))
            _insert(connection, newest)

        self._transact(replace)

    def _transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do all or nothing of ``work``; log what goes wrong, and go on without."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=_PATIENCE_SECONDS)) as connection:
                connection.executescript(_SCHEMA)
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    work(connection)
        except (sqlite3.OperationalError, OSError) as error:
            _log.warning("%s: is not used now (%s)", self._file, error)
        except sqlite3.DatabaseError as error:
            _log.warning("%s: is damaged (%s) and starts anew", self._file, error)
            # Another user's file stays, and is passed over again.
            with suppress(OSError):
                self._remove()

    def _remove(self) -> None:
        for path in (self._file, self._file.with_name(f"{CACHE_FILE}-journal")):
            path.unlink(missing_ok=True)


def _intact(
    connection: sqlite3.Connection, keys: Iterable[bytes]
) -> Iterator[tuple[bytes, Features]]:
    for key in keys:
        query = "SELECT checksum, content FROM features WHERE key = ?"
        checksum, content = connection.execute(query, [key]).fetchone() or (None, b"")
        if zlib.crc32(content) == checksum:
            yield key, np.frombuffer(content, np.float32)


def _mark_used(connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    now = time.time()
    connection.executemany(
        "UPDATE features SET used = ? WHERE key = ?", [(now, key) for key in keys]
    )


def _delete(connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    connection.executemany("DELETE FROM features WHERE key = ?", [[key] for key in keys])


def _make_room(connection: sqlite3.Connection, most_rows: int) -> None:
    """Delete the longest unused, until ``most_rows`` are left."""
    (count,) = connection.execute("SELECT count(*) FROM features").fetchone()
    oldest = connection.execute(
        "SELECT key FROM features ORDER BY used LIMIT ?", [max(0, count - most_rows)]
    )
    _delete(connection, [key for (key,) in oldest])


def _insert(connection: sqlite3.Connection, features: Iterable[tuple[bytes, Features]]) -> None:
    now = time.time()
    contents = ((key, value.tobytes()) for key, value in features)
    connection.executemany(
        "INSERT INTO features VALUES (?, ?, ?, ?)",
        [(key, now, zlib.crc32(content), content) for key, content in contents],
    )
