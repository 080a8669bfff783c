"""A worker that learns nothing but speaks the true protocol: files, environment, messages.

    scripted_worker.py train|eval|infer

What it does is said by variables of its template: ``behaviour`` (``complete``, ``fail``,
``silent``, ``crash``, ``crash-once``), ``metrics`` (JSON, the results of an evaluation),
``ckpt_url`` and ``onnx_url`` (reported instead of the trained model's),
``gate`` (a FIFO: the worker waits there until it has been opened for writing and closed).
"""

import json
import os
import signal
import sys
import threading
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchfiles import watch

FORMATS = ("ckpt", "onnx")
ATTEMPTS = 200


def main() -> int:
    kind = sys.argv[1]
    behaviour = parameter("behaviour") or "complete"
    say(f"{kind} begins: {behaviour}")
    if gate := parameter("gate"):
        Path(gate).read_bytes()
    if behaviour == "crash" or (behaviour == "crash-once" and not been_here(kind)):
        return 3
    if behaviour == "silent":
        return 0
    WORK[kind]("failed" if behaviour == "fail" else "completed")
    say(f"{kind} ends")
    return 0


def train(status: str) -> None:
    folder = Path(os.environ["MODEL_URL"])
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "base": os.environ["BASE_MODEL_URL"],
        "samples": Path(os.environ["TRAIN_DATASET_URL"]).read_text().splitlines(),
    }
    results = []
    for name in FORMATS:
        path = folder / f"model.{name}"
        path.write_text(json.dumps(content))
        results.append({"format": name, "url": parameter(f"{name}_url") or host_path(path)})
    post("train", status, results)


def evaluate(status: str) -> None:
    samples = Path(os.environ["TEST_DATASET_URL"]).read_text().splitlines()
    metrics = json.loads(parameter("metrics"))
    urls = os.environ["MODEL_URLS"].split(";")
    results = [
        {"format": Path(url).suffix[1:], "url": host_path(Path(url)), "metrics": values}
        for url, values in zip(urls, metrics, strict=False)
    ]
    say(f"{len(samples)} samples")
    post("eval", status, results)


def infer(status: str) -> None:
    say(f"serving {Path(os.environ['MODEL_URL']).read_text()}")
    if os.environ.get("MODEL_HOT_UPDATE") != "true":
        signal.pause()
    config, loaded = Path(os.environ["MODEL_HOT_UPDATE_CONFIG"]), ""
    for _ in watch(config.parent, step=10, debounce=20, rust_timeout=50, yield_on_timeout=True):
        if not config.exists():
            continue
        update = json.loads(config.read_text())["model_config"]
        if update["model_update_time"] != loaded:
            loaded = update["model_update_time"]
            say(f"serving {Path(update['model_path']).read_text()}")
            post("deploy", status, [])


def post(kind: str, status: str, results: list[dict[str, Any]]) -> None:
    name = os.environ["WORKER_NAME"]
    body = {
        "name": name,
        "namespace": os.environ["NAMESPACE"],
        "ownerName": os.environ["JOB_NAME"],
        "ownerKind": "incrementallearningjob",
        "kind": kind,
        "status": status,
        "results": results,
    }
    scheme, server = os.environ["LC_SERVER"].split("://")
    login, _, address = server.rpartition("@")
    request = urllib.request.Request(  # noqa: S310 - the LC's address
        f"{scheme}://{address}/sedna/workers/{name}/info",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Basic {b64encode(login.encode()).decode()}",
        },
    )
    for _ in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - the same
                return
        except OSError:  # refused, reset or timed out while no runner is there
            threading.Event().wait(0.05)
    sys.exit(75)


def parameter(name: str) -> str:
    """Return a variable of the template: lower case, as Sedna's parameters are."""
    return os.environ.get(name, "")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what a worker prints is its log


def host_path(path: Path) -> str:
    return str(path).removeprefix(os.environ["DATA_PATH_PREFIX"])


def been_here(kind: str) -> bool:
    marker = Path(parameter("marks")) / kind
    if marker.exists():
        return True
    marker.touch()
    return False


WORK: dict[str, Callable[[str], None]] = {"train": train, "eval": evaluate, "infer": infer}

if __name__ == "__main__":
    sys.exit(main())
