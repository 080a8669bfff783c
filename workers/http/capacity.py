"""Bounds what is taken in at a time: more is refused at once instead of piling up."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.http.refusals import OverloadedError, TooLargeError

__all__ = ["Capacity"]


class Capacity:
    """So many of one thing at a time; for one event loop, not for several threads."""

    def __init__(self, limit: int, unit: str) -> None:
        """Allow ``limit`` at a time; ``unit`` names them in errors."""
        self._limit = limit
        self._unit = unit
        self.used = 0

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Hold ``amount`` for the block.

        Raises TooLargeError if that can never be, OverloadedError if it cannot be now.
        """
        if amount > self._limit:
            raise TooLargeError(
                f"The request has {amount} {self._unit}: send at most {self._limit} at a time."
            )
        if self.used + amount > self._limit:
            raise OverloadedError(
                f"{self.used} of {self._limit} {self._unit} are being worked on: try again later."
            )
        self.used += amount
        try:
            yield
        finally:
            self.used -= amount
