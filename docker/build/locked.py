"""Prints a lock file without the packages that an image leaves out.

``python locked.py LOCK PACKAGE...``. What stays keeps its version and hashes.
"""

import re
import sys
from collections.abc import Collection
from pathlib import Path

__all__ = ["without"]

_ENTRY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==.*\n(?:[ \t].*\n?)*", re.MULTILINE)


def without(lock: str, packages: Collection[str]) -> str:
    """Return the text ``lock`` without the entries of ``packages``.

    Raises ValueError for a package that it does not hold: the list of what to leave out is old.
    """
    names = {entry["name"] for entry in _ENTRY.finditer(lock)}
    if unknown := sorted(set(packages) - names):
        raise ValueError(f"{', '.join(unknown)}: not in the lock file, so not to be left out of it")
    return _ENTRY.sub(lambda entry: "" if entry["name"] in packages else entry[0], lock)


if __name__ == "__main__":
    sys.stdout.write(without(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2:]))
