"""The bare ONNX Runtime session that the project is held to."""

import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.answering import median_ms
from bench.measure import Values

__all__ = ["inputs", "measure_session"]

_REQUESTS = 300
_BATCH_SIZES = (1, 2, 4, 8, 16, 32)


def measure_session(model: Path, input_size: int, seconds: float) -> Values:
    """Return ``one_ms`` of one image, and ``images_per_second`` at the best batch size.

    All batch sizes together run for ``seconds``.
    """
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    share = seconds / len(_BATCH_SIZES)
    rates = [_images_per_second(session, size, input_size, share) for size in _BATCH_SIZES]
    one = {session.get_inputs()[0].name: inputs(1, input_size)}
    return {
        "one_ms": median_ms(lambda: session.run(None, one), _REQUESTS),
        "images_per_second": max(rates),
    }


def inputs(count: int, input_size: int) -> NDArray[np.float32]:
    """Return ``count`` preprocessed images of noise, the same ones in every run."""
    shape = (count, 3, input_size, input_size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _images_per_second(
    session: onnxruntime.InferenceSession, size: int, input_size: int, seconds: float
) -> float:
    feed = {session.get_inputs()[0].name: inputs(size, input_size)}
    session.run(None, feed)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        session.run(None, feed)
        count += size
    return count / (time.perf_counter() - began)
