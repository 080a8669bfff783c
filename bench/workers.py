"""Train, eval and inference workers as the runner starts them, and when they report."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import MappingProxyType

from bench.answering import Values
from bench.dataset import CLASS_NAMES, INPUT_SIZE
from bench.measure import SubjectError, run_to_end
from bench.server import MODEL_NAME, Server, free_ports, serving
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.sedna.process import run_round
from workers.sedna.session import Session

__all__ = ["evaluate_models", "inference_worker", "reported_here", "train_models"]

_ANSWER = b'{"Status": 200, "Message": "OK"}'

Reports = list[tuple[float, WorkerMessage]]
"""When they came, by `time.monotonic`, and what they say."""


def train_models(
    index: Path,
    base_model: Path,
    model_folder: Path,
    cache: Path,
    settings: Mapping[str, str],
    *,
    ends: Mapping[str, str] = MappingProxyType({}),
) -> Values:
    """Run a round's train worker; return seconds to its report, and its peak memory.

    ``cache`` is where it keeps what the next round need not do again. Each of the phases that
    ``ends`` names, in order, ends with the log line that contains its text; their seconds are
    returned too.
    """
    return _report_of(
        "train",
        ends,
        BASE_MODEL_URL=base_model,
        MODEL_URL=model_folder,
        TRAIN_DATASET_URL=index,
        ORIGINAL_DATASET_URL=index,
        cache_folder=cache,
        **settings,
    )


def evaluate_models(
    index: Path, models: tuple[Path, Path], ends: Mapping[str, str] = MappingProxyType({})
) -> Values:
    """Run a round's eval worker; return seconds to its report, its peak memory, and its phases."""
    urls = ";".join(map(str, models))
    files = {"TEST_DATASET_URL": index, "ORIGINAL_DATASET_URL": index}
    return _report_of("eval", ends, MODEL_URLS=urls, **files)


@contextmanager
def inference_worker(model: Path, input_size: int = INPUT_SIZE) -> Iterator[Server]:
    """Run the inference worker until the block ends, which begins when it is ready.

    Raises SubjectError if it does not get ready.
    """
    [port] = free_ports(1)
    with TemporaryDirectory() as folder, _local_controller() as (url, _):
        environment = _environment("infer", url, input_size) | {
            "MODEL_URL": str(model.absolute()),
            "http_port": str(port),
            "MODEL_HOT_UPDATE": "true",
            "MODEL_HOT_UPDATE_CONFIG": f"{folder}/model_config.json",
        }
        command = [sys.executable, "-m", "workers", "infer"]
        with serving(command, environment, Path(folder), port) as server:
            yield server


def reported_here(
    kind: WorkerKind, work: Callable[[Session], None], **variables: str | Path
) -> WorkerMessage:
    """Do the work of a round's worker in this process, and return what it reports.

    Raises what the work raises, and SubjectError if it reports nothing.
    """
    with _local_controller() as (url, reports):
        environment = _environment(kind, url, INPUT_SIZE)
        environment |= {name: str(value) for name, value in variables.items()}
        run_round(kind, environment, work)
    if [message.status for _, message in reports] != [WorkerStatus.COMPLETED]:
        raise SubjectError(f"the {kind} worker did not report a result.")
    [(_, message)] = reports
    return message


def _report_of(kind: str, ends: Mapping[str, str], **variables: str | Path) -> Values:
    with _local_controller() as (url, reports):
        environment = _environment(kind, url, INPUT_SIZE)
        environment |= {name: str(value) for name, value in variables.items()}
        started, began = datetime.now(UTC), time.monotonic()
        done = run_to_end([sys.executable, "-m", f"workers.{kind}"], environment)
    if [message.status for _, message in reports] != [WorkerStatus.COMPLETED]:
        raise SubjectError(f"the {kind} worker did not report a result: {done.output[-500:]}")
    [(reported_at, _)] = reports
    measured = {"report_seconds": reported_at - began, "peak_mib": done.peak_mib}
    return measured | _phases(done.output, started, ends)


def _phases(log: str, started: datetime, ends: Mapping[str, str]) -> dict[str, float]:
    seconds = {}
    for name, text in ends.items():
        line = next(line for line in log.splitlines() if text in line)
        ended = datetime.fromisoformat(line.split()[0])
        seconds[name] = (ended - started).total_seconds()
        started = ended
    return seconds


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


@contextmanager
def _local_controller() -> Iterator[tuple[str, Reports]]:
    """Take reports while the block runs; yield the URL and what has come."""
    reports: Reports = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reports.append((time.monotonic(), WorkerMessage.model_validate_json(body)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(_ANSWER)))
            self.end_headers()
            self.wfile.write(_ANSWER)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the benchmark's own progress."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", reports
        finally:
            server.shutdown()
