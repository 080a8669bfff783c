"""Assembles the parts of the HTTP side."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from threading import Event

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette

from workers.http.body import BodyReader
from workers.http.capacity import Capacity
from workers.http.security import PROBES, middleware, warn_if_open
from workers.http.server import listen, serving
from workers.infer.batching import Batcher, Scores
from workers.infer.dataplane import DataPlane
from workers.infer.hard_examples import HardExampleStore
from workers.infer.http.app import make_app
from workers.infer.http.openapi import document
from workers.infer.images import ImageReader
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot, ServedModel
from workers.infer.recording import HardExampleRecorder
from workers.infer.settings import InferSettings

__all__ = ["build_app", "serving_http"]

_log = logging.getLogger(__name__)


@contextmanager
def serving_http(
    settings: InferSettings,
    port: int,
    slot: ModelSlot,
    metrics: ServingMetrics,
    *,
    store: HardExampleStore | None,
    stop: Event,
) -> Iterator[None]:
    """Answer over HTTP while the block runs, then finish and save what is in flight.

    Raises SettingsError if the port is not available.
    """
    warn_if_open(settings)
    listener = listen(settings.http_host, port)
    recorder = HardExampleRecorder(store) if store else None
    with closing(recorder) if recorder else nullcontext():
        app = build_app(settings, slot, metrics, recorder, stop)
        with serving(
            app,
            listener,
            stop=stop,
            grace_seconds=settings.http_timeout_seconds,
            certificate=settings.http_certificate,
            key=settings.http_key,
        ):
            host, port = listener.getsockname()[:2]
            _log.info("listening on %s://%s:%d", settings.scheme, host, port)
            yield


def build_app(
    settings: InferSettings,
    slot: ModelSlot,
    metrics: ServingMetrics,
    recorder: HardExampleRecorder | None,
    stop: Event,
) -> Starlette:
    """Return the application that answers with the slot's model."""

    def score(inputs: NDArray[np.float32]) -> Scores[ServedModel]:
        with metrics.timing_batch(len(inputs)):
            return slot.score(inputs)

    batcher = Batcher(
        score,
        batch_size=settings.batch_size,
        wait_seconds=settings.batch_wait_milliseconds / 1000,
    )
    capacity = Capacity(settings.queue_size, "images")
    metrics.watch("inference_queue_images", "Images waiting or computed.", lambda: capacity.used)
    if recorder:
        _watch(metrics, recorder)
    images = ImageReader(settings.input_format, largest_pixels=settings.image_megapixels * 1e6)
    plane = DataPlane(
        settings,
        slot,
        batcher,
        images,
        metrics,
        capacity=capacity,
        recorder=recorder,
        is_ending=stop.is_set,
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        with closing(images):
            async with batcher.running():
                yield

    return make_app(
        plane,
        metrics,
        BodyReader(settings.request_bytes, settings.http_timeout_seconds),
        timeout=settings.http_timeout_seconds,
        guards=middleware(settings, open_paths=PROBES),
        description=document(
            settings.served_name,
            settings.input_format.shape,
            needs_token=settings.http_token is not None,
        ),
        running=running,
    )


def _watch(metrics: ServingMetrics, recorder: HardExampleRecorder) -> None:
    store = recorder.store
    metrics.watch("inference_hard_examples", "Hard examples in the folder.", lambda: store.count)
    metrics.watch("inference_hard_example_bytes", "The folder's size.", lambda: store.bytes)
    metrics.watch(
        "inference_hard_examples_dropped",
        "Hard examples dropped because the disk was too slow.",
        lambda: recorder.dropped,
    )
