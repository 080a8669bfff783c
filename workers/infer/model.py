"""The model that answers."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend import model_file
from workers.estimators import make_estimator
from workers.incremental import IncrementalLearning
from workers.settings import InferSettings

__all__ = ["ModelSlot", "ServedModel"]


@dataclass(frozen=True)
class ServedModel:
    """A loaded model and which one it is."""

    incremental: IncrementalLearning
    version: str
    """The first 12 digits of the SHA-256 of the model's content."""


class ModelSlot:
    """Holds the model that answers; another takes its place once it has proved to work."""

    def __init__(self, settings: InferSettings) -> None:
        """Hold no model yet."""
        self._settings = settings
        self.served: ServedModel | None = None

    def load(self, path: Path) -> None:
        """Load a model beside the present one, try it on a blank picture, and swap.

        Raises ModelFileError for what is no usable model; the present one stays.
        """
        version = hashlib.sha256(model_file.read(path).payload).hexdigest()[:12]
        estimator = make_estimator(self._settings)
        incremental = IncrementalLearning(estimator, settings=self._settings)
        incremental.estimator.load(str(path))
        side = self._settings.input_size
        incremental.estimator.predict([np.zeros((side, side, 3), np.uint8)])
        self.served = ServedModel(incremental, version)
