"""Milliseconds of one image in the estimator, in the engine that its model's format chooses."""

from collections.abc import Mapping

import numpy as np

from backend.classifier import TinyMSMobileNetV2
from bench.answering import answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE


def run(model: str, requests: int) -> Mapping[str, float]:
    """Load a model and run it on one preprocessed input."""
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE)
    estimator.load(model)
    image = np.zeros((1, 3, INPUT_SIZE, INPUT_SIZE), np.float32)
    return {"one_ms": median_ms(lambda: estimator.probabilities(image), requests)}


if __name__ == "__main__":
    answer(run)
