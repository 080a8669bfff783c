"""A slot with a true model, and the application that answers with it, without a socket."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from tests.workers.conftest import BRIGHTNESS
from workers.infer.hard_examples import HardExampleStore
from workers.infer.http.serving import build_app
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot
from workers.infer.recording import HardExampleRecorder
from workers.infer.settings import InferSettings


def encoded(kind: str = "dark", format: str = "PNG") -> bytes:  # noqa: A002 - Pillow's name
    """Return a picture of one brightness, as a file's content."""
    buffer = io.BytesIO()
    value = BRIGHTNESS[kind]
    Image.new("RGB", (48, 40), (value, value, value)).save(buffer, format)
    return buffer.getvalue()


def noise(seed: int) -> bytes:
    """Return a picture like no other."""
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def variables(
    tmp_path: Path, identity: dict[str, str], make_model: Callable[..., Path]
) -> dict[str, str]:
    (tmp_path / "hard").mkdir()
    return identity | {
        "MODEL_URL": str(make_model(tmp_path / "model.onnx")),
        "HE_SAVED_URL": str(tmp_path / "hard"),
        "HEM_NAME": "CrossEntropy",
    }


@dataclass
class Server:
    """The application, and what it answers with."""

    client: httpx.AsyncClient
    app: Starlette
    slot: ModelSlot
    store: HardExampleStore
    recorder: HardExampleRecorder
    stop: Event


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
async def serve(variables: dict[str, str]) -> AsyncIterator[Serve]:
    """Start the application with further variables; ``load=False``: without a model."""
    async with AsyncExitStack() as running:

        async def start(load: bool = True, **more: str) -> Server:
            settings = InferSettings.from_environment(variables | more)
            slot, stop = ModelSlot(settings), Event()
            if load:
                slot.load(settings.model_url)
            assert settings.he_saved_url
            store = HardExampleStore(settings.he_saved_url, settings.hard_example_bytes)
            recorder = HardExampleRecorder(store)
            running.callback(recorder.close)
            app = build_app(settings, slot, ServingMetrics(slot), recorder, stop)
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
            await running.enter_async_context(client)
            return Server(client, app, slot, store, recorder, stop)

        yield start


@pytest.fixture
async def server(serve: Serve) -> Server:
    return await serve()
