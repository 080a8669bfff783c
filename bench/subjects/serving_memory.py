"""The inference worker's memory, one request at a time."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.serving import Client, local_controller, worker

_REQUESTS = 300


def run(model: str) -> Mapping[str, float]:
    """Return the worker's highest resident memory, MiB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_controller() as (lc_url, _),
        worker(Path(model), INPUT_SIZE, Path(folder), lc_url) as (url, pid),
    ):
        Client(url, INPUT_SIZE, "binary").latencies(_REQUESTS)
        return {"worker_mib": _highest_mib(pid)}


def _highest_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    answer(run)
