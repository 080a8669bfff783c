"""The inference worker under load."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.errors import SubjectError
from bench.serving import local_controller, measure_server, worker


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return p50 of one client, ms, and images per second of eight."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_controller() as (lc_url, _),
        worker(Path(model), INPUT_SIZE, Path(folder), lc_url) as (url, _),
    ):
        p50, rate, load = measure_server(url, INPUT_SIZE, "binary", seconds)
    if load.failed:
        raise SubjectError(f"the inference worker refused {load.failed} requests.")
    return {"p50_ms": p50, "images_per_second": rate}


if __name__ == "__main__":
    answer(run)
