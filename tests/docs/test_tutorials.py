"""The pages' own commands, one after the other, on pictures that are drawn here."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import indent
from threading import Thread

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backend import model_file
from backend.mobilenetv2 import TinyMSMobileNetV2
from backend.model_file import ModelCard
from tests.docs.reading import DOCS, REPOSITORY, blocks
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus

pytestmark = pytest.mark.e2e

_SECONDS = 400
_SETUP = "make setup"


def _run(command: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euc", command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}
        | dict(environment or {}),
        input="",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{indent(done.stdout, '    ')}"
    return done.stdout


def _commands(page: Path) -> list[str]:
    shell = [block.text for block in blocks(page) if block.language == "sh"]
    return [text for text in shell if _SETUP not in text]


def _write_files(page: Path, folder: Path) -> None:
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text)


def _draw(folder: Path, kind: str, count: int, seed: int) -> None:
    """Draw round cups on a light table, and long spoons on a dark one."""
    generator = np.random.default_rng([seed, len(kind)])
    (folder / kind).mkdir(parents=True)
    for number in range(count):
        light = 210 if kind == "cup" else 60
        pixels = generator.normal(light, 12, (120, 160, 3)).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(pixels)
        x, y = (int(each) for each in generator.integers(15, 45, 2))
        box = (x, y, x + 60, y + 60) if kind == "cup" else (x, y, x + 100, y + 15)
        ImageDraw.Draw(picture).ellipse(box, fill=(170, 60, 40), outline=(20, 20, 20), width=3)
        picture.save(folder / kind / f"{folder.name} {kind} {number}.jpg")


def test_your_own_classes(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    for kind in ("cup", "spoon"):
        _draw(tmp_path / "photos", kind, 60, seed=1)
        _draw(tmp_path / "later", kind, 25, seed=2)
    _save_weights(tmp_path)

    _run("\n".join(_commands(DOCS / "tutorials" / "own-classes.md")), tmp_path)

    node = tmp_path / "node" / "data" / "cups-spoons"
    status = _run("iljob status my-job --root node --json", tmp_path)
    events = [json.loads(line) for line in status.splitlines()]
    rounds = [event for event in events if event["event"] == "round"]
    answers = [json.loads(each.read_text()) for each in (node / "inbox/done").glob("*.json")]
    assert [(each["round"], each["train_samples"], each["eval_samples"]) for each in rounds] == [
        (1, 96, 24),
        (2, 40, 34),
    ]
    assert {each["outcome"] for each in rounds} <= {"deployed", "rejected"}
    assert len(answers) == 25
    assert {each["label"] for each in answers} <= {"cup", "spoon"}
    assert "<html" in (node / "output" / "iljob" / "report.html").read_text()


def _save_weights(folder: Path) -> None:
    """Save weights of another ten classes: published ones cannot be fetched in a test."""
    TinyMSMobileNetV2([f"class{n}" for n in range(10)]).save(folder / "mobilenet_v2.ckpt")


def test_pretrained_weights(tmp_path: Path) -> None:
    _save_weights(tmp_path)

    _run("\n".join(_commands(DOCS / "how-to" / "pretrained-weights.md")), tmp_path)

    for name in ("model.ckpt", "model.onnx"):
        card = model_file.read(tmp_path / name).card
        assert card == ModelCard(("croissant", "dog"), 96)


def test_the_engines_are_compared_under_both_settings(tmp_path: Path) -> None:
    page = DOCS / "explanation" / "engine.md"
    _write_files(page, tmp_path)

    lines = [_run(command, tmp_path).splitlines() for command in _commands(page)]

    assert [[line.split(":")[0] for line in each] for each in lines] == [
        ["MindSpore", "ONNX Runtime"]
    ] * 2


@pytest.fixture
def reports() -> Iterator[tuple[str, list[WorkerMessage]]]:
    """A LocalController's URL, and what it was told."""
    told: list[WorkerMessage] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(WorkerMessage.model_validate_json(body))
            answer = json.dumps({"Status": HTTPStatus.OK, "Message": "OK"}).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_estimator(tmp_path: Path, reports: tuple[str, list[WorkerMessage]]) -> None:
    page, (local_controller, told) = DOCS / "tutorials" / "another-estimator.md", reports
    _write_files(page, tmp_path)

    output = _run("\n".join(_commands(page)), tmp_path)
    assert "accuracy [1.0]" in output

    index = _dark_and_bright(tmp_path / "data")
    trained = tmp_path / "train" / "1" / "model.ckpt"
    identity = {
        "JOB_NAME": "shades",
        "LC_SERVER": local_controller,
        "BACKEND_TYPE": "TINYMS",
        "class_names": "dark,bright",
        "model_formats": "ckpt",
        "ORIGINAL_DATASET_URL": str(index),
        "report_patience_seconds": "1",
    }
    train = {
        "WORKER_NAME": "train-worker-bcdfg",
        "BASE_MODEL_URL": str(tmp_path / "lenet.ckpt"),
        "MODEL_URL": str(trained.parent),
        "TRAIN_DATASET_URL": str(index),
    }
    evaluate = {
        "WORKER_NAME": "eval-worker-bcdfg",
        "MODEL_URLS": f"{trained};{tmp_path / 'lenet.ckpt'}",
        "TEST_DATASET_URL": str(index),
    }
    infer = {
        "WORKER_NAME": "inferworker-bcdfg",
        "MODEL_URL": str(trained),
        "HEM_NAME": "CloudOnly",
    }
    _run("python worker.py train", tmp_path, identity | train)
    _run("python worker.py eval", tmp_path, identity | evaluate)
    picture = index.parent / "1.png"
    answer = _run(f"echo {picture} | python worker.py infer", tmp_path, identity | infer)

    assert [(each.kind, each.status) for each in told] == [
        (WorkerKind.TRAIN, WorkerStatus.COMPLETED),
        (WorkerKind.EVAL, WorkerStatus.COMPLETED),
    ]
    assert [each.url for each in told[0].results] == [str(trained)]
    assert [each.metrics["accuracy"] for each in told[1].results] == [[1.0], [1.0]]
    assert answer.strip().endswith("hard")


def _dark_and_bright(folder: Path) -> Path:
    generator, index = np.random.default_rng(1), folder / "index.txt"
    folder.mkdir()
    lines = []
    for number in range(40):
        shade, label = ((60, "dark"), (190, "bright"))[number % 2]
        pixels = generator.normal(shade, 20, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png {label}\n")
    index.write_text("".join(lines))
    return index
