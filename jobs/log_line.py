"""A line of a worker's log."""

import re

__all__ = ["message_of"]

_PREFIX = re.compile(r"^\d{4}-\d\d-\d\dT\S+ [A-Z]+ ")


def message_of(line: str) -> str:
    """Return the line's message, without its time and level if it has them."""
    return _PREFIX.sub("", line.strip())
