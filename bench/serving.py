"""The inference worker over HTTP against the bare ONNX Runtime session, in one run.

    python -m bench.serving model.onnx --input-size 224 --seconds 20 [--repeats 3] [--json FILE]
    python -m bench.serving model.onnx --peer http://127.0.0.1:8080/v2/models/x
    python -m bench.serving model.onnx --other other.onnx --updates 20
    python -m bench.serving model.onnx --requests 100000

The table has medians of the repeats, in which all sides are measured in turn. Updates swap the
two models under load; requests are those between two looks at the worker's memory.

A peer is any server of the Open Inference Protocol that serves the same model, with an FP32
input named ``input``; it is measured in the same way, with ``--form json`` if it does not know
the binary extension.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from threading import Thread

import psutil

from backend.errors import ProjectError
from bench.load import CLIENTS, Target, ask_often_together, load_of, measure_server
from bench.measure import Values
from bench.session import measure_session
from bench.workers import InferenceWorker, inference_worker
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerStatus

_MEBIBYTE = 2**20


def main() -> None:
    """Measure and print a table, and what was seen under updates and many requests."""
    arguments = _arguments()
    with inference_worker(arguments.model, arguments.input_size) as worker:
        target = Target(worker.model_url, arguments.input_size, arguments.form)
        table = _compared(arguments, target)
        sys.stdout.write(_markdown(table))
        seen: dict[str, object] = {}
        if arguments.updates:
            seen["updates"] = _updated(arguments, target, worker)
        if arguments.requests:
            seen["memory"] = _memory_used(target, worker.pid, arguments.requests)
    for name, each in seen.items():
        sys.stdout.write(f"\n{name}: {each}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps({"sides": table, **seen}, indent=2) + "\n")


def _compared(arguments: argparse.Namespace, target: Target) -> dict[str, Values]:
    servers = {"this worker": target}
    if arguments.peer:
        servers["peer"] = replace(target, model_url=arguments.peer)
    rounds: dict[str, list[Values]] = {"bare session": [], **{name: [] for name in servers}}
    for _ in range(arguments.repeats):
        bare = measure_session(arguments.model, arguments.input_size, arguments.seconds)
        rounds["bare session"].append(bare)
        for name, server in servers.items():
            rounds[name].append(measure_server(server, arguments.seconds))
    return {
        side: {quantity: median(each[quantity] for each in values) for quantity in values[0]}
        for side, values in rounds.items()
    }


def _markdown(table: Mapping[str, Values]) -> str:
    bare = table["bare session"]
    lines = [f"| | p50, ms, one client | images/s, {CLIENTS} clients |", "|---|---|---|"]
    for name, figures in table.items():
        cells = [f"{value:.2f} ({value / bare[key]:.2f}x)" for key, value in figures.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _updated(
    arguments: argparse.Namespace, target: Target, worker: InferenceWorker
) -> dict[str, object]:
    """Change the model under load; tell what the clients saw."""
    models = [arguments.other or arguments.model, arguments.model]
    details = (models, worker.hot_update, arguments.updates, arguments.seconds)
    updating = Thread(target=_update_often, args=details)
    updating.start()
    load = load_of(target, arguments.seconds)
    updating.join()
    statuses = [report.message.status for report in worker.reports]
    return {
        "answered": load.answered,
        "failed": load.failed,
        "versions": sorted(load.versions),
        "completed": statuses.count(WorkerStatus.COMPLETED),
    }


def _update_often(models: list[Path], hot_update: Path, count: int, seconds: float) -> None:
    """Tell the worker of a new model so many times, as the LocalController does: in place."""
    for number in range(count):
        path = str(models[number % len(models)].absolute())
        config = ModelConfig(model_path=path, model_update_time=str(number))
        hot_update.write_text(ModelHotUpdateConfig(model_config=config).to_json())
        time.sleep(seconds / count)


def _memory_used(target: Target, pid: int, requests: int) -> dict[str, object]:
    """Return the worker's resident memory, MiB, before and after so many requests."""
    process = psutil.Process(pid)
    before = process.memory_info().rss
    share = requests // CLIENTS
    failed = ask_often_together(target, share)
    after = process.memory_info().rss
    return {
        "requests": share * CLIENTS,
        "failed": failed,
        "before_mib": before / _MEBIBYTE,
        "after_mib": after / _MEBIBYTE,
        "growth": after / before - 1,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--other", type=Path, help="the model to swap with in updates")
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--updates", type=int, default=0)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--form", choices=["binary", "json"], default="binary")
    parser.add_argument("--peer", help="a model's URL, .../v2/models/<name>")
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except ProjectError as error:
        sys.exit(str(error))
