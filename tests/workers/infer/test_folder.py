import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backend.images.preprocessing import InputFormat, preprocess_batch
from tests.brightness_model import SIDE
from tests.faults.disks import NoLargerFiles
from workers.data.answers import HardExample
from workers.infer.folder import FolderService
from workers.infer.hard_examples import HardExampleStore
from workers.infer.inbox import Inbox
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot
from workers.infer.settings import InferSettings
from workers.storage.watching import changes

MakeImage = Callable[[Path, str], Path]


class Clock:
    """Stands still until a test moves it."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """A service on a folder, driven one pass at a time."""

    inbox: Inbox
    service: FolderService
    slot: ModelSlot
    clock: "Clock"

    def answer(self) -> None:
        self.service.answer_waiting(Event())

    def read(self, name: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads((self.inbox.folder / f"{name}.json").read_text())
        return answer


@pytest.fixture
def bench(variables: dict[str, str], tmp_path: Path) -> Bench:
    inbox = Inbox(tmp_path / "inbox")
    settings = InferSettings.from_environment(variables | {"infer_url": str(inbox.folder)})
    slot = ModelSlot(settings)
    slot.load(settings.model_url)
    metrics = ServingMetrics(slot)
    store = HardExampleStore(tmp_path / "hard", quota=10**6)
    clock = Clock()
    service = FolderService(settings, inbox, slot, metrics, store, clock=clock)
    return Bench(inbox, service, slot, clock)


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
    example = HardExample.model_validate_json(sidecar.read_bytes())
    assert len(example.direction) == 3
    assert "features" not in bench.read("done/grey.png")


@pytest.mark.parametrize("kind", ["dark", "grey"])
def test_an_image_that_is_taken_away_while_it_is_answered_keeps_no_other_waiting(
    bench: Bench, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    taken = make_image(bench.inbox.folder / "a.png", kind)
    make_image(bench.inbox.folder / "b.png", "bright")
    served = bench.slot.required
    probabilities = served.probabilities

    def take_away(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        taken.unlink()
        return probabilities(inputs)

    monkeypatch.setattr(served, "probabilities", take_away)
    bench.answer()
    assert bench.read("done/b.png")["label"] == "bright"
    assert bench.inbox.waiting() == []


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
    make_image(bench.inbox.folder / "a.png", "dark")
    bench.answer()
    assert text.exists()
    bench.clock.seconds = 5
    bench.answer()
    assert bench.inbox.waiting() == []
    assert "notes.txt" in str(bench.read("rejected/notes.txt")["reason"])
    assert bench.read("done/a.png")["label"] == "dark"


@pytest.mark.parametrize("age", [-3600, 3600])
def test_a_copy_is_waited_for_whatever_time_its_file_has(
    bench: Bench, make_image: MakeImage, tmp_path: Path, age: int
) -> None:
    whole = make_image(tmp_path / "whole.png", "bright").read_bytes()
    image = bench.inbox.folder / "a.png"
    for end in (60, 100):
        image.write_bytes(whole[:end])
        os.utime(image, (time.time() - age, time.time() - age))
        bench.answer()
        bench.clock.seconds += 4
    image.write_bytes(whole)
    bench.answer()
    assert bench.read("done/a.png")["label"] == "bright"


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
    pixels = np.random.default_rng(0).integers(0, 256, (150, 401, 3), dtype=np.uint8)
    photograph = tmp_path / "noise.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    Image.fromarray(pixels).save(photograph, exif=exif)
    expected = bench.slot.required.probabilities(preprocess_batch([photograph], InputFormat(SIDE)))[
        0
    ]
    photograph.replace(bench.inbox.folder / "noise.png")
    bench.answer()
    assert bench.read("done/noise.png")["probabilities"] == dict(
        zip(("dark", "bright"), expected.tolist(), strict=True)
    )


def test_a_narrow_strip_is_rejected_before_it_is_scaled_up(bench: Bench, tmp_path: Path) -> None:
    strip = bench.inbox.folder / "strip.png"
    Image.new("RGB", (1, 100_000)).save(strip)
    bench.answer()
    bench.clock.seconds = 5
    bench.answer()
    assert "1x100000" in str(bench.read("rejected/strip.png")["reason"])


class Seen(logging.Handler):
    """Knows when something was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.event = Event()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - logging's signature
        self.event.set()


def test_images_wait_while_the_disk_is_full(
    bench: Bench, make_image: MakeImage, tmp_path: Path
) -> None:
    make_image(tmp_path / "a.png", "dark")
    seen, stop = Seen(), Event()
    logging.getLogger("workers.infer.folder").addHandler(seen)
    serving = Thread(target=bench.service.run, args=(stop,))
    with NoLargerFiles.limited(tmp_path / "disk") as disk:
        disk.fill()
        (tmp_path / "a.png").rename(bench.inbox.folder / "a.png")
        serving.start()
        assert seen.event.wait(30)
    for _ in changes(bench.inbox.folder / "done", 0.1, stop):
        if (bench.inbox.folder / "done" / "a.png").exists():
            stop.set()
    serving.join()
    logging.getLogger("workers.infer.folder").removeHandler(seen)
    assert bench.read("done/a.png")["label"] == "dark"


@pytest.mark.parametrize("name", ["a.png", "a.png.json"])
def test_a_folder_in_the_answers_way_keeps_no_other_image_waiting(
    bench: Bench, make_image: MakeImage, name: str
) -> None:
    (bench.inbox.folder / "done" / name).mkdir()
    make_image(bench.inbox.folder / "a.png", "dark")
    make_image(bench.inbox.folder / "b.png", "bright")
    bench.answer()
    assert bench.inbox.waiting() == []
    assert bench.read("done/b.png")["label"] == "bright"
    assert "Is a directory" in str(bench.read("rejected/a.png")["reason"])


def test_a_file_that_cannot_be_moved_is_answered_once_and_keeps_no_other_waiting(
    bench: Bench, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = make_image(bench.inbox.folder / "a.png", "dark")
    make_image(bench.inbox.folder / "b.png", "bright")
    replace = Path.replace

    def replace_own(path: Path, target: Path) -> Path:
        if path == stuck:
            raise PermissionError(1, "Operation not permitted", str(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_own)
    for _ in range(2):
        bench.answer()
    assert bench.inbox.waiting() == []
    assert bench.read("done/a.png")["label"] == "dark"
    assert bench.read("done/b.png")["label"] == "bright"
    assert "Operation not permitted" in str(bench.read("rejected/a.png")["reason"])


def test_an_inbox_that_is_missing_for_a_moment_is_waited_for(
    bench: Bench, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    bench.inbox.folder.rename(away)

    def changes_twice(*_: object) -> Iterator[None]:
        yield
        away.rename(bench.inbox.folder)
        yield

    monkeypatch.setattr("workers.infer.folder.changes", changes_twice)
    make_image(away / "a.png", "dark")
    bench.service.run(Event())
    assert bench.read("done/a.png")["label"] == "dark"


def test_a_picture_beyond_the_limit_is_set_aside_undecoded(bench: Bench) -> None:
    Image.new("RGB", (7000, 7000)).save(bench.inbox.folder / "a.png", compress_level=1)
    bench.answer()
    bench.clock.seconds = 60
    bench.answer()
    assert "7000 x 7000 pixels: at most 48 million" in str(bench.read("rejected/a.png")["reason"])
