"""Answers what waits in the inbox, batch by batch, until it is told to stop."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from threading import Event, Thread
from typing import NamedTuple

from PIL.Image import Image

from backend.errors import ImageError
from backend.mobilenetv2 import Prediction
from backend.preprocessing import open_image, resize_short_side
from workers.contract import WorkerKind, WorkerStatus
from workers.hot_update import HotUpdate
from workers.infer.answers import Answer
from workers.infer.hard_examples import save_hard_example
from workers.infer.inbox import Inbox, WaitingImage
from workers.infer.model import ModelSlot, ServedModel
from workers.lc import LocalController
from workers.settings import InferSettings
from workers.storage import make_folder
from workers.watching import looks

__all__ = ["InferenceService", "infer"]

_BATCH_SIZE = 32
_LOOK_SECONDS = 1.0
_COPY_SECONDS = 5.0
_JOIN_SECONDS = 0.5

_log = logging.getLogger(__name__)


class _OpenedImage(NamedTuple):
    waiting: WaitingImage
    picture: Image


class InferenceService:
    """Answers the images of one inbox with the model in the slot."""

    def __init__(
        self,
        settings: InferSettings,
        inbox: Inbox,
        slot: ModelSlot,
        *,
        copy_seconds: float = _COPY_SECONDS,
    ) -> None:
        """Answer nothing yet.

        Args:
            settings: Where hard examples go, and how large the network's input is.
            inbox: The images.
            slot: The model; it must hold one before `answer_waiting`.
            copy_seconds: How long an unreadable file may stay unchanged before it is rejected.
        """
        self._settings = settings
        self._inbox = inbox
        self._slot = slot
        self._copy_seconds = copy_seconds

    def run(self, stop: Event) -> None:
        """Answer what waits and what comes, until ``stop`` is set."""
        for _ in looks(self._inbox.folder, _LOOK_SECONDS, stop):
            self.answer_waiting(stop)

    def answer_waiting(self, stop: Event) -> None:
        """Answer what waits now; ``stop`` ends it after a batch."""
        waiting = iter(self._inbox.waiting())
        while not stop.is_set() and self._answer_batch(waiting):
            pass

    def _answer_batch(self, waiting: Iterator[WaitingImage]) -> bool:
        """Answer up to 32 images and return whether there were any."""
        served = self._slot.served
        with self._inbox.lock() as is_ours:
            if served is None or not is_ours:
                return False
            batch = list(islice(self._opened(waiting), _BATCH_SIZE))
            if batch:
                self._answer(served, batch)
            return bool(batch)

    def _opened(self, waiting: Iterator[WaitingImage]) -> Iterator[_OpenedImage]:
        for image in waiting:
            if self._inbox.is_answered(image):
                self._inbox.finish(image)
                continue
            try:
                picture = resize_short_side(open_image(image.path), self._settings.input_size)
            except ImageError as error:
                self._reject_unless_changing(image, str(error))
                continue
            if WaitingImage.look(image.path) == image:
                yield _OpenedImage(image, picture)

    def _reject_unless_changing(self, image: WaitingImage, reason: str) -> None:
        is_settled = abs(time.time() - image.modified / 1e9) >= self._copy_seconds
        if is_settled and WaitingImage.look(image.path) == image:
            self._inbox.reject(image, reason)
            _log.warning("rejected %s", reason)

    def _answer(self, served: ServedModel, batch: Sequence[_OpenedImage]) -> None:
        predictions = served.incremental.estimator.predict([image.picture for image in batch])
        for (waiting, _), prediction in zip(batch, predictions, strict=True):
            answer = self._describe(served, waiting, prediction)
            if answer.hard and self._settings.he_saved_url:
                save_hard_example(self._settings.he_saved_url, waiting.path, answer)
            self._inbox.answer(waiting, answer)
            _log.info(
                "%s: %s (%.2f)%s",
                answer.image,
                answer.label,
                answer.probabilities[answer.label],
                ", hard" if answer.hard else "",
            )

    def _describe(
        self, served: ServedModel, waiting: WaitingImage, prediction: Prediction
    ) -> Answer:
        names = self._settings.class_names
        return Answer(
            image=waiting.name,
            time=datetime.now(UTC),
            label=prediction.label,
            probabilities=dict(zip(names, prediction.probabilities.tolist(), strict=True)),
            miner=self._settings.hem_name,
            hard=served.incremental.is_hard_example(prediction),
            model_version=served.version,
            size=waiting.size,
            modified=waiting.modified,
        )


def infer(environment: Mapping[str, str], stop: Event) -> None:
    """Serve until ``stop`` is set.

    Raises SettingsError for a wrong variable, ModelFileError if there is no usable model.
    """
    settings = InferSettings.from_environment(environment)
    inbox, slot = Inbox(settings.infer_url), ModelSlot(settings)
    if settings.he_saved_url:
        make_folder(settings.he_saved_url, "HE_SAVED_URL")
    hot_update = _hot_update(settings, slot, stop) if settings.model_hot_update else None
    if hot_update:
        hot_update.load_latest()
    if slot.served is None:
        slot.load(settings.model_url)
    with _following(hot_update, stop) if hot_update else nullcontext():
        _log.info("waiting for images in %s", settings.infer_url)
        InferenceService(settings, inbox, slot).run(stop)


@contextmanager
def _following(hot_update: HotUpdate, stop: Event) -> Iterator[None]:
    follower = Thread(target=hot_update.run, args=(stop,), name="hot-update", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(_JOIN_SECONDS)


def _hot_update(settings: InferSettings, slot: ModelSlot, stop: Event) -> HotUpdate:
    local_controller = LocalController.from_settings(settings, stop)

    def report(status: WorkerStatus) -> None:
        local_controller.report(WorkerKind.DEPLOY, status)

    return HotUpdate(
        settings.model_hot_update_config,
        slot.load,
        report,
        poll_period=settings.model_poll_period_seconds,
    )
