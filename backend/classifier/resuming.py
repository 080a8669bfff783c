"""A training's state on disk."""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.classifier.plan import Plan
from backend.classifier.toolkit import Cell
from backend.images.opening import ImageSource
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models.npz import Arrays, read_npz, write_npz
from backend.models.parameters import assign
from backend.models.weights import Weights

__all__ = ["Resumable", "fingerprint"]

_MARK = "fingerprint"
_PARAMETER = "parameter:"
_METRIC = "metric:"
_BEST = "best:"

_log = logging.getLogger(__name__)


class Resumable:
    """Saves and restores cells, an optimizer among them, and the metrics so far."""

    def __init__(self, file: Path | None, mark: str, cells: Sequence[Cell]) -> None:
        """Keep the state of ``cells`` in ``file``, or nowhere.

        Args:
            file: An ``.npz`` file.
            mark: Of the training; a state with another one is ignored.
            cells: Whatever holds parameters.
        """
        self.best: Weights = {}
        """The weights of the best epoch so far, if epochs are judged."""
        self._file = file
        self._mark = mark
        self._parameters = {
            name: parameter for cell in cells for name, parameter in cell.parameters_dict().items()
        }

    def save(self, metrics: Metrics) -> None:
        """Write the present state atomically."""
        if self._file is None:
            return
        arrays = {_PARAMETER + name: each.asnumpy() for name, each in self._parameters.items()}
        arrays |= {_METRIC + name: np.asarray(values) for name, values in metrics.items()}
        arrays |= {_BEST + name: value for name, value in self.best.items()}
        write_npz(self._file, arrays | {_MARK: np.asarray(self._mark)})

    def restore(self) -> Metrics:
        """Take the saved state and return its metrics, or none if there is nothing to take."""
        if self._file is None or not self._file.exists():
            return {}
        try:
            arrays = read_npz(self._file)
        except (OSError, ValueError) as error:
            _log.warning("%s: cannot be read (%s): training starts over", self._file, error)
            return {}
        if str(arrays.get(_MARK, "")) != self._mark:
            _log.warning("%s: belongs to another training run and is ignored", self._file)
            return {}
        assign(self._parameters, {name: arrays[_PARAMETER + name] for name in self._parameters})
        _log.info("%s: training resumes where it stopped", self._file)
        self.best = _named(_BEST, arrays)
        return {name: values.tolist() for name, values in _named(_METRIC, arrays).items()}


def _named(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }


def fingerprint(
    weights: Weights, images: LabelledImages, order: NDArray[np.int64], plan: Plan
) -> str:
    """Return a digest of what a training starts from: weights, samples and plan."""
    digest = hashlib.sha256(repr(plan).encode() + order.tobytes())
    for name, values in sorted(weights.items()):
        digest.update(name.encode() + values.tobytes())
    for source, label in zip(images.x, images.y, strict=True):
        digest.update(f"{label} ".encode() + _identity(source))
    return digest.hexdigest()


def _identity(source: ImageSource) -> bytes:
    if isinstance(source, str | os.PathLike):
        return os.fsencode(source)
    return source if isinstance(source, bytes) else np.asarray(source).tobytes()
