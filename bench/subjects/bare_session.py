"""A bare ONNX Runtime session on decoded arrays, at its best batch size."""

import time
from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.answering import answer, median_ms
from bench.dataset import INPUT_SIZE

_REQUESTS = 100
_BATCH_SIZES = (1, 2, 4, 8, 16, 32)


def run(model: str, images: int) -> Mapping[str, float]:
    """Return images per second at the best batch size, that size, and ms of one image."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rates = {size: _rate(session, size, images) for size in _BATCH_SIZES}
    best = max(rates, key=rates.__getitem__)
    one = {session.get_inputs()[0].name: _inputs(1)}
    return {
        "images_per_second": rates[best],
        "batch_size": best,
        "one_ms": median_ms(lambda: session.run(None, one), _REQUESTS),
    }


def _rate(session: onnxruntime.InferenceSession, size: int, images: int) -> float:
    feed = {session.get_inputs()[0].name: _inputs(size)}
    session.run(None, feed)
    steps = max(1, images // size)
    began = time.perf_counter()
    for _ in range(steps):
        session.run(None, feed)
    return steps * size / (time.perf_counter() - began)


def _inputs(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, 3, INPUT_SIZE, INPUT_SIZE)).astype("f4")


if __name__ == "__main__":
    answer(run)
