"""The model that answers, and the previous one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from backend.classifier import Classifier
from backend.errors import ModelFileError
from backend.images.preprocessing import InputFormat, preprocess_batch
from backend.memory import release_free_memory
from backend.models import model_file
from workers.http.refusals import NotReadyError, RequestError
from workers.infer.batching import Scores
from workers.infer.settings import InferSettings
from workers.learning.estimators import make_backend, make_estimator
from workers.learning.miners import Miner

__all__ = ["ModelSlot", "ServedModel"]

Array = NDArray[np.float32]

_VERSION_DIGITS = 12
_TOLERANCE = 1e-5


class ServedModel:
    """A loaded model: its identity and its answers. Threads may share it."""

    def __init__(
        self,
        estimator: Classifier,
        miner: Miner | None,
        *,
        class_names: Sequence[str],
        version: str,
        batch_size: int,
        evaluated_confidence: Sequence[int] = (),
    ) -> None:
        """Serve the estimator's current weights.

        Args:
            estimator: The model.
            miner: Decides whether an image is a hard example; None: no image is.
            class_names: The classes, in the order of its outputs.
            version: The first 12 digits of the SHA-256 of the model's content.
            batch_size: How many images go through the network together.
            evaluated_confidence: `backend.classifier.metrics.confidence_counts` of its
                evaluation; empty if unknown.
        """
        self.version = version
        self.class_names = tuple(class_names)
        self.evaluated_confidence = tuple(evaluated_confidence)
        self.loaded = datetime.now(UTC)
        self._estimator = estimator
        self._miner = miner
        self._batch_size = batch_size

    def probabilities(self, inputs: Array) -> Array:
        """Return the probabilities (N, C) of inputs (N, channels, S, S), N at least 1.

        They are not finite if the network's outputs are not.
        """
        return self.score(inputs).probabilities

    def score(self, inputs: Array) -> "Scores[ServedModel]":
        """Return the features too, without those of a network that does not tell them."""
        starts = range(0, len(inputs), self._batch_size)
        with np.errstate(invalid="ignore", over="ignore"):
            parts = [
                self._estimator.probabilities_and_features(inputs[start : start + self._batch_size])
                for start in starts
            ]
        probabilities, features = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Scores(probabilities, self, features)

    def label(self, probabilities: Array) -> str:
        """Return the likeliest class of an image with these probabilities (C,)."""
        return self.class_names[int(probabilities.argmax())]

    def is_hard(self, probabilities: Array) -> bool:
        """Return whether an image with these probabilities (C,) is a hard example."""
        return self._miner is not None and self._miner(probabilities)


class ModelSlot:
    """Contains the model that answers; another replaces it once it has proved to work."""

    def __init__(self, settings: InferSettings) -> None:
        """Start without a model."""
        self._settings = settings
        self._swapping = Lock()
        self._previous: ServedModel | None = None
        self.served: ServedModel | None = None

    @property
    def required(self) -> ServedModel:
        """The model that answers; raises NotReadyError before there is one."""
        if self.served is None:
            raise NotReadyError("No model is loaded yet: try again later.")
        return self.served

    def score(self, inputs: Array) -> Scores[ServedModel]:
        """Return the scores of inputs (N, channels, S, S), all from one model."""
        return self.required.score(inputs)

    def load(self, path: Path) -> None:
        """Load a model next to the current one, try it on a canary batch, and swap.

        It is served with the classes that it was trained for, as named in its file; they may
        differ from the settings'.
        Raises ModelFileError for an unusable model; the current one stays.
        """
        file = model_file.read(path)
        version = file.digest[:_VERSION_DIGITS]
        names = file.card.class_names if file.card else self._settings.class_names
        renamed = tuple(self._settings.renamed_classes.get(name, name) for name in names)
        settings = self._settings.model_copy(update={"class_names": renamed})
        estimator = make_estimator(settings)
        make_backend(estimator, settings)  # tells it the device
        estimator.load_file(file)
        model = ServedModel(
            estimator,
            settings.miner,
            class_names=renamed,
            version=version,
            batch_size=self._settings.batch_size,
            evaluated_confidence=file.card.confidence if file.card else (),
        )
        _try_out(model, path, self._settings.input_format)
        with self._swapping:
            if self.served is None or self.served.version != version:
                self._previous, self.served = self.served, model
        release_free_memory()

    def rollback(self) -> ServedModel:
        """Exchange the current and the previous model.

        Returns the model that answers now. Raises RequestError if there is no previous one.
        """
        with self._swapping:
            if self._previous is None:
                raise RequestError("There is no previous model to return to.")
            model, self._previous = self._previous, self.served
            self.served = model
            return model


def _try_out(model: ServedModel, path: Path, input_format: InputFormat) -> None:
    """Warm up the model, and refuse one whose answers are unusable."""
    inputs = preprocess_batch(_canaries(input_format.size), input_format)
    alone = np.concatenate([model.probabilities(each[np.newaxis]) for each in inputs])
    together = model.probabilities(inputs)
    if not np.isfinite(together).all():
        raise ModelFileError(f"{path}: the model's outputs are not finite: deploy another.")
    if not np.allclose(alone, together, rtol=0, atol=_TOLERANCE):
        raise ModelFileError(
            f"{path}: the model gives different answers in a batch than alone: export it again."
        )


def _canaries(side: int) -> list[NDArray[np.uint8]]:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return [np.zeros((side, side, 3), np.uint8), noise]
