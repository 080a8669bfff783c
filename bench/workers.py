"""Train and eval workers as the runner starts them, and the LocalController they tell."""

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

from bench.dataset import CLASS_NAMES, INPUT_SIZE
from bench.errors import SubjectError
from bench.measure import Values, run_to_end
from workers.contract import WorkerMessage, WorkerStatus

__all__ = ["evaluate_models", "train_head"]


def train_head(index: Path, base_model: Path, model_folder: Path, cache: Path) -> Values:
    """Run a round's train worker, head only; return seconds to its report, and its peak memory.

    ``cache`` is the folder of the feature cache.
    """
    environment = {
        "BASE_MODEL_URL": str(base_model),
        "MODEL_URL": str(model_folder),
        "TRAIN_DATASET_URL": str(index),
        "ORIGINAL_DATASET_URL": str(index),
        "fine_tune": "head",
        "feature_cache": str(cache),
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


def _report_of(kind: str, environment: Mapping[str, str]) -> Values:
    with _local_controller() as (url, reports):
        everything = {
            "PATH": os.environ["PATH"],
            "JOB_NAME": "bench",
            # A worker that finds its own report has nothing left to do.
            "WORKER_NAME": f"{kind}-worker-{secrets.token_hex(3)}",
            "LC_SERVER": url,
            "report_margin_seconds": "0",
            "class_names": ",".join(CLASS_NAMES),
            "input_shape": str(INPUT_SIZE),
            **environment,
        }
        began = time.monotonic()
        done = run_to_end([sys.executable, "-m", f"workers.{kind}"], everything)
        reported, message = reports.get_nowait()
    if message.status is not WorkerStatus.COMPLETED:
        raise SubjectError(f"the {kind} worker reported {message.status}: {done.output[-500:]}")
    return {"report_seconds": reported - began, "peak_mib": done.peak_mib}


@contextmanager
def _local_controller() -> Iterator[tuple[str, Queue[tuple[float, WorkerMessage]]]]:
    """Take reports; yield the URL, and when each came."""
    reports: Queue[tuple[float, WorkerMessage]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reports.put((time.monotonic(), WorkerMessage.model_validate_json(body)))
            answer = b'{"Status": 200, "Message": "OK"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the terminal for the benchmark's own progress."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", reports
        server.shutdown()
