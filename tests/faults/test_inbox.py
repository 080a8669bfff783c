"""Two hundred hostile names and files among two thousand good ones, before the whole worker."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.brightness_model import SIDE, write_model
from tests.fuzz.pictures import exif_block, with_exif
from tests.workers.infer.http.worker import running, wait_until_ready

GOOD, HOSTILE = 2000, 200
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
ODD_EXIF = with_exif("JPEG", exif_block([(0x0112, 3, 1, b"\6\0"), (0x0131, 11, 1, bytes(4))]))


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), number % 256, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def hostile_but_good(number: int) -> Iterator[tuple[str, bytes]]:
    yield f"caf\udce9\udcff{number}.png", picture(number)
    yield f"{number}-" + "a" * (251 - len(str(number))) + "é", picture(number)
    yield f"{number}-" + "ß" * 122 + ".png", picture(number)
    yield f"{number}\n\x1b[31m\u2028.p\nng dog", picture(number)
    yield f"exif{number}.jpg", ODD_EXIF


def bad(number: int) -> Iterator[tuple[str, bytes]]:
    yield f"eps{number}.png", EPS
    yield f"heic{number}.heic", HEIC
    yield f"sparse{number}.webp", b"RIFF\xff\xff\xff\x7fWEBPVP8L"
    yield f"blocked{number}.png", picture(number)
    yield f"blocked too{number}.png", picture(number)


def put(inbox: Path, name: str, content: bytes) -> None:
    hidden = inbox / ".hidden"
    hidden.write_bytes(content)
    if name.startswith("sparse"):
        os.truncate(hidden, 2**31)
    if name.startswith("blocked"):
        suffix = ".json" if "too" in name else ""
        (inbox / "done" / f"{name}{suffix}").mkdir(parents=True)
    hidden.rename(inbox / name)


@pytest.mark.timeout(300)
def test_every_good_file_is_answered_and_each_bad_one_set_aside(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "done").mkdir(parents=True)
    pairs = range(HOSTILE // 10)
    wrong = [name for number in pairs for name, _ in bad(number)]
    for number in range(GOOD):
        put(inbox, f"good{number}.png", picture(number))
    for number in pairs:
        for name, content in [*hostile_but_good(number), *bad(number)]:
            put(inbox, name, content)
    variables = {
        "JOB_NAME": "lamps",
        "WORKER_NAME": "inferworker-abcde",
        "MODEL_URL": str(write_model(tmp_path / "model.onnx")),
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
        "infer_url": str(inbox),
        "HE_SAVED_URL": str(tmp_path / "hard"),
        "HEM_NAME": "CrossEntropy",
    }
    with running(variables) as worker, worker.client() as client:
        wait_until_ready(worker)
        while [path for path in inbox.iterdir() if path.is_file() and path.name[0] != "."]:
            assert client.get("/v2/health/live").status_code == httpx.codes.OK
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"the worker ended: {worker.process.wait(0.3)}")
    answered = [path for path in (inbox / "done").glob("*.json") if path.is_file()]
    rejected = [json.loads(path.read_bytes()) for path in (inbox / "rejected").glob("*.json")]
    blocked = len(pairs)  # whose answer could be written, but not its image moved to it
    assert len(answered) == GOOD + 5 * len(pairs) + blocked
    assert sorted(each["image"] for each in rejected) == sorted(wrong)
    assert all(each["reason"].endswith((".", "it")) for each in rejected)
