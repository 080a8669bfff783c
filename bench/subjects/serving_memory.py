"""The inference worker's memory, one request at a time."""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.errors import SubjectError
from bench.load import Target, ask_often
from bench.workers import inference_worker

_REQUESTS = 300


def run(model: str) -> Mapping[str, float]:
    """Return the worker's highest resident memory, MiB."""
    with inference_worker(Path(model)) as worker:
        if failed := ask_often(Target(worker.model_url, INPUT_SIZE), _REQUESTS):
            raise SubjectError(f"the inference worker refused {failed} requests.")
        return {"worker_mib": _highest_mib(worker.pid)}


def _highest_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    answer(run)
