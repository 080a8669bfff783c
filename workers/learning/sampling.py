"""Drawing a few of many, as many of each kind as there are."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_evenly"]


def draw_evenly(kinds: NDArray[np.int64], count: int, seed: int) -> list[int]:
    """Return up to ``count`` positions of ``kinds`` (N,), drawn as evenly from each as can be.

    A kind with too few gives what it has, and the others more. No position is drawn twice, and
    the same arguments give the same ones.
    """
    generator = np.random.default_rng(seed)
    of_kinds = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    drawn = [generator.permutation(positions)[:count] for positions in of_kinds]
    if not drawn:
        return []
    # Every kind's first, then every kind's second, and so on.
    turns = np.concatenate([np.arange(len(positions)) for positions in drawn])
    order = np.argsort(turns, kind="stable")[:count]
    positions: list[int] = np.concatenate(drawn)[order].tolist()
    return positions
