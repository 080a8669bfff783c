"""A head's classes against those that are asked for: some stay, some come, some go."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import Engine

__all__ = ["SelectedClasses", "adapted_rows", "rows_of"]

_MISSING = -1


def rows_of(
    class_names: Sequence[str], known_names: Sequence[str], renamed: Mapping[str, str]
) -> NDArray[np.int64]:
    """Return (C,), the row of a head of ``known_names`` that stands for each of ``class_names``.

    -1 for a class that the head does not know; ``renamed`` maps old names to new ones.
    """
    rows = {renamed.get(name, name): row for row, name in enumerate(known_names)}
    return np.array([rows.get(name, _MISSING) for name in class_names], dtype=np.int64)


def adapted_rows(
    known: NDArray[np.float32], initial: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return ``initial`` (C, ...) with the rows of ``known`` (K, ...) for the known classes.

    A head of another width is not used at all.
    """
    adapted = initial.copy()
    is_known = rows != _MISSING
    if known.shape[1:] == initial.shape[1:]:
        adapted[is_known] = known[rows[is_known]]
    return adapted


class SelectedClasses:
    """An engine whose outputs are another's, class by class; one that it lacks is impossible."""

    def __init__(self, engine: Engine, rows: NDArray[np.int64]) -> None:
        """Wrap ``engine``; ``rows`` (C,) are its outputs for each class, see `rows_of`."""
        self._engine = engine
        self._rows = rows

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (N, C); minus infinity for classes that the engine does not know."""
        logits = self._engine.run(inputs)[:, self._rows]
        logits[:, self._rows == _MISSING] = -np.inf
        return logits
