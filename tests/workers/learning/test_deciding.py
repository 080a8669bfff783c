import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.learning.deciding import (
    Answered,
    better_probability,
    decision_metrics,
    gain_interval,
)

Counts = tuple[int, int, int]

counts = st.tuples(*[st.integers(0, 200)] * 3)
"""Samples of one class that one model, the other, and both or neither get right."""
classes = st.lists(counts, min_size=1, max_size=20)


def probability(of_classes: list[Counts]) -> float:
    better, worse, alike = np.array(of_classes).T
    return float(better_probability(better, worse, better + worse + alike))


@given(classes)
def test_it_is_a_probability_and_that_of_the_other_model_is_the_rest(some: list[Counts]) -> None:
    exchanged = [(worse, better, alike) for better, worse, alike in some]

    assert 0 <= probability(some) <= 1
    assert probability(some) + probability(exchanged) == pytest.approx(1)


@given(classes)
def test_neither_is_better_if_each_wins_as_often(some: list[Counts]) -> None:
    assert probability([(wins, wins, alike) for wins, _, alike in some]) == pytest.approx(0.5)


@given(classes)
def test_neither_the_order_of_the_classes_nor_empty_ones_matter(some: list[Counts]) -> None:
    assert probability([*reversed(some), (0, 0, 0)]) == pytest.approx(probability(some))


@given(counts)
def test_one_more_sample_won_makes_it_surer(one: Counts) -> None:
    better, worse, alike = one

    assert probability([(better + 1, worse, alike)]) >= probability([one])


def test_the_same_shares_of_more_samples_make_it_surer() -> None:
    few, many = probability([(4, 2, 30)] * 2), probability([(40, 20, 300)] * 2)

    assert 0.5 < few < 0.9
    assert many > 0.99


def test_a_class_of_three_samples_leaves_doubt() -> None:
    assert probability([(20, 0, 180), (0, 0, 3)]) < 0.95
    assert probability([(20, 0, 180), (0, 0, 60)]) > 0.95


def test_for_one_class_and_many_samples_it_is_mcnemars() -> None:
    # (60 - 40) / sqrt(100) = 2 standard deviations.
    assert probability([(60, 40, 900)]) == pytest.approx(0.9772, abs=0.002)


def answers(labels: list[int], right: list[int]) -> dict[str, Answered]:
    return {
        str(path): Answered(label, is_right=bool(hit))
        for path, (label, hit) in enumerate(zip(labels, right, strict=True))
    }


def test_metrics_are_balanced_over_the_classes() -> None:
    labels = [0] * 8 + [2] * 2
    first, second = decision_metrics(
        [answers(labels, [1] * 8 + [1, 0]), answers(labels, [1] * 4 + [0] * 4 + [1, 1])]
    )

    assert first["balanced_accuracy"] == second["balanced_accuracy"] == [0.75]
    assert first["worst_recall"] == second["worst_recall"] == [0.5]
    assert first["compared_samples"] == second["compared_samples"] == [10.0]
    assert first["better_probability"] == second["better_probability"] == [0.5]


def test_only_samples_that_both_models_were_asked_are_compared() -> None:
    first, second = decision_metrics(
        [answers([0, 1, 1], [1, 1, 0]), answers([0, 1], [1, 0])],
    )

    assert first["compared_samples"] == [2.0]
    assert first["better_probability"][0] > 0.5 > second["better_probability"][0]


def test_nothing_is_reported_of_nothing_and_no_comparison_of_one_model() -> None:
    assert decision_metrics([{}, {}]) == [{}, {}]
    assert "better_probability" not in decision_metrics([answers([0, 1], [1, 1])])[0]


def test_the_interval_of_a_gain_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 17, 1998, table II: 36, 12, 2 and 0, method 10."""
    low, high = gain_interval(36, 12, 2, 0)

    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


@given(st.tuples(*[st.integers(0, 200)] * 4).filter(any))
def test_the_interval_holds_the_gain_and_turns_with_the_models(
    pairs: tuple[int, int, int, int],
) -> None:
    both, better, worse, neither = pairs
    gain = (better - worse) / sum(pairs)

    low, high = gain_interval(both, better, worse, neither)
    low_turned, high_turned = gain_interval(both, worse, better, neither)

    assert -1 - 1e-9 <= low <= gain + 1e-9
    assert gain - 1e-9 <= high <= 1 + 1e-9
    assert low_turned == pytest.approx(-high)
    assert high_turned == pytest.approx(-low)
