"""Milliseconds of one image, and accuracy on photographs, of a model file."""

import os
from collections.abc import Mapping
from itertools import islice

import numpy as np

from backend.classifier import TinyMSMobileNetV2
from backend.images.preprocessing import LabelledImages
from bench.answering import answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders


def run(model: str, photos: str, threads: int, requests: int) -> Mapping[str, float]:
    """Serve a model on as many cores as there are to be threads."""
    os.sched_setaffinity(0, set(islice(os.sched_getaffinity(0), threads)))
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE)
    estimator.load(model)
    image = np.zeros((1, 3, INPUT_SIZE, INPUT_SIZE), np.float32)
    one_ms = median_ms(lambda: estimator.probabilities(image), requests)
    metrics = estimator.evaluate(LabelledImages(*in_class_folders(f"{photos}/eval")))
    return {"one_ms": one_ms, "accuracy": metrics["accuracy"][0]}


if __name__ == "__main__":
    answer(run)
