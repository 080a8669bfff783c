"""Limits the work accepted at a time: more is refused immediately instead of piling up."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.http.refusals import OverloadedError, TooLargeError

__all__ = ["Capacity"]


class Capacity:
    """A number of units that may be in use at a time, within one event loop."""

    def __init__(self, limit: int, unit: str) -> None:
        """Allow ``limit`` units at a time; ``unit`` is their name in error messages."""
        self._limit = limit
        self._unit = unit
        self.used = 0

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Use ``amount`` units during the block.

        Raises TooLargeError if there are never as many, OverloadedError if too few are free now.
        """
        if amount > self._limit:
            raise TooLargeError(
                f"The request has {amount} {self._unit}: send at most {self._limit} at a time."
            )
        if self.used + amount > self._limit:
            raise OverloadedError(
                f"{self.used} of {self._limit} {self._unit} are in use: try again later."
            )
        self.used += amount
        try:
            yield
        finally:
            self.used -= amount
