"""Images per second of the estimator's evaluation, decoding included."""

import time
from collections.abc import Mapping

from backend.classifier import TinyMSMobileNetV2
from backend.images.preprocessing import LabelledImages
from bench.answering import answer
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_index


def evaluate(index: str, model: str) -> Mapping[str, float]:
    """Evaluate an ONNX model, loaded before the clock starts."""
    paths, labels = in_index(index)
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE)
    estimator.load(model)
    estimator.evaluate(LabelledImages(paths[:8], labels[:8]))
    began = time.perf_counter()
    estimator.evaluate(LabelledImages(paths, labels))
    return {"images_per_second": len(paths) / (time.perf_counter() - began)}


if __name__ == "__main__":
    answer(evaluate)
