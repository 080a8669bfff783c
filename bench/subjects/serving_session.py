"""The bare session that serving is held to."""

from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.serving import measure_session


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return p50 of one image, ms, and the most images per second."""
    p50, rate = measure_session(Path(model), INPUT_SIZE, seconds / 5)
    return {"p50_ms": p50, "images_per_second": rate}


if __name__ == "__main__":
    answer(run)
