"""What an evaluation reports, as lists: Sedna's triggers compare metrics element by element.

Rows of a confusion matrix are true classes, columns predicted ones.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.metrics import Metrics

__all__ = [
    "CONFIDENCE_BINS",
    "classification_metrics",
    "confidence_counts",
    "confusion_matrix",
]

CONFIDENCE_BINS = 10
"""Of equal width, from 1/C to 1."""

Counts = NDArray[np.int64] | NDArray[np.float64]

_SMALLEST = np.finfo(np.float32).tiny


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], class_count: int
) -> NDArray[np.int64]:
    """Count (class_count, class_count) pairs of true class (row) and predicted class (column)."""
    pairs = np.bincount(truth * class_count + predicted, minlength=class_count**2)
    return pairs.reshape(class_count, class_count).astype(np.int64)


def classification_metrics(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Metrics:
    """Judge ``probabilities`` (N, C) against the class numbers ``truth`` (N,).

    Returns ``accuracy`` [1], ``precision``, ``recall`` and ``f1`` [C] (0 where undefined),
    ``loss`` [1] (mean negative log-likelihood, nats), ``samples`` [1], and
    ``confusion_matrix`` [C*C] row by row. With N = 0 there is nothing to judge: accuracy,
    precision, recall and F1 are 0, and so is the loss.
    """
    matrix = confusion_matrix(truth, probabilities.argmax(axis=1), probabilities.shape[1])
    hits = np.diag(matrix)
    precision = _ratio(hits, matrix.sum(axis=0))
    recall = _ratio(hits, matrix.sum(axis=1))
    return {
        "accuracy": _ratio(hits.sum(keepdims=True), matrix.sum(keepdims=True).ravel()).tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": _ratio(2 * precision * recall, precision + recall).tolist(),
        "loss": [_loss(truth, probabilities)],
        "samples": [float(len(truth))],
        "confusion_matrix": matrix.ravel().astype(float).tolist(),
    }


def confidence_counts(confidences: NDArray[Any], class_count: int) -> NDArray[np.int64]:
    """Count confidences (N,), each the highest of C probabilities, in `CONFIDENCE_BINS` bins."""
    edges = np.linspace(1 / class_count, 1, CONFIDENCE_BINS + 1)[1:-1]
    return np.bincount(np.digitize(confidences, edges), minlength=CONFIDENCE_BINS)


def _ratio(part: Counts, whole: Counts) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.divide(
        part, whole, out=np.zeros(whole.shape, dtype=np.float64), where=whole > 0
    )
    return result


def _loss(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float:
    if not len(truth):
        return 0.0
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(of_truth, _SMALLEST)).mean())
