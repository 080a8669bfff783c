"""The inference worker: one model that answers images from a folder, over HTTP, or both."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

from backend.errors import SettingsError
from workers.contract import Variable, WorkerStatus
from workers.infer.folder import FolderService
from workers.infer.hard_examples import HardExampleStore
from workers.infer.http.serving import serving_http
from workers.infer.inbox import Inbox
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot
from workers.infer.settings import InferSettings
from workers.sedna.hot_update import HotUpdate
from workers.sedna.session import Session
from workers.storage import make_folder

__all__ = ["infer"]

_JOIN_SECONDS = 0.5

_log = logging.getLogger(__name__)


def infer(session: Session, stop: Event) -> None:
    """Serve until ``stop`` is set.

    Raises SettingsError for an invalid variable, ModelFileError if there is no usable model, and
    TemporaryError if a remote model cannot be downloaded now.
    """
    settings = session.settings(InferSettings)
    if settings.infer_url is None and settings.http_port is None:
        raise SettingsError("Neither infer_url nor http_port is set: set one or both.")
    slot, store = ModelSlot(settings), _store(settings)
    metrics = ServingMetrics(slot)
    with ExitStack() as running:
        if settings.http_port is not None:
            http = serving_http(settings, settings.http_port, slot, metrics, store=store, stop=stop)
            running.enter_context(http)
        hot_update = _hot_update(session, settings, slot, metrics)
        if hot_update:
            hot_update.load_latest()
        if slot.served is None:
            slot.load(session.mirror.fetch(settings.model_url, Variable.MODEL_URL))
        if hot_update:
            running.enter_context(_following(hot_update, stop))
        if settings.infer_url is None:
            stop.wait()
        else:
            inbox = Inbox(settings.infer_url)
            _log.info("waiting for images in %s", settings.infer_url)
            FolderService(settings, inbox, slot, metrics, store).run(stop)


@contextmanager
def _following(hot_update: HotUpdate, stop: Event) -> Iterator[None]:
    follower = Thread(target=hot_update.run, args=(stop,), name="hot-update", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(_JOIN_SECONDS)


def _hot_update(
    session: Session, settings: InferSettings, slot: ModelSlot, metrics: ServingMetrics
) -> HotUpdate | None:
    if not settings.model_hot_update:
        return None

    def report(status: WorkerStatus) -> None:
        metrics.count_update(status)
        session.report(status)

    return HotUpdate(
        settings.model_hot_update_config,
        slot.load,
        report,
        poll_period=settings.model_poll_period_seconds,
    )


def _store(settings: InferSettings) -> HardExampleStore | None:
    if settings.he_saved_url is None:
        return None
    make_folder(settings.he_saved_url, "HE_SAVED_URL")
    return HardExampleStore(settings.he_saved_url, settings.hard_example_bytes)
