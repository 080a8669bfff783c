"""Nothing keeps the event loop, or the interpreter's lock, from who asks for liveness.

Measured in seconds of processor time, which do not depend on what else the machine does.
"""

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from starlette.applications import Starlette

from backend.errors import ProjectError
from backend.images.preprocessing import InputFormat, preprocess
from tests.brightness_model import SIDE, write_model
from tests.faults.test_limits import FORMS, JSON, LARGEST, PICTURES, REFUSED_OR_ANSWERED, filled
from workers.infer.http.serving import build_app
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot
from workers.infer.protocol import parse_request
from workers.infer.settings import InferSettings

MOST_SECONDS = 0.05
ATTEMPTS = 3
PERIOD = 0.001
CHUNK = 64 * 1024
INFER = "/v2/models/lamps/infer"
LENGTH = "inference-header-content-length"


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    model = write_model(tmp_path / "model.onnx")
    variables = {
        "JOB_NAME": "lamps",
        "WORKER_NAME": "inferworker-abcde",
        "MODEL_URL": str(model),
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
    }
    settings = InferSettings.from_environment(variables)
    slot = ModelSlot(settings)
    slot.load(model)
    return build_app(settings, slot, ServingMetrics(slot), None, Event())


def binary(name: str, datatype: str, shape: list[int], data: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a request of one binary tensor, and its headers."""
    parameters = {"binary_data_size": len(data)}
    sent = {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}
    head = json.dumps({"inputs": [sent]}).encode()
    return head + data, {LENGTH: str(len(head))}


def bodies() -> dict[str, tuple[str, bytes, dict[str, str]]]:
    """Return paths, bodies and headers; every body has about the largest size."""
    form = {"content-type": "multipart/form-data; boundary=x"}
    compressed = {"content-encoding": "gzip"}
    image = 3 * SIDE * SIDE * 4
    count = (LARGEST - 1000) // image
    empty = bytes(LARGEST - 1000)
    return {
        **{name: (INFER, filled(*parts), {}) for name, parts in JSON.items()},
        **{name: ("/classify", filled(*parts), form) for name, parts in FORMS.items()},
        "a bomb": ("/classify", gzip.compress(bytes(2**28), 1), compressed),
        "compressed": ("/classify", gzip.compress(bytes(LARGEST - 1), 1), compressed),
        "too many images": (
            INFER,
            *binary("input", "FP32", [count, 3, SIDE, SIDE], bytes(count * image)),
        ),
        "images": (INFER, *binary("input", "FP32", [64, 3, SIDE, SIDE], bytes(64 * image))),
        "elements": (INFER, *binary("image", "BYTES", [len(empty) // 4], empty)),
    }


BODIES = bodies()


async def ask(app: Starlette, path: str, body: bytes, headers: dict[str, str]) -> int:
    """Send a request as it arrives from a socket, part by part; return the answer's status."""
    starts = iter(range(0, len(body), CHUNK))
    statuses = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        start = next(starts, None)
        if start is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": body[start : start + CHUNK], "more_body": True}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    named = {"host": "localhost", "content-length": str(len(body))} | headers
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    await app(scope, receive, send)
    return int(statuses[0])


async def longest_turn(asked: Awaitable[Any]) -> float:
    """Return the longest time that the loop's thread computes before it looks for others."""
    task, longest, last = asyncio.ensure_future(asked), 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(PERIOD)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    await task
    return longest


# Starlette leaves the unfinished part of a form, which is in memory, to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", BODIES)
async def test_no_body_keeps_the_loop_from_others(app: Starlette, name: str) -> None:
    async with app.router.lifespan_context(app):
        for _ in range(ATTEMPTS):
            asked = asyncio.ensure_future(ask(app, *BODIES[name]))
            turn = await longest_turn(asked)
            assert await asked in REFUSED_OR_ANSWERED
            if turn < MOST_SECONDS:
                return
    pytest.fail(f"the loop computed for {turn:.3f} s without looking for others")


def longest_hold(work: Callable[[], object]) -> float:
    """Return how long a thread computes at most before another one gets the interpreter."""

    def quietly() -> None:
        with suppress(ProjectError):
            work()

    thread = Thread(target=quietly)
    thread.start()
    longest = 0.0
    with suppress(OSError):  # once the thread has ended its clock is gone
        clock = time.pthread_getcpuclockid(thread.ident or 0)
        last = time.clock_gettime(clock)
        while thread.is_alive():
            time.sleep(PERIOD)
            now = time.clock_gettime(clock)
            longest, last = max(longest, now - last), now
    thread.join()
    return longest


@pytest.mark.parametrize("name", JSON)
def test_no_json_keeps_the_interpreter_from_others(name: str) -> None:
    body = filled(*JSON[name])
    holds = (longest_hold(lambda: parse_request(body)) for _ in range(ATTEMPTS))
    assert any(hold < 2 * MOST_SECONDS for hold in holds)


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"far too many"}))
def test_no_picture_keeps_the_interpreter_from_others(name: str) -> None:
    body, input_format = PICTURES[name](), InputFormat(SIDE)
    holds = (longest_hold(lambda: preprocess(body, input_format)) for _ in range(ATTEMPTS))
    assert any(hold < 2 * MOST_SECONDS for hold in holds)
