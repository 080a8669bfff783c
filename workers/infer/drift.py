"""Does the model still see what it was evaluated on? Compares distributions of its confidence.

The population stability index of shares e (expected) and a (actual) over the same bins is
sum((a - e) * ln(a / e)): below 0.1 little has changed, above 0.25 much (N. Siddiqi, Credit
Risk Scorecards, 2006).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.classifier.metrics import CONFIDENCE_BINS, confidence_counts

__all__ = ["ConfidenceDrift", "population_stability_index"]

Counts = NDArray[np.int64]

_PSEUDO_COUNT = 0.5
_FEWEST_EVALUATED = 100  # by chance alone, fewer give an index above 0.1


def population_stability_index(expected: Counts, actual: Counts) -> float:
    """Return the index of two histograms (B,) over the same bins, from 0.

    Half a count is added to each bin, so that an empty bin gives a finite index.
    """
    e, a = _shares(expected), _shares(actual)
    return float(((a - e) * np.log(a / e)).sum())


class ConfidenceDrift:
    """Compares a model's latest confidences with its evaluation's, or else with its first ones."""

    def __init__(self, class_count: int, evaluated: Sequence[int] = (), *, size: int = 500) -> None:
        """Start with an empty window.

        Args:
            class_count: C; a confidence is the highest of C probabilities, 1/C to 1.
            evaluated: `backend.classifier.metrics.confidence_counts` of the model's
                evaluation; of fewer than 100 images, the model's first answers are the
                reference instead.
            size: Answers in the window, and in the reference if they are the first ones.
        """
        self._class_count = class_count
        self._size = size
        self.is_of_evaluation = (
            len(evaluated) == CONFIDENCE_BINS and sum(evaluated) >= _FEWEST_EVALUATED
        )
        """Whether the reference is the evaluation."""
        self._reference = np.array(evaluated if self.is_of_evaluation else [0] * CONFIDENCE_BINS)
        self._missing = 0 if self.is_of_evaluation else size
        self._latest = np.empty(0)

    def add(self, confidences: NDArray[np.float64]) -> None:
        """Add confidences (N,)."""
        first, rest = confidences[: self._missing], confidences[self._missing :]
        if len(first):
            self._missing -= len(first)
            self._reference = self._reference + self._count(first)
        self._latest = np.append(self._latest, rest)[-self._size :]

    @property
    def index(self) -> float | None:
        """The population stability index, or None until the window is full."""
        if len(self._latest) < self._size:
            return None
        return population_stability_index(self._reference, self._count(self._latest))

    def _count(self, confidences: NDArray[np.float64]) -> Counts:
        return confidence_counts(confidences, self._class_count)


def _shares(counts: Counts) -> NDArray[np.float64]:
    smoothed = counts + _PSEUDO_COUNT
    shares: NDArray[np.float64] = smoothed / smoothed.sum()
    return shares
