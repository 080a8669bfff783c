"""Answers the images in the inbox, batch by batch, until it is told to stop."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from threading import Event
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import ImageError, WriteError
from backend.images.opening import read_header
from backend.images.preprocessing import preprocess
from workers.data.answers import Answer, HardExample, packed_features
from workers.http.refusals import TooLargeError
from workers.infer.hard_examples import HardExampleStore
from workers.infer.images import check_picture
from workers.infer.inbox import Inbox, WaitingImage
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot, ServedModel
from workers.infer.settings import InferSettings
from workers.storage.watching import changes

__all__ = ["FolderService"]

Array = NDArray[np.float32]

_LOOK_SECONDS = 1.0
_COPY_SECONDS = 5.0

_log = logging.getLogger(__name__)


class _OpenedImage(NamedTuple):
    waiting: WaitingImage
    input: Array


class FolderService:
    """Answers the images of one inbox with the slot's model."""

    def __init__(
        self,
        settings: InferSettings,
        inbox: Inbox,
        slot: ModelSlot,
        metrics: ServingMetrics,
        store: HardExampleStore | None,
        *,
        copy_seconds: float = _COPY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect the parts; `answer_waiting` starts answering.

        Args:
            settings: The classes, and the sizes of the network's input and of a batch.
            inbox: The images.
            slot: Must contain a model before `answer_waiting` is called.
            metrics: Count the answers.
            store: Keeps hard examples; None: they are not kept.
            copy_seconds: How long an unreadable file may stay unchanged before it is rejected.
            clock: Gives seconds; the file's own time may come from another machine.
        """
        self._settings = settings
        self._inbox = inbox
        self._slot = slot
        self._metrics = metrics
        self._store = store
        self._copy_seconds = copy_seconds
        self._clock = clock
        self._unreadable: dict[WaitingImage, float] = {}

    def run(self, stop: Event) -> None:
        """Answer the waiting and the arriving images until ``stop`` is set."""
        problem = ""
        for _ in changes(self._inbox.folder, _LOOK_SECONDS, stop):
            try:
                self.answer_waiting(stop)
            except OSError as error:
                # The images wait until the disk has space or the inbox is back; HTTP still answers.
                if str(error) != problem:
                    _log.error("the inbox waits: %s", error)
                problem = str(error)

    def answer_waiting(self, stop: Event) -> None:
        """Answer the images that wait now; ``stop`` ends it after a batch."""
        images = self._inbox.waiting()
        known = self._unreadable
        self._unreadable = {image: known[image] for image in images if image in known}
        waiting = iter(images)
        while not stop.is_set() and self._answer_batch(waiting):
            pass

    def _answer_batch(self, waiting: Iterator[WaitingImage]) -> bool:
        """Answer a batch of images and return whether there were any."""
        served = self._slot.served
        with self._inbox.lock() as is_ours:
            if served is None or not is_ours:
                return False
            batch = list(islice(self._opened(waiting), self._settings.batch_size))
            if batch:
                self._answer(served, batch)
            return bool(batch)

    def _opened(self, waiting: Iterator[WaitingImage]) -> Iterator[_OpenedImage]:
        for image in waiting:
            if self._inbox.is_answered(image):
                with self._apart(image):
                    self._inbox.finish(image)
                continue
            try:
                input_ = self._read(image)
            except (ImageError, TooLargeError) as error:
                self._reject_unless_changing(image, str(error))
                continue
            if WaitingImage.look(image.path) == image:
                yield _OpenedImage(image, input_)

    def _read(self, image: WaitingImage) -> Array:
        check_picture(read_header(image.path), self._settings.image_megapixels * 1e6)
        return preprocess(image.path, self._settings.input_format)

    def _reject_unless_changing(self, image: WaitingImage, reason: str) -> None:
        now = self._clock()
        is_settled = now - self._unreadable.setdefault(image, now) >= self._copy_seconds
        if is_settled and WaitingImage.look(image.path) == image:
            self._reject(image, reason)

    @contextmanager
    def _apart(self, image: WaitingImage) -> Iterator[None]:
        """Set the image aside if the block fails, so that it does not hold up the others."""
        try:
            yield
        except WriteError:
            raise
        except FileNotFoundError:
            _log.warning("%s was taken away while it was answered", image.name)
        except OSError as error:
            self._reject(image, f"{image.name}: cannot be put away ({error.strerror}).")

    def _reject(self, image: WaitingImage, reason: str) -> None:
        try:
            self._inbox.reject(image, reason)
        except WriteError:
            raise
        except OSError as error:
            self._inbox.leave(image)
            reason += f" It stays where it is ({error.strerror})."
        _log.warning("rejected %s", reason)

    def _answer(self, served: ServedModel, batch: Sequence[_OpenedImage]) -> None:
        probabilities, _, features = served.score(np.stack([image.input for image in batch]))
        hard = [served.is_hard(row) for row in probabilities]
        self._metrics.count_answers(served, probabilities, hard)
        rows = zip(batch, probabilities, features, hard, strict=True)
        for (waiting, _), row, features_row, is_hard in rows:
            with self._apart(waiting):
                self._conclude(waiting, self._describe(served, waiting, row, is_hard), features_row)

    def _conclude(self, waiting: WaitingImage, answer: Answer, features: Array) -> None:
        if answer.hard and self._store:
            example = HardExample(**answer.model_dump(), features=packed_features(features))
            self._store.save(waiting.name, waiting.path.read_bytes(), example)
        self._inbox.answer(waiting, answer)
        _log.info(
            "%s: %s (%.2f)%s",
            answer.image,
            answer.label,
            answer.certainty,
            ", hard" if answer.hard else "",
        )

    def _describe(
        self, served: ServedModel, waiting: WaitingImage, row: Array, is_hard: bool
    ) -> Answer:
        return Answer(
            image=waiting.name,
            time=datetime.now(UTC),
            label=served.label(row),
            probabilities=dict(zip(served.class_names, row.tolist(), strict=True)),
            miner=self._settings.hem_name,
            hard=is_hard,
            model_version=served.version,
            size=waiting.size,
            modified=waiting.modified,
        )
