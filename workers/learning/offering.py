"""Which pictures a person should label first: of the half that the model is unsure of, unlike ones.

A label also tells of pictures that look alike. So pictures are taken greedily that bring all of
that half nearest to a labelled one: the gain of a facility location function (Wei, Iyer and
Bilmes, "Submodularity in Data Subset Selection and Active Learning", ICML 2015). Likeness is the
cosine of what the model makes of two pictures, features and probabilities, each less its mean.
Labelled in this order, pictures leave the rest of it unchanged.

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
"""Pictures that are compared with each other, the most uncertain ones, and with as many labelled
ones: 16 MB of cosines."""

_NOTHING = 1e-6
"""Rounding leaves vectors of such lengths."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
"""In double precision, the order of the pictures does not matter to their mean."""


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
    likeness, is_sure = _seen_by_their_models([*compared, *newest])
    unsure = np.flatnonzero(~is_sure[: len(compared)])
    covered = likeness[unsure, len(compared) :].max(axis=1, initial=0)
    wanted = len(compared) if count is None else count
    chosen = [int(unsure[at]) for at in _greedy(likeness[np.ix_(unsure, unsure)], covered, wanted)]
    left = sorted(set(range(len(ranked))) - set(chosen))
    return [ranked[place] for place in [*chosen, *left]]


def _seen_by_their_models(examples: Sequence[HardExample]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the likeness (N, N) of examples, 0 to 1, and of which their model is sure (N,)."""
    likeness = np.eye(len(examples), dtype=np.float32)
    is_sure = np.zeros(len(examples), np.bool_)
    for places, views in _by_model(examples):
        likeness[np.ix_(places, places)] = np.maximum(views @ views.T, 0)
        uncertainty = np.array([examples[place].uncertainty for place in places])
        is_sure[places] = uncertainty < np.median(uncertainty)
    # Nothing is left of a picture that is the mean of all, but it is like itself.
    np.fill_diagonal(likeness, 1)
    return likeness, is_sure


def _by_model(examples: Sequence[HardExample]) -> Iterator[tuple[list[int], Floats]]:
    """Yield, for each model, the places of its examples with features, and views of them (N, F)."""
    groups = defaultdict[tuple[str, int, frozenset[str]], list[int]](list)
    directions = [example.direction for example in examples]
    for place, example in enumerate(examples):
        if length := len(directions[place]):
            space = example.model_version, length, frozenset(example.probabilities)
            groups[space].append(place)
    for places in groups.values():
        features = _of_length_1(_centred([directions[place] for place in places]))
        opinions = _centred([_probabilities(examples[place]) for place in places])
        views = _of_length_1(np.concatenate([features, opinions], axis=1))
        yield places, views.astype(np.float32)


def _probabilities(example: HardExample) -> list[float]:
    return [value for _, value in sorted(example.probabilities.items())]


def _centred(rows: Sequence[Floats | list[float]]) -> Doubles:
    values = np.asarray(rows, np.float64)
    centred: Doubles = values - values.mean(axis=0)
    return centred


def _of_length_1(rows: Doubles) -> Doubles:
    """Return the rows (N, F) at length 1, or 0 where there is nothing but rounding."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Doubles = np.where(lengths > _NOTHING, rows / np.maximum(lengths, _NOTHING), 0)
    return scaled


def _greedy(likeness: Floats, covered: Floats, count: int) -> Iterator[int]:
    """Yield the places of the highest gains, each given those before it.

    Gains only fall, so that one that is still the highest after it is computed again is chosen
    (Minoux, "Accelerated greedy algorithms", 1978).
    """

    def gain(place: int) -> float:
        return float(np.maximum(likeness[:, place] - covered, 0).sum())

    heap = [(-gain(place), place) for place in range(len(likeness))]
    heapq.heapify(heap)
    for _ in range(min(count, len(heap))):
        while (now := gain(heap[0][1])) < -heap[0][0]:
            heapq.heapreplace(heap, (-now, heap[0][1]))
        _, place = heapq.heappop(heap)
        covered = np.maximum(covered, likeness[:, place])
        yield place
