"""A head's classes against those that are asked for: some stay, some come, some go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import Engine

__all__ = ["HeadRows", "SelectedClasses"]

_MISSING = -1


@dataclass(frozen=True, eq=False)
class HeadRows:
    """Which row of a loaded head stands for each class that is asked for."""

    rows: NDArray[np.int64]
    """(C,), -1 for a class that the head does not know."""
    count: int
    """How many rows the head has."""

    @classmethod
    def of(
        cls, class_names: Sequence[str], known: Sequence[str], renamed: Mapping[str, str]
    ) -> Self:
        """Find ``class_names`` among the head's; ``renamed`` maps old names to new ones."""
        places = {renamed.get(name, name): row for row, name in enumerate(known)}
        rows = [places.get(name, _MISSING) for name in class_names]
        return cls(np.array(rows, dtype=np.int64), len(known))

    @classmethod
    def own(cls, count: int) -> Self:
        """Return the rows of a head that has just the classes asked for, in their order."""
        return cls(np.arange(count), count)

    @property
    def is_own(self) -> bool:
        """Whether the head has just the classes asked for, in their order."""
        return np.array_equal(self.rows, np.arange(self.count))

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """(C,), whether the head knows each class."""
        known: NDArray[np.bool_] = self.rows != _MISSING
        return known

    @property
    def adapted(self) -> "HeadRows":
        """The rows of a head that `adapt` has made; what it does not know is untrained."""
        places = np.arange(len(self.rows))
        return HeadRows(np.where(self.is_known, places, _MISSING), len(places))

    def adapt(
        self, known: NDArray[np.float32], initial: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return ``initial`` (C, ...) with the head's rows (K, ...) for the classes it knows.

        A head of another width is not used at all.
        """
        adapted = initial.copy()
        if known.shape[1:] == initial.shape[1:]:
            adapted[self.is_known] = known[self.rows[self.is_known]]
        return adapted


class SelectedClasses:
    """An engine whose outputs are another's, class by class; one that it lacks is impossible."""

    def __init__(self, engine: Engine, head: HeadRows) -> None:
        """Wrap ``engine``, whose outputs are the head's."""
        self._engine = engine
        self._head = head

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits (N, C); minus infinity for classes that the engine does not know."""
        return self.run_with_features(batch)[0]

    def run_with_features(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do what `run` does, and return the engine's features (N, F) too."""
        outputs, features = self._engine.run_with_features(batch)
        logits = outputs[:, self._head.rows]
        logits[:, ~self._head.is_known] = -np.inf
        return logits, features
