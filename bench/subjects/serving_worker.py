"""The inference worker under load."""

from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.load import Target, measure_server
from bench.workers import inference_worker


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return ms of one image for one client, and images per second for eight."""
    with inference_worker(Path(model)) as worker:
        return measure_server(Target(worker.model_url, INPUT_SIZE), seconds)


if __name__ == "__main__":
    answer(run)
