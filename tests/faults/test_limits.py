"""The workers under the memory and the processor of their manifests, with the worst that fits."""

import gzip
import io
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from backend.classifier import TinyMSClassifier
from tests.brightness_model import SIDE, write_model
from tests.coloured_pictures import SHADES, draw_colours
from tests.e2e.conftest import BARE_ENVIRONMENT
from tests.local_controller import FakeLocalController
from tests.workers.conftest import identity, local_controller
from tests.workers.infer.http.test_odd_files import peak_bytes
from tests.workers.infer.http.worker import Worker, running, wait_until_ready
from tests.workers.infer.test_hard_examples import example
from workers.contract import WorkerStatus
from workers.data.quarantine import read_quarantine
from workers.infer.hard_examples import HardExampleStore

__all__ = ["identity", "local_controller"]

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
UNITS = {"M": MEBIBYTE, "G": 1024 * MEBIBYTE}
LARGEST = 16 * MEBIBYTE
LIVE_SECONDS = 0.1
TOGETHER = 4
PERIOD = 0.05
REFUSED_OR_ANSWERED = {200, 400, 413, 503}


def limits_of(file: Path) -> list[int]:
    """Return the memory limits in a manifest's text, in bytes."""
    found = re.findall(r"limits: .*memory: (\d+)([MG])i", file.read_text())
    return [int(number) * UNITS[unit] for number, unit in found]


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def filled(unit: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    return head + unit * ((LARGEST - len(head) - len(tail)) // len(unit)) + tail


def tensor(shape: list[int]) -> bytes:
    return json.dumps({"name": "input", "datatype": "FP32", "shape": shape}).encode()[:-1]


TRAIN_LIMIT, EVAL_LIMIT, INFER_LIMIT = limits_of(ROOT / "manifests" / "job.yaml")
# The page's Deployment stands in the guide.
LABEL_LIMIT = limits_of(ROOT / "docs" / "how-to" / "labelling.md")[-1]
HEAD = b'{"inputs": [' + tensor([64, 3, SIDE, SIDE]) + b', "data": ['
TEXT = b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["'
FORM = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
JSON = {
    "objects": (b'{"":0},', b'{"inputs": [', b"{}]}"),
    "keys": (b'"data":[', b"{", b""),
    "lists": (b"[", b"", b""),
    "blanks": (b" ", b"", b""),
    "zeros": (b"0,", HEAD, b"0]}]}"),
    "fractions": (b"0.12345678,", HEAD, b"0]}]}"),
    "one number": (b"1", HEAD, b"]}]}"),
    "one fraction": (b"1", HEAD + b"0.", b"]}]}"),
    "base64": (b"A" * 64 + b"\\n", TEXT, b'"]}]}'),
    "escapes": (b"\\u0041", TEXT, b'"]}]}'),
}
FORMS = {
    "almost boundaries": (b"\r\n--", FORM, b""),
    "parts": (b"\r\n--x\r\n\r\n", FORM, b""),
    "line ends": (b"\r\n", FORM, b""),
}


def flat(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (90, 60, 30))


def fractions(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.full((height, width), 0.5, np.float32))


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


PICTURES: dict[str, Callable[[], bytes]] = {
    "48 million pixels": lambda: saved(flat(8000, 6000), "PNG", compress_level=1),
    "48 million, turned": lambda: saved(flat(8000, 6000), "PNG", exif=turned(), compress_level=1),
    "24 million, RGBA": lambda: saved(flat(6000, 4000).convert("RGBA"), "PNG", exif=turned()),
    "24 million, progressive": lambda: saved(
        flat(6000, 4000), "JPEG", progressive=True, subsampling=0
    ),
    "13 million fractions": lambda: saved(fractions(4400, 3000), "TIFF", compression="tiff_lzw"),
    "10 million, WebP": lambda: saved(flat(4000, 2600), "WEBP", method=0),
    "19 million, AVIF": lambda: saved(flat(5000, 3800), "AVIF", speed=10),
    "far too many": lambda: saved(flat(9400, 9400), "PNG", compress_level=1),
}


@contextmanager
def watched(worker: Worker) -> Iterator[list[float]]:
    """Ask for liveness all the time; yield the seconds that each answer takes."""
    seconds: list[float] = []
    stop = Event()

    def ask() -> None:
        with worker.client() as client:
            while not stop.wait(0.02):
                start = time.perf_counter()
                assert client.get("/v2/health/live").status_code == httpx.codes.OK
                seconds.append(time.perf_counter() - start)

    Path(f"/proc/{worker.process.pid}/clear_refs").write_text("5")  # the peak starts again
    thread = Thread(target=ask)
    thread.start()
    try:
        yield seconds
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def infer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Path]]:
    folder = tmp_path_factory.mktemp("infer")
    (folder / "hard").mkdir()
    variables = {
        "JOB_NAME": "lamps",
        "WORKER_NAME": "inferworker-abcde",
        "MODEL_URL": str(write_model(folder / "model.onnx")),
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
        "infer_url": str(folder / "inbox"),
        "HE_SAVED_URL": str(folder / "hard"),
        "HEM_NAME": "CrossEntropy",
        "http_access_log": "false",
    }
    with running(variables) as worker:
        wait_until_ready(worker)
        # The manifest's limit is one processor.
        psutil.Process(worker.process.pid).cpu_affinity([min(os.sched_getaffinity(0))])
        yield worker, folder / "inbox"


def ask_together(worker: Worker, path: str, body: bytes, **headers: str) -> set[int]:
    def ask(_: int) -> int:
        with worker.client() as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post(path, content=body, headers=named).status_code

    with ThreadPoolExecutor(TOGETHER) as pool:
        return set(pool.map(ask, range(TOGETHER)))


def check(worker: Worker, seconds: list[float], limit: int = INFER_LIMIT) -> None:
    """Fail unless the worker lives within its memory and is seen to live.

    The machine may do other things: where more threads than processors want to run, what is
    waited for takes as much longer, and a tenth of the answers, or one of a few, any time.
    """
    assert worker.process.poll() is None
    assert peak_bytes(psutil.Process(worker.process.pid)) < limit
    crowd = max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    slow = min(math.ceil(len(seconds) / 10), len(seconds) - 1)
    assert sorted(seconds, reverse=True)[slow] < LIVE_SECONDS * crowd


@pytest.mark.parametrize("name", JSON)
def test_json_is_answered_or_refused(infer: tuple[Worker, Path], name: str) -> None:
    worker, _ = infer
    body = filled(*JSON[name])
    with watched(worker) as seconds:
        statuses = ask_together(worker, "/v2/models/lamps/infer", body)
    assert statuses <= REFUSED_OR_ANSWERED
    check(worker, seconds)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_answered_or_refused_and_leave_the_inbox(
    infer: tuple[Worker, Path], name: str
) -> None:
    worker, inbox = infer
    body = PICTURES[name]()
    with watched(worker) as seconds:
        (inbox / ".a").write_bytes(body)
        (inbox / ".a").rename(inbox / "a.png")
        statuses = ask_together(worker, "/classify", body)
        while (inbox / "a.png").exists():
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(0.2)
    assert statuses <= REFUSED_OR_ANSWERED
    check(worker, seconds)


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_answered_or_refused(infer: tuple[Worker, Path], name: str) -> None:
    worker, _ = infer
    content_type = {"Content_Type": "multipart/form-data; boundary=x"}
    with watched(worker) as seconds:
        statuses = ask_together(worker, "/classify", filled(*FORMS[name]), **content_type)
    assert statuses <= REFUSED_OR_ANSWERED
    check(worker, seconds)


def test_a_compressed_bomb_is_refused(infer: tuple[Worker, Path]) -> None:
    worker, _ = infer
    bomb = gzip.compress(bytes(1000 * MEBIBYTE), 1)
    with watched(worker) as seconds:
        statuses = ask_together(worker, "/classify", bomb, Content_Encoding="gzip")
    assert statuses <= {413}
    check(worker, seconds)


def test_elements_without_content_are_refused(infer: tuple[Worker, Path]) -> None:
    worker, _ = infer
    data = bytes(LARGEST - 1000)
    sent = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [len(data) // 4],
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [sent]}).encode()
    length = {"Inference_Header_Content_Length": str(len(head))}
    with watched(worker) as seconds:
        statuses = ask_together(worker, "/v2/models/lamps/infer", head + data, **length)
    assert statuses <= {400, 413, 503}
    check(worker, seconds)


def test_a_sparse_file_is_set_aside(infer: tuple[Worker, Path]) -> None:
    worker, inbox = infer
    hidden = inbox / ".sparse"
    hidden.write_bytes(b"RIFF\xff\xff\xff\x7fWEBPVP8L")
    os.truncate(hidden, 2**31)
    with watched(worker) as seconds:
        hidden.rename(inbox / "sparse.webp")
        while (inbox / "sparse.webp").exists():
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(0.2)
    assert (inbox / "rejected" / "sparse.webp").exists()
    check(worker, seconds)


def test_a_page_of_large_photographs_is_shown(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    photograph = saved(Image.fromarray(noise), "JPEG")
    transparent = saved(flat(6000, 4000).convert("RGBA"), "PNG", exif=turned())
    (tmp_path / "hard").mkdir()
    store = HardExampleStore(tmp_path / "hard", quota=2**30)
    pictures = [photograph + bytes([number]) for number in range(12)] + [transparent]
    names = [path.name for each in pictures if (path := store.save("a.jpg", each, example()))]
    variables = {
        "HE_SAVED_URL": str(tmp_path / "hard"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataset" / "index.txt"),
        "class_names": "dark,bright",
    }
    with running(variables, "label") as worker:

        def look(name: str) -> int:
            with worker.client() as client:
                return client.get(f"/pictures/{name}").status_code

        with ThreadPoolExecutor(len(names)) as browser:
            assert set(browser.map(look, names)) == {httpx.codes.OK}
        check(worker, [0.0], LABEL_LIMIT)


TRAINED_ON: dict[str, Callable[[], bytes]] = {
    "89 million, CMYK.jpg": lambda: saved(
        flat(9400, 9400).convert("CMYK"), "JPEG", progressive=True, exif=turned()
    ),
    "50 million fractions.tiff": lambda: saved(
        fractions(7100, 7100), "TIFF", compression="tiff_lzw"
    ),
    "39 million, WebP.webp": lambda: saved(flat(6300, 6300), "WEBP", method=0),
}
"""What a dataset may hold at most; each takes 600 to 700 MiB when it is decoded."""
REFUSED: dict[str, Callable[[], bytes]] = {
    "strip.png": lambda: saved(flat(1, 60_000), "PNG"),
    "too many.png": lambda: saved(flat(9500, 9500), "PNG", compress_level=1),
    "no end.png": lambda: b"\x89PNG\r\n\x1a\n",
}


@pytest.fixture(scope="module")
def job_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with the worst pictures, and the models of its classes."""
    folder = tmp_path_factory.mktemp("job")
    dataset = folder / "dataset"
    samples = draw_colours(dataset, SHADES, 16)
    for number, (name, make) in enumerate({**TRAINED_ON, **REFUSED}.items()):
        (dataset / name).write_bytes(make())
        samples.append((dataset / name, list(SHADES)[number % 2]))
    os.truncate(dataset / "no end.png", 2**31)
    lines = [f"{path.name} {label}\n" for path, label in samples]
    (dataset / "index.txt").write_text("".join(lines))
    for name in ("base.ckpt", "base.onnx"):
        TinyMSClassifier(list(SHADES), 96).save(folder / name)
    return folder


@pytest.fixture
def round_environment(job_folder: Path, identity: dict[str, str]) -> dict[str, str]:
    """Return a round's environment, with the manifests' own settings."""
    index = str(job_folder / "dataset" / "index.txt")
    return {
        **BARE_ENVIRONMENT,
        **identity,
        "input_shape": "96,96",
        "epochs": "1",
        "batch_size": "16",
        "fine_tune": "full",
        "unreadable_share": "0.5",
        "BASE_MODEL_URL": str(job_folder / "base.ckpt"),
        "MODEL_URL": str(job_folder / "out" / "1"),
        "MODEL_URLS": str(job_folder / "base.onnx"),
        "TRAIN_DATASET_URL": index,
        "TEST_DATASET_URL": index,
        "ORIGINAL_DATASET_URL": index,
    }


@pytest.mark.parametrize(("name", "limit"), [("train", TRAIN_LIMIT), ("eval", EVAL_LIMIT)])
def test_a_round_with_the_worst_pictures_is_completed(
    round_environment: dict[str, str],
    local_controller: FakeLocalController,
    job_folder: Path,
    name: str,
    limit: int,
) -> None:
    command = [sys.executable, "-m", "workers", name]
    peak, worker = 0, psutil.Popen(command, env=round_environment)
    while worker.poll() is None:
        with suppress(ValueError):  # it has no memory any more
            peak = peak_bytes(worker)
        with suppress(psutil.TimeoutExpired):
            worker.wait(PERIOD)
    assert worker.returncode == 0
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert 0 < peak < limit
    [quarantine] = job_folder.rglob(f"{name}-quarantine.csv")
    assert {each.path for each in read_quarantine(quarantine)} == set(REFUSED)
