"""This project's backends in a real, unpatched Sedna SDK."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from backend import register_with_sedna
from backend.classifier import TinyMSClassifier
from backend.errors import MissingPackageError, SettingsError
from backend.mindspore.runtime import Device
from backend.models.weights import read_weights
from tests.local_controller import FakeLocalController
from tests.sedna_sdk import (
    CLASSES,
    REPOSITORY,
    hot_update_config,
    needs_sedna,
    run_worker,
    sedna_lib,
    serve_sednas_local_controller,
    worker_environment,
    write_dataset,
)
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus

INPUT_SIZE = 32


@pytest.mark.skipif(sedna_lib() is not None, reason="a Sedna SDK is importable here")
def test_without_an_sdk_registration_says_what_to_do() -> None:
    with pytest.raises(MissingPackageError, match=r"No Sedna SDK .*PYTHONPATH"):
        register_with_sedna()


def test_importing_backend_imports_no_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import backend, sys; sys.exit('sedna' in sys.modules)"], check=False
    )
    assert done.returncode == 0


@pytest.fixture
def sedna_backend(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Sedna's module of backends, taught for one test."""
    backend = import_module("sedna.backend")
    base = import_module("sedna.core.base")

    for importer in (backend, base):
        monkeypatch.setattr(importer, "set_backend", importer.set_backend)
    for name in ("BACKEND_TYPE", "BASE_MODEL_URL", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEVICE_CATEGORY", "CPU")
    register_with_sedna()
    return backend


def wrapped(sedna_backend: ModuleType, **config: str) -> Any:
    estimator = TinyMSClassifier(CLASSES, INPUT_SIZE)
    return sedna_backend.set_backend(estimator, {"backend_type": "TINYMS", **config})


@needs_sedna
@pytest.mark.parametrize("backend_type", ["TINYMS", "MINDSPORE"])
def test_the_backends_are_sednas_too(sedna_backend: ModuleType, backend_type: str) -> None:
    from sedna.backend.base import BackendBase as SednaBackendBase  # noqa: PLC0415

    backend = wrapped(sedna_backend, backend_type=backend_type)
    assert isinstance(backend, SednaBackendBase)
    assert backend.framework == backend_type.lower()
    assert callable(backend.predict_proba)


@needs_sedna
def test_jobs_that_imported_set_backend_before_use_the_new_one(sedna_backend: ModuleType) -> None:
    from sedna.core import base  # noqa: PLC0415

    registered = sedna_backend.set_backend
    assert base.set_backend is registered
    register_with_sedna()
    assert sedna_backend.set_backend is base.set_backend is registered


@needs_sedna
def test_other_backend_types_are_still_sednas(sedna_backend: ModuleType) -> None:
    from sedna.backend.base import BackendBase as SednaBackendBase  # noqa: PLC0415

    with pytest.warns(UserWarning, match="SKLEARN Not Support yet"):
        backend = wrapped(sedna_backend, backend_type="SKLEARN")
    assert type(backend) is SednaBackendBase


@needs_sedna
@pytest.mark.parametrize(
    ("category", "device"), [("NPU", Device.NPU), ("ASCEND", Device.NPU), ("GPU", Device.GPU)]
)
def test_device_category_decides(
    sedna_backend: ModuleType, monkeypatch: pytest.MonkeyPatch, category: str, device: Device
) -> None:
    monkeypatch.setenv("DEVICE_CATEGORY", category)
    assert wrapped(sedna_backend).estimator.device is device


@needs_sedna
def test_the_execution_mode_is_left_to_the_estimator(
    sedna_backend: ModuleType, mindspore: ModuleType
) -> None:
    mode = mindspore.get_context("mode")
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    try:
        model = mindspore.Model(mindspore.nn.Dense(4, 2))
        backend = sedna_backend.set_backend(model, {"backend_type": "MINDSPORE"})
        assert mindspore.get_context("mode") == mindspore.PYNATIVE_MODE
        backend.set_weights(backend.get_weights())
        assert backend.predict(np.zeros((3, 4), np.float32)).shape == (3, 2)
    finally:
        mindspore.set_context(mode=mode)


@needs_sedna
def test_an_unknown_device_is_an_error(
    sedna_backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVICE_CATEGORY", "TPU")
    with pytest.raises(SettingsError, match="DEVICE_CATEGORY='TPU'"):
        wrapped(sedna_backend)


@needs_sedna
def test_training_starts_from_base_model_url(
    sedna_backend: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_MODEL_URL", "/base/model.ckpt")
    assert wrapped(sedna_backend, model_url="/out").model_save_path == "/base/model.ckpt"


@needs_sedna
def test_a_remote_model_goes_through_sednas_storage(
    sedna_backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sedna.common.file_ops import FileOps  # noqa: PLC0415

    store: dict[str, bytes] = {}
    monkeypatch.setattr(FileOps, "s3_upload", lambda source, url: store.update({url: read(source)}))
    monkeypatch.setattr(
        FileOps, "s3_download", lambda url, target: Path(target).write_bytes(store[url])
    )
    url = "s3://models/train/1/model.npz"
    first, second = wrapped(sedna_backend), wrapped(sedna_backend)
    first.set_weights([np.add(each, 1) for each in first.get_weights()])
    assert first.save(url) == url
    second.load(url)
    assert second.get_weights() == first.get_weights()


def read(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The complete worker of docs/sedna-sdk.md."""
    text = (REPOSITORY / "docs" / "sedna-sdk.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    path = tmp_path_factory.mktemp("worker") / "worker.py"
    path.write_text(max(blocks, key=len), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("node") / "home" / "data" / "dataset")


@pytest.fixture(scope="module")
def local_controller() -> Iterator[FakeLocalController]:
    with serve_sednas_local_controller() as controller:
        yield controller


def environment(
    kind: str, controller: FakeLocalController, index: Path, **variables: str
) -> dict[str, str]:
    return worker_environment(
        kind,
        controller.url,
        BACKEND_TYPE="TINYMS",
        class_names=",".join(CLASSES),
        input_size=str(INPUT_SIZE),
        ORIGINAL_DATASET_URL=str(index),
        DATA_PATH_PREFIX=str(index.parent.parent),
        **variables,
    )


@pytest.fixture(scope="module")
def base_model(index: Path) -> Path:
    """Its weights are not those that a new estimator starts with."""
    path = index.parent.parent / "models" / "model.ckpt"
    path.parent.mkdir()
    TinyMSClassifier(CLASSES, INPUT_SIZE, seed=7).save(path)
    return path


@pytest.fixture(scope="module")
def trained(
    worker: Path, index: Path, base_model: Path, local_controller: FakeLocalController
) -> WorkerMessage:
    """What the train worker reports."""
    variables = environment(
        "train-worker",
        local_controller,
        index,
        TRAIN_DATASET_URL=str(index),
        BASE_MODEL_URL=str(base_model),
        MODEL_URL=str(index.parent.parent / "output" / "train" / "1"),
    )
    run_worker([str(worker), "train"], variables)
    return local_controller.next_message()


def on_node(index: Path, message: WorkerMessage) -> Path:
    """Return where the reported model is on this machine."""
    return Path(f"{index.parent.parent}{message.results[0].url}")


@needs_sedna
def test_the_sdk_trains_on_from_the_base_model(
    trained: WorkerMessage, index: Path, base_model: Path
) -> None:
    assert (trained.kind, trained.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    assert trained.results[0].url == "/output/train/1/model_finetune_tinyms.ckpt"
    assert len(trained.results[0].metrics["loss"]) == 5
    weights, card = read_weights(on_node(index, trained))
    base, _ = read_weights(base_model)
    assert card is not None
    assert card.class_names == CLASSES
    changed = {name for name in base if not np.array_equal(weights[name], base[name])}
    assert changed == {"head.head.1.weight", "head.head.1.bias"}


@needs_sedna
def test_the_sdk_evaluates_each_model_anew(
    worker: Path,
    trained: WorkerMessage,
    index: Path,
    base_model: Path,
    local_controller: FakeLocalController,
) -> None:
    variables = environment(
        "eval-worker",
        local_controller,
        index,
        TEST_DATASET_URL=str(index),
        MODEL_URLS=f"{on_node(index, trained)};{base_model}",
    )
    run_worker([str(worker), "eval"], variables)
    message = local_controller.next_message()
    assert message.kind is WorkerKind.EVAL
    candidate, deployed = message.results
    assert (candidate.url, deployed.url) == (trained.results[0].url, "/models/model.ckpt")
    assert candidate.metrics["samples"] == deployed.metrics["samples"] == [8.0]
    assert candidate.metrics["loss"] != deployed.metrics["loss"]


@needs_sedna
def test_the_sdk_infers_and_updates_the_model_while_it_runs(
    worker: Path, index: Path, local_controller: FakeLocalController, tmp_path: Path
) -> None:
    deployed, update = tmp_path / "model.ckpt", tmp_path / "update" / "model.ckpt"
    always_saying("croissant", deployed)
    always_saying("dog", update)
    config = tmp_path / "update" / "model_config.json"
    variables = environment(
        "inferworker",
        local_controller,
        index,
        MODEL_URL=str(deployed),
        HEM_NAME="CrossEntropy",
        HEM_PARAMETERS=json.dumps([{"key": "threshold_cross_entropy", "value": "0.5"}]),
        MODEL_HOT_UPDATE="true",
        MODEL_POLL_PERIOD_SECONDS="1",
        MODEL_HOT_UPDATE_CONFIG=str(config),
        TMPDIR=str(tmp_path),
    )
    with serving([str(worker), "infer"], variables) as ask:
        image = str(index.parent / "0.png")
        assert ask(image) == f"{image} croissant easy"
        config.write_text(hot_update_config(update), encoding="utf-8")
        message = local_controller.next_message()
        assert (message.kind, message.status) == (WorkerKind.DEPLOY, WorkerStatus.COMPLETED)
        assert ask(image) == f"{image} dog easy"


def always_saying(label: str, path: Path) -> None:
    """Write a model that is sure of one class, whatever it sees."""
    estimator = TinyMSClassifier(CLASSES, INPUT_SIZE)
    weights = estimator.get_weights()
    weights["head.head.1.weight"][:] = 0
    weights["head.head.1.bias"] = np.array(
        [20.0 if name == label else -20.0 for name in CLASSES], dtype=np.float32
    )
    estimator.set_weights(weights)
    path.parent.mkdir(exist_ok=True)
    estimator.save(path)


@contextmanager
def serving(command: list[str], variables: dict[str, str]) -> Iterator[Callable[[str], str]]:
    """Run an inference worker; yield what asks it a line and waits for its answer."""
    with subprocess.Popen(
        [sys.executable, *command],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(question: str) -> str:
            questions.write(f"{question}\n")
            return answers.readline().rstrip()

        yield ask
        # Sedna's thread would keep it alive.
        process.kill()
