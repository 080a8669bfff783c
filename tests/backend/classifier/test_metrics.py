import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from backend.classifier.metrics import (
    CONFIDENCE_BINS,
    classification_metrics,
    confidence_counts,
    confusion_matrix,
)

Truth = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@st.composite
def judged(draw: st.DrawFn) -> tuple[Truth, Probabilities]:
    """Class numbers (N,) and probabilities (N, C), N of 1 to 40, C of 2 to 5."""
    class_count, count = draw(st.integers(2, 5)), draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, class_count - 1), min_size=count, max_size=count))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probabilities = generator.dirichlet(np.ones(class_count), count).astype(np.float32)
    return np.array(truth, dtype=np.int64), np.maximum(probabilities, 1e-4)


@given(judged())
@settings(deadline=None)
def test_metrics_are_scikit_learns(case: tuple[Truth, Probabilities]) -> None:
    truth, probabilities = case
    classes = list(range(probabilities.shape[1]))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=0
    )
    metrics = classification_metrics(truth, probabilities)
    assert metrics["accuracy"] == pytest.approx([sklearn_metrics.accuracy_score(truth, predicted)])
    assert metrics["precision"] == pytest.approx(precision.tolist())
    assert metrics["recall"] == pytest.approx(recall.tolist())
    assert metrics["f1"] == pytest.approx(f1.tolist())
    assert metrics["samples"] == [len(truth)]
    expected = sklearn_metrics.confusion_matrix(truth, predicted, labels=classes)
    assert metrics["confusion_matrix"] == expected.ravel().tolist()


@given(judged())
@settings(deadline=None)
def test_the_loss_is_scikit_learns(case: tuple[Truth, Probabilities]) -> None:
    truth, probabilities = case
    normalised = probabilities.astype(np.float64)
    normalised /= normalised.sum(axis=1, keepdims=True)
    expected = sklearn_metrics.log_loss(truth, normalised, labels=range(probabilities.shape[1]))
    loss = classification_metrics(truth, normalised.astype(np.float32))["loss"]
    assert loss == pytest.approx([expected], rel=1e-4)


@given(judged())
@settings(deadline=None)
def test_every_metric_is_a_list_of_floats(case: tuple[Truth, Probabilities]) -> None:
    for values in classification_metrics(*case).values():
        assert all(type(value) is float for value in values)


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 1]), 3)
    assert matrix.tolist() == [[0, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_undefined_ratios_are_0() -> None:
    metrics = classification_metrics(np.array([0]), np.array([[0.1, 0.9, 0.0]], np.float32))
    assert metrics["accuracy"] == [0.0]
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == [0.0, 0.0, 0.0]


def test_a_probability_of_0_gives_a_finite_loss() -> None:
    metrics = classification_metrics(np.array([0]), np.array([[0.0, 1.0]], np.float32))
    assert 80 < metrics["loss"][0] < 100


def test_nothing_to_judge_gives_zeros() -> None:
    metrics = classification_metrics(np.empty(0, np.int64), np.empty((0, 2), np.float32))
    assert metrics == {
        "accuracy": [0.0],
        "precision": [0.0, 0.0],
        "recall": [0.0, 0.0],
        "f1": [0.0, 0.0],
        "loss": [0.0],
        "samples": [0.0],
        "confusion_matrix": [0.0, 0.0, 0.0, 0.0],
    }


@given(st.integers(2, 9), st.lists(st.integers(0, CONFIDENCE_BINS - 1), max_size=50))
def test_confidences_are_counted_from_chance_to_certainty(classes: int, bins: list[int]) -> None:
    lowest = 1 / classes
    confidences = lowest + (np.array(bins) + 0.5) / CONFIDENCE_BINS * (1 - lowest)
    expected = [bins.count(number) for number in range(CONFIDENCE_BINS)]
    assert confidence_counts(confidences, classes).tolist() == expected


def test_certainty_is_in_the_last_bin_and_chance_in_the_first() -> None:
    assert confidence_counts(np.array([1.0, 0.5]), 2).tolist() == [1, *[0] * 8, 1]
