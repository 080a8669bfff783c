import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.infer.drift import ConfidenceDrift, population_stability_index

histograms = st.lists(st.integers(0, 10**6), min_size=10, max_size=10).map(np.array)


@given(histograms, histograms)
def test_the_index_is_a_symmetric_distance(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> None:
    index = population_stability_index(first, second)
    assert index >= 0
    assert index == pytest.approx(population_stability_index(second, first))
    assert population_stability_index(first, first) == 0


def test_the_index_is_the_published_formula() -> None:
    expected, actual = np.array([7, 3]), np.array([4, 6])
    e, a = (7.5 / 11, 3.5 / 11), (4.5 / 11, 6.5 / 11)
    by_hand = sum((x - y) * math.log(x / y) for x, y in zip(a, e, strict=True))
    assert population_stability_index(expected, actual) == pytest.approx(by_hand)


@given(st.lists(st.floats(0.5, 1), min_size=1, max_size=60), st.integers(1, 9))
def test_it_does_not_matter_in_which_portions_confidences_come(
    confidences: list[float], portion: int
) -> None:
    at_once, in_portions = ConfidenceDrift(2, size=20), ConfidenceDrift(2, size=20)
    at_once.add(np.array(confidences))
    for start in range(0, len(confidences), portion):
        in_portions.add(np.array(confidences[start : start + portion]))
    assert in_portions.index == at_once.index
    assert (at_once.index is None) == (len(confidences) < 40)


def test_a_model_that_becomes_unsure_drifts() -> None:
    drift = ConfidenceDrift(2, size=100)
    drift.add(np.full(200, 0.99))
    assert drift.index == 0
    drift.add(np.full(50, 0.55))
    assert drift.index
    assert drift.index > 0.25


def test_the_evaluation_is_the_reference_from_the_first_window_on() -> None:
    evaluated = [0] * 9 + [200]
    alike, unlike = (ConfidenceDrift(2, evaluated, size=100) for _ in range(2))
    alike.add(np.full(99, 0.99))
    assert alike.index is None
    alike.add(np.full(1, 0.99))
    unlike.add(np.full(100, 0.55))
    assert alike.index is not None
    assert alike.index < 0.1
    assert unlike.index is not None
    assert unlike.index > 0.25


@pytest.mark.parametrize("evaluated", [[], [0] * 10, [9] * 10 + [100], [0] * 9 + [99]])
def test_an_evaluation_that_says_too_little_is_no_reference(evaluated: list[int]) -> None:
    drift = ConfidenceDrift(2, evaluated, size=20)
    drift.add(np.full(40, 0.55))
    assert not drift.is_of_evaluation
    assert drift.index == 0
