import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest
from watchfiles import watch

from backend.errors import ModelFileError
from tests.workers.conftest import FakeLocalController
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerKind, WorkerStatus
from workers.hot_update import REPORTED_UPDATE_FILE
from workers.infer.inbox import Inbox
from workers.infer.model import ModelSlot
from workers.infer.service import InferenceService
from workers.settings import InferSettings

MakeImage = Callable[[Path, str], Path]


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


@dataclass
class Bench:
    """A service on a folder, driven one pass at a time."""

    inbox: Inbox
    service: InferenceService
    slot: ModelSlot

    def answer(self) -> None:
        self.service.answer_waiting(Event())

    def read(self, name: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads((self.inbox.folder / f"{name}.json").read_text())
        return answer


@pytest.fixture
def bench(environment: dict[str, str]) -> Bench:
    settings = InferSettings.from_environment(environment)
    inbox, slot = Inbox(settings.infer_url), ModelSlot(settings)
    slot.load(settings.model_url)
    return Bench(inbox, InferenceService(settings, inbox, slot), slot)


def test_images_are_answered_and_moved(bench: Bench, make_image: MakeImage) -> None:
    for kind in ("dark", "bright"):
        make_image(bench.inbox.folder / f"{kind}.png", kind)
    bench.answer()
    assert bench.inbox.waiting() == []
    for kind in ("dark", "bright"):
        answer = bench.read(f"done/{kind}.png")
        assert (answer["image"], answer["label"]) == (f"{kind}.png", kind)
        assert (answer["miner"], answer["hard"]) == ("CrossEntropy", False)
        assert (bench.inbox.folder / "done" / f"{kind}.png").exists()


def test_more_than_a_batch_is_answered_in_one_pass(bench: Bench, make_image: MakeImage) -> None:
    for number in range(70):
        make_image(bench.inbox.folder / f"{number}.png", "dark" if number % 3 else "bright")
    bench.answer()
    labels = [bench.read(f"done/{number}.png")["label"] for number in range(70)]
    assert labels == ["dark" if number % 3 else "bright" for number in range(70)]


def test_only_hard_examples_are_saved(bench: Bench, make_image: MakeImage, tmp_path: Path) -> None:
    for kind in ("dark", "grey", "bright"):
        make_image(bench.inbox.folder / f"{kind}.png", kind)
    bench.answer()
    assert bench.read("done/grey.png")["hard"] is True
    saved = sorted(path.suffix for path in (tmp_path / "hard").iterdir())
    assert saved == [".json", ".png"]
    (sidecar,) = (tmp_path / "hard").glob("grey-*.json")
    assert json.loads(sidecar.read_text())["true_label"] is None


def test_an_answered_image_is_not_answered_again(
    bench: Bench, make_image: MakeImage, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    image = make_image(bench.inbox.folder / "a.png", "dark")
    bench.answer()
    (bench.inbox.folder / "done" / "a.png").replace(image)  # as if killed before the move
    bench.slot.load(make_model(tmp_path / "wrong.onnx", sharpness=-4.0))
    bench.answer()
    assert bench.read("done/a.png")["label"] == "dark"
    assert bench.inbox.waiting() == []


def test_a_half_copied_image_is_answered_when_it_is_whole(
    bench: Bench, make_image: MakeImage, tmp_path: Path
) -> None:
    whole = make_image(tmp_path / "whole.png", "bright").read_bytes()
    image = bench.inbox.folder / "a.png"
    image.write_bytes(whole[:60])
    bench.answer()
    assert image.exists()
    image.write_bytes(whole)
    bench.answer()
    assert bench.read("done/a.png")["label"] == "bright"


def test_what_stays_unreadable_is_rejected_and_the_rest_answered(
    bench: Bench, make_image: MakeImage
) -> None:
    text = bench.inbox.folder / "notes.txt"
    text.write_text("no image")
    os.utime(text, (time.time() - 60, time.time() - 60))
    make_image(bench.inbox.folder / "a.png", "dark")
    bench.answer()
    assert bench.inbox.waiting() == []
    assert "notes.txt" in str(bench.read("rejected/notes.txt")["reason"])
    assert bench.read("done/a.png")["label"] == "dark"


def test_nothing_is_answered_while_another_worker_answers(
    bench: Bench, make_image: MakeImage
) -> None:
    make_image(bench.inbox.folder / "a.png", "dark")
    with Inbox(bench.inbox.folder).lock():
        bench.answer()
        assert len(bench.inbox.waiting()) == 1
    bench.answer()
    assert bench.inbox.waiting() == []


def test_a_large_photograph_is_seen_as_in_training(bench: Bench, tmp_path: Path) -> None:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    pixels = np.random.default_rng(0).integers(0, 256, (150, 401, 3), dtype=np.uint8)
    photograph = tmp_path / "noise.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(pixels).save(photograph, exif=exif)
    served = bench.slot.served
    assert served
    (expected,) = served.incremental.estimator.predict([photograph])
    photograph.replace(bench.inbox.folder / "noise.png")
    bench.answer()
    assert bench.read("done/noise.png")["probabilities"] == dict(
        zip(("dark", "bright"), expected.probabilities.tolist(), strict=True)
    )


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_damaged_model_leaves_the_present_one(
    bench: Bench, tmp_path: Path, content: bytes
) -> None:
    before = bench.slot.served
    (tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(ModelFileError):
        bench.slot.load(tmp_path / "damaged.onnx")
    assert bench.slot.served is before


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    variables = {"PATH": os.environ["PATH"], "PYTHONPROFILEIMPORTTIME": "1"} | environment
    with subprocess.Popen(
        [sys.executable, "-m", "workers", "infer"],
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def wait_for(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    for _ in watch(file.parent, rust_timeout=50, yield_on_timeout=True):
        if file.exists():
            break
    return file.read_text()


@pytest.mark.timeout(60)
def test_a_worker_answers_updates_and_ends_within_a_second(
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
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
        assert time.monotonic() - told < 1
    assert process.returncode == 0
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
        _, log = process.communicate(timeout=30)
    assert process.returncode == ModelFileError.exit_status
    assert " ERROR infer worker: " in log.splitlines()[-1]
    assert "model.onnx" in log.splitlines()[-1]
    assert local_controller.messages.empty()
