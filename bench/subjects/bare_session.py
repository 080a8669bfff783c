"""A bare ONNX Runtime session on decoded arrays."""

from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.session import measure_session


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return ms of one image, and images per second at the best batch size."""
    return measure_session(Path(model), INPUT_SIZE, seconds)


if __name__ == "__main__":
    answer(run)
