import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from watchfiles import watch

from backend.errors import ModelFileError
from tests.local_controller import FakeLocalController
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerKind, WorkerStatus
from workers.sedna.hot_update import REPORTED_UPDATE_FILE

MakeImage = Callable[[Path, str], Path]

LOG = "worker.log"


@pytest.fixture
def environment(
    tmp_path: Path, identity: dict[str, str], make_model: Callable[..., Path]
) -> dict[str, str]:
    (tmp_path / "hot").mkdir()
    return identity | {
        "MODEL_URL": str(make_model(tmp_path / "model.onnx")),
        "infer_url": str(tmp_path / "inbox"),
        "HE_SAVED_URL": str(tmp_path / "hard"),
        "HEM_NAME": "CrossEntropy",
        "HEM_PARAMETERS": '[{"key": "threshold_cross_entropy", "value": "0.5"}]',
        "MODEL_HOT_UPDATE": "true",
        "MODEL_POLL_PERIOD_SECONDS": "1",
        "MODEL_HOT_UPDATE_CONFIG": str(tmp_path / "hot" / "model_config.json"),
    }


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    variables = {"PATH": os.environ["PATH"], "PYTHONPROFILEIMPORTTIME": "1"} | environment
    command = [sys.executable, "-m", "workers", "infer"]
    # Not a pipe: if it were not read, it would be full before all imports are listed.
    with (
        Path(environment["MODEL_URL"]).with_name(LOG).open("w") as log,
        subprocess.Popen(command, env=variables, stderr=log, text=True) as process,
    ):
        yield process
        process.kill()


def wait_for(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    for _ in watch(file.parent, rust_timeout=50, yield_on_timeout=True):
        if file.exists():
            break
    return file.read_text()


@pytest.mark.timeout(60)
def test_a_worker_answers_updates_and_ends_when_it_is_told(
    environment: dict[str, str],
    tmp_path: Path,
    make_image: MakeImage,
    make_model: Callable[..., Path],
    local_controller: FakeLocalController,
) -> None:
    inbox = tmp_path / "inbox"
    with worker(environment) as process:
        make_image(inbox / ".a.png", "dark").rename(inbox / "a.png")
        assert json.loads(wait_for(inbox / "done" / "a.png.json"))["label"] == "dark"
        wrong = make_model(tmp_path / "hot" / "wrong.onnx", sharpness=-4.0)
        config = ModelConfig(model_path=str(wrong), model_update_time="now")
        (tmp_path / "hot" / "model_config.json").write_text(
            ModelHotUpdateConfig(model_config=config).to_json()
        )
        message = local_controller.next_message()
        assert (message.kind, message.status) == (WorkerKind.DEPLOY, WorkerStatus.COMPLETED)
        assert message.results == []
        wait_for(tmp_path / "hot" / REPORTED_UPDATE_FILE)
        make_image(inbox / ".b.png", "dark").rename(inbox / "b.png")
        assert json.loads(wait_for(inbox / "done" / "b.png.json"))["label"] == "bright"
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    assert process.returncode == 0
    log = (tmp_path / LOG).read_text()
    imported = {line.rpartition("|")[2].strip() for line in log.splitlines()}
    assert "onnxruntime" in imported
    assert "mindspore" not in imported


@pytest.mark.timeout(60)
def test_a_restarted_worker_serves_the_newest_model_at_once(
    environment: dict[str, str],
    tmp_path: Path,
    make_image: MakeImage,
    make_model: Callable[..., Path],
) -> None:
    wrong = make_model(tmp_path / "hot" / "wrong.onnx", sharpness=-4.0)
    config = ModelConfig(model_path=str(wrong), model_update_time="now")
    text = ModelHotUpdateConfig(model_config=config).to_json()
    (tmp_path / "hot" / "model_config.json").write_text(text)
    make_image(tmp_path / "inbox" / "a.png", "dark")
    with worker(environment):
        answer = json.loads(wait_for(tmp_path / "inbox" / "done" / "a.png.json"))
    assert answer["label"] == "bright"


@pytest.mark.timeout(60)
def test_a_worker_without_a_model_ends_with_its_errors_status(
    environment: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    (tmp_path / "model.onnx").unlink()
    with worker(environment) as process:
        process.wait(timeout=30)
    assert process.returncode == ModelFileError.exit_status
    log = (tmp_path / LOG).read_text()
    assert " ERROR infer worker: " in log.splitlines()[-1]
    assert "model.onnx" in log.splitlines()[-1]
    assert local_controller.messages.empty()
