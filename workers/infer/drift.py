"""Does the model still see what it saw at first? Compares distributions of its confidence.

The population stability index of shares e (expected) and a (actual) over the same bins is
sum((a - e) * ln(a / e)): below 0.1 little has changed, above 0.25 much (N. Siddiqi, Credit
Risk Scorecards, 2006).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConfidenceDrift", "population_stability_index"]

Counts = NDArray[np.int64]

_BINS = 10
_PSEUDO_COUNT = 0.5


def population_stability_index(expected: Counts, actual: Counts) -> float:
    """Return the index of two histograms (B,) over the same bins, from 0.

    Half a count is added to each bin, so that an empty one gives a finite figure.
    """
    e, a = _shares(expected), _shares(actual)
    return float(((a - e) * np.log(a / e)).sum())


class ConfidenceDrift:
    """Holds a model's latest confidences against its first ones."""

    def __init__(self, class_count: int, *, size: int = 500) -> None:
        """Have seen nothing yet.

        Args:
            class_count: C; a confidence is the highest of C probabilities, 1/C to 1.
            size: Answers in the reference and in the window that is held against it.
        """
        self._edges = np.linspace(1 / class_count, 1, _BINS + 1)[1:-1]
        self._size = size
        self._reference = np.empty(0)
        self._latest = np.empty(0)

    def add(self, confidences: NDArray[np.float64]) -> None:
        """Take in confidences (N,): the model's first ones become the reference."""
        missing = self._size - len(self._reference)
        if missing:
            self._reference = np.append(self._reference, confidences[:missing])
        self._latest = np.append(self._latest, confidences[missing:])[-self._size :]

    @property
    def index(self) -> float | None:
        """The population stability index, or None until there is a full window after the first."""
        if len(self._latest) < self._size:
            return None
        return population_stability_index(self._count(self._reference), self._count(self._latest))

    def _count(self, confidences: NDArray[np.float64]) -> Counts:
        return np.bincount(np.digitize(confidences, self._edges), minlength=_BINS)


def _shares(counts: Counts) -> NDArray[np.float64]:
    smoothed = counts + _PSEUDO_COUNT
    shares: NDArray[np.float64] = smoothed / smoothed.sum()
    return shares
