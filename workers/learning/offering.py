"""Which pictures a person should label first: uncertain ones, each unlike those labelled before.

A label also tells of pictures that look alike. So a picture is worth its own uncertainty times the
uncertainty, over all waiting pictures, of what is like it and not yet like a labelled one: the
gain of a facility location function whose weights are uncertainties (Wei, Iyer and Bilmes,
"Submodularity in Data Subset Selection and Active Learning", ICML 2015). Uncertainty is the
square root of one minus the margin, likeness the cosine of the model's features. Pictures are
taken greedily; labelled in this order, they leave the rest of it unchanged.

Pictures that different models have looked at are not compared: their features are of different
spaces. A picture without features is like no other.

`python -m bench --only labelling` compares this with random choice and with the margin alone.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.data.answers import HardExample

__all__ = ["COMPARED", "by_uncertainty", "offered"]

COMPARED = 1000
"""Pictures that are compared with each other, the most uncertain ones: 4 MB of cosines."""

Floats = NDArray[np.float32]


def by_uncertainty(examples: Iterable[HardExample]) -> list[HardExample]:
    """Return the examples, the most uncertain first, of equal ones the oldest."""
    return sorted(examples, key=lambda example: (-example.uncertainty, example.time))


def offered(
    waiting: Iterable[HardExample], labelled: Iterable[HardExample], count: int | None = None
) -> list[HardExample]:
    """Return the waiting examples in the order in which to label them.

    Args:
        waiting: Examples without a label.
        labelled: Those with one; the newest thousand count.
        count: How many are put in order; those behind them follow by uncertainty. None: all.
    """
    ranked = by_uncertainty(waiting)
    compared = ranked[:COMPARED]
    newest = sorted(labelled, key=lambda example: example.time)[-COMPARED:]
    likeness, covered = _likeness(compared, newest)
    weights = np.sqrt([example.uncertainty for example in compared], dtype=np.float32)
    chosen = list(_greedy(likeness, covered, weights, len(compared) if count is None else count))
    left = sorted(set(range(len(ranked))) - set(chosen))
    return [ranked[place] for place in [*chosen, *left]]


def _likeness(
    waiting: Sequence[HardExample], labelled: Sequence[HardExample]
) -> tuple[Floats, Floats]:
    """Return the cosines (N, N) of the waiting ones, and each one's highest to a labelled (N,)."""
    likeness, covered = np.eye(len(waiting), dtype=np.float32), np.zeros(len(waiting), np.float32)
    known = _of_one_space(labelled)
    for space, (places, directions) in _of_one_space(waiting).items():
        likeness[np.ix_(places, places)] = np.maximum(directions @ directions.T, 0)
        if space in known:
            nearest = (directions @ known[space][1].T).max(axis=1)
            covered[places] = np.maximum(nearest, 0)
    return likeness, covered


def _of_one_space(
    examples: Iterable[HardExample],
) -> dict[tuple[str, int], tuple[list[int], Floats]]:
    """Return the places and directions of the examples with features, by model and size."""
    groups = defaultdict[tuple[str, int], list[tuple[int, Floats]]](list)
    for place, example in enumerate(examples):
        direction = example.direction
        if len(direction):
            groups[example.model_version, len(direction)].append((place, direction))
    return {
        space: ([place for place, _ in rows], np.stack([direction for _, direction in rows]))
        for space, rows in groups.items()
    }


def _greedy(likeness: Floats, covered: Floats, weights: Floats, count: int) -> Iterator[int]:
    """Yield the places of the highest gains, each given those before it.

    Gains only fall, so that one that is still the highest after it is computed again is chosen
    (Minoux, "Accelerated greedy algorithms", 1978).
    """

    def gain(place: int) -> float:
        return float(weights[place] * (weights @ np.maximum(likeness[:, place] - covered, 0)))

    heap = [(-gain(place), place) for place in range(len(weights))]
    heapq.heapify(heap)
    for _ in range(min(count, len(heap))):
        while (now := gain(heap[0][1])) < -heap[0][0]:
            heapq.heapreplace(heap, (-now, heap[0][1]))
        _, place = heapq.heappop(heap)
        covered = np.maximum(covered, likeness[:, place])
        yield place
