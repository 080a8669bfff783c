"""The built images, each run as a cluster that trusts no one would run it.

Without a network; the LocalController is another container, whose loopback the workers share.
"""

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from watchfiles import watch

from demo.pictures import Light, render_folder
from tests.docker.conftest import WORKER_UID, Images, open_to_workers, run
from workers.contract import ModelConfig, ModelHotUpdateConfig

WORKERS = ("train", "eval", "infer")
LOCAL_CONTROLLER = Path(__file__).with_name("local_controller.py")
LOOKS = 60
COMMON = {
    "NAMESPACE": "default",
    "JOB_NAME": "dog-croissants",
    "LC_SERVER": "http://127.0.0.1:9100",
    "DATA_PATH_PREFIX": "/home/data",
    "class_names": "croissant,dog",
    "input_shape": "32,32",
    "epochs": "1",
    "batch_size": "4",
    "replay": "0",
    "report_margin_seconds": "0",
}


@dataclass(frozen=True)
class Edge:
    """A node with samples and a first model, and its LocalController."""

    images: Images
    folder: Path
    controller: str

    def command(self, worker: str, *options: str, **variables: str) -> list[str]:
        environment = {**COMMON, "WORKER_NAME": f"{worker}-worker", **variables}
        options = (
            f"--volume={self.folder}:/home/data/node",
            *(f"--env={name}={value}" for name, value in environment.items()),
            *options,
        )
        network = f"container:{self.controller}"
        return [*self.images.hardened(worker, *options, network=network), worker]

    def run(self, worker: str, **variables: str) -> dict[str, Any]:
        """Run a worker to its end and return its report."""
        run(self.command(worker, **variables))
        message: dict[str, Any] = json.loads(
            (self.folder / "messages" / f"{worker}-worker.json").read_bytes()
        )
        return message


TRAIN = {
    "BASE_MODEL_URL": "/home/data/node/models/model.ckpt",
    "MODEL_URL": "/home/data/node/train/1",
    "TRAIN_DATASET_URL": "/home/data/node/index.txt",
    "ORIGINAL_DATASET_URL": "/home/data/node/index.txt",
}
EVAL = {
    "MODEL_URLS": "/home/data/node/train/1/model.onnx;/home/data/node/models/model.onnx",
    "TEST_DATASET_URL": "/home/data/node/data/eval/1/data.txt",
    "ORIGINAL_DATASET_URL": "/home/data/node/index.txt",
}
INFER = {
    "MODEL_URL": "/home/data/node/models/model.onnx",
    "infer_url": "/home/data/node/inbox",
    "HEM_NAME": "Random",
    "HEM_PARAMETERS": '[{"key": "random_ratio", "value": "0.5"}]',
}


@pytest.fixture(scope="module")
def edge(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge node that is ready for its first round."""
    folder = open_to_workers(tmp_path_factory.mktemp("node"))
    for name in ("messages", "models", "train", "inbox", "data/eval/1"):
        open_to_workers(folder / name)
    pictures = render_folder(folder / "pictures", Light.DAY, 8, seed=0)
    index = "".join(f"pictures/{path.name} {label}\n" for path, label in pictures)
    for name in ("index.txt", "data/eval/1/data.txt"):
        (folder / name).write_text(index)
    images.make_model(folder / "models", size=32)
    name = f"sedna-tinyms-lc-{folder.parent.name}-{folder.name}"
    command = images.hardened(
        "infer",
        f"--name={name}",
        "--entrypoint=python",
        f"--volume={LOCAL_CONTROLLER}:/lc.py:ro",
        f"--volume={folder}/messages:/messages",
    )
    with subprocess.Popen([*command, "/lc.py", "/messages"], stdout=subprocess.PIPE) as process:
        assert _output(process).readline() == b"ready\n"
        yield Edge(images, folder, name)
        run([images.engine.name, "rm", "--force", name])


def test_a_round_trains_and_evaluates(edge: Edge) -> None:
    trained = edge.run("train", **TRAIN)
    assert (trained["kind"], trained["status"]) == ("train", "completed")
    assert [result["url"] for result in trained["results"]] == [
        "/node/train/1/model.ckpt",
        "/node/train/1/model.onnx",
    ]
    evaluated = edge.run("eval", **EVAL)
    assert (evaluated["kind"], evaluated["status"]) == ("eval", "completed")
    assert [0 <= r["metrics"]["accuracy"][0] <= 1 for r in evaluated["results"]] == [True, True]


def test_the_inference_image_answers_and_ends_cleanly_on_sigterm(edge: Edge) -> None:
    picture = next((edge.folder / "pictures").iterdir())
    inbox, done = edge.folder / "inbox", open_to_workers(edge.folder / "inbox" / "done")
    open_to_workers(inbox / "rejected")
    name = f"{edge.controller}-infer"
    with subprocess.Popen(edge.command("infer", f"--name={name}", **INFER)) as process:
        (inbox / picture.name).write_bytes(picture.read_bytes())
        (inbox / picture.name).chmod(0o666)
        _wait_for(done / f"{picture.name}.json")
        run([edge.images.engine.name, "kill", "--signal=TERM", name])
        assert process.wait(timeout=10) == 0
    assert json.loads((done / f"{picture.name}.json").read_bytes())["label"] in {"croissant", "dog"}


def test_the_inference_image_applies_a_hot_update(edge: Edge) -> None:
    hot = open_to_workers(edge.folder / "hot")
    report = edge.folder / "messages" / "hot-worker.json"
    (hot / "model.onnx").write_bytes((edge.folder / "models" / "model.onnx").read_bytes())
    model = ModelConfig(model_path="/model-hot-update/model.onnx", model_update_time="1")
    config = hot / "model_config.json"
    config.write_text(ModelHotUpdateConfig(model_config=model).to_json())
    variables = {"WORKER_NAME": "hot-worker", "MODEL_HOT_UPDATE": "true"}
    name = f"{edge.controller}-hot"
    options = (f"--name={name}", f"--volume={hot}:/model-hot-update")
    with subprocess.Popen(edge.command("infer", *options, **INFER, **variables)) as process:
        _wait_for(report)
        run([edge.images.engine.name, "kill", "--signal=TERM", name])
        assert process.wait(timeout=10) == 0
    message = json.loads(report.read_bytes())
    assert (message["kind"], message["status"]) == ("deploy", "completed")


def test_sigterm_ends_a_training_at_once(edge: Edge) -> None:
    name = f"{edge.controller}-train"
    variables = {**TRAIN, "MODEL_URL": "/home/data/node/train/2", "epochs": "10000"}
    command = edge.command("train", f"--name={name}", **variables)
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        stream = process.stderr
        assert stream is not None
        assert any(b"training on 8 new" in line for line in stream)
        run([edge.images.engine.name, "kill", "--signal=TERM", name])
        stream.read()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_the_inference_image_says_what_it_cannot_do(edge: Edge) -> None:
    command = [*edge.images.hardened("infer", "--env=WORKER_NAME=x", "--env=JOB_NAME=x"), "infer"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "class_names is not set" in done.stderr


@pytest.mark.parametrize("worker", WORKERS)
def test_every_worker_of_an_image_can_be_imported(images: Images, worker: str) -> None:
    script = (
        "import importlib, pkgutil, workers\n"
        "names = [m.name for m in pkgutil.walk_packages(workers.__path__, 'workers.')]\n"
        "[importlib.import_module(n) for n in names if not n.endswith('__main__')]\n"
        "print(len(names))"
    )
    assert int(images.python(worker, script)) > 10


@pytest.mark.parametrize("worker", WORKERS)
def test_an_image_runs_as_a_user_without_rights_and_holds_no_tools(
    images: Images, worker: str
) -> None:
    script = (
        "import importlib.util, os, shutil\n"
        "print(os.getuid(), *filter(importlib.util.find_spec, ['pip', 'setuptools', 'jobs']),"
        " *filter(shutil.which, ['pip', 'gcc', 'ld']))"
    )
    assert images.python(worker, script).split() == [str(WORKER_UID)]


def test_the_inference_image_holds_no_mindspore(images: Images) -> None:
    script = "import importlib.util; print(importlib.util.find_spec('mindspore'))"
    assert images.python("infer", script).strip() == "None"


@pytest.mark.parametrize(("worker", "most"), [("train", 900e6), ("eval", 900e6), ("infer", 300e6)])
def test_an_image_is_no_larger_than_promised(images: Images, worker: str, most: float) -> None:
    assert images.inspect(worker)["Size"] < most


@pytest.mark.parametrize("worker", WORKERS)
def test_an_image_says_what_it_is(images: Images, worker: str) -> None:
    labels = images.inspect(worker)["Config"]["Labels"]
    for name in ("title", "description", "licenses", "version", "revision", "created", "base.name"):
        assert labels[f"org.opencontainers.image.{name}"]


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _wait_for(path: Path) -> None:
    looks = watch(path.parent, rust_timeout=1000, yield_on_timeout=True)
    for _, _ in zip(range(LOOKS), looks, strict=False):
        if path.exists():
            return
    pytest.fail(f"{path} did not appear")
