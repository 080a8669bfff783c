"""The folders of a job's rounds, which are numbered.

A larger number than the present round's was left by a LocalController that has restarted since
and counts from 1 again; it is ignored.
"""

from pathlib import Path

__all__ = ["earlier_rounds"]


def earlier_rounds(folder: Path) -> list[Path]:
    """Return the folders of the rounds before that of ``folder``, the oldest first.

    A folder whose name is no number has none before it.
    """
    if not folder.name.isdecimal():
        return []
    rounds = (path for path in folder.parent.glob("*") if path.name.isdecimal())
    earlier = (path for path in rounds if int(path.name) < int(folder.name))
    return sorted(earlier, key=lambda path: int(path.name))
