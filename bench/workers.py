"""Train, eval and inference workers as the runner starts them, and what they report."""

import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.dataset import CLASS_NAMES, INPUT_SIZE
from bench.errors import SubjectError
from bench.local_controller import Report, local_controller
from bench.measure import Values, run_to_end
from bench.server import MODEL_NAME, free_ports, model_url, serving
from workers.contract import MODEL_HOT_UPDATE_FILE, WorkerStatus

__all__ = ["InferenceWorker", "evaluate_models", "inference_worker", "train_models"]


@dataclass(frozen=True)
class InferenceWorker:
    """A running inference worker."""

    model_url: str
    pid: int
    hot_update: Path
    """The file that names the newest model."""
    reports: Sequence[Report]
    """Of updates."""


def train_models(
    index: Path, base_model: Path, model_folder: Path, cache: Path, **settings: str
) -> Values:
    """Run a round's train worker; return seconds to its report, and its peak memory.

    ``cache`` is where it keeps what the next round need not do again.
    """
    environment = {
        "BASE_MODEL_URL": str(base_model),
        "MODEL_URL": str(model_folder),
        "TRAIN_DATASET_URL": str(index),
        "ORIGINAL_DATASET_URL": str(index),
        "cache_folder": str(cache),
        **settings,
    }
    return _report_of("train", environment)


def evaluate_models(index: Path, models: tuple[Path, Path]) -> Values:
    """Run a round's eval worker; return seconds to its report, and its peak memory."""
    environment = {
        "MODEL_URLS": ";".join(map(str, models)),
        "TEST_DATASET_URL": str(index),
        "ORIGINAL_DATASET_URL": str(index),
    }
    return _report_of("eval", environment)


@contextmanager
def inference_worker(model: Path, input_size: int = INPUT_SIZE) -> Iterator[InferenceWorker]:
    """Run the inference worker until the block ends, which begins when it is ready.

    Raises SubjectError if it does not get ready.
    """
    with TemporaryDirectory() as name, local_controller() as (lc_url, reports):
        folder, [port] = Path(name), free_ports(1)
        hot_update = folder / MODEL_HOT_UPDATE_FILE
        environment = _environment("infer", lc_url, input_size) | {
            "MODEL_URL": str(model.absolute()),
            "http_port": str(port),
            "MODEL_HOT_UPDATE": "true",
            "MODEL_HOT_UPDATE_CONFIG": str(hot_update),
        }
        command = [sys.executable, "-m", "workers", "infer"]
        with serving(command, environment, folder, port) as pid:
            yield InferenceWorker(model_url(port), pid, hot_update, reports)


def _report_of(kind: str, variables: Mapping[str, str]) -> Values:
    with local_controller() as (url, reports):
        environment = {**_environment(kind, url, INPUT_SIZE), **variables}
        began = time.monotonic()
        done = run_to_end([sys.executable, "-m", f"workers.{kind}"], environment)
    if [each.message.status for each in reports] != [WorkerStatus.COMPLETED]:
        raise SubjectError(f"the {kind} worker did not report a result: {done.output[-500:]}")
    return {"report_seconds": reports[0].came - began, "peak_mib": done.peak_mib}


def _environment(kind: str, lc_url: str, input_size: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "JOB_NAME": MODEL_NAME,
        # A worker that finds its own report has nothing left to do.
        "WORKER_NAME": f"{kind}-worker-{secrets.token_hex(3)}",
        "LC_SERVER": lc_url,
        "report_margin_seconds": "0",
        "class_names": ",".join(CLASS_NAMES),
        "input_shape": str(input_size),
    }
