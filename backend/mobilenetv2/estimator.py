"""The estimator: train, evaluate, predict, save and load a MobileNetV2 classifier.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018. What
belongs to a framework comes from its toolkit; a model in ONNX format needs no framework.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend import model_file
from backend.errors import DatasetError, ModelFileError, SettingsError
from backend.metrics import Metrics, classification_metrics
from backend.mindspore_runtime import Device
from backend.mobilenetv2.engines import Engine, NetworkEngine, OnnxEngine
from backend.mobilenetv2.initial import initial_weights
from backend.mobilenetv2.plan import FineTune, Plan
from backend.mobilenetv2.toolkit import Cell, Toolkit
from backend.model_file import ModelCard
from backend.parameters import Shapes, check_weights, get_weights, parameter_shapes, set_weights
from backend.preprocessing import ImageSource, LabelledImages, preprocess_batch
from backend.weights import Weights, read_weights, write_weights

__all__ = ["MobileNetV2Estimator", "Prediction"]

_HEAD_PREFIX = "head."
_HEAD_BIAS = "head.head.1.bias"
_STRIDE = 32
_FEWEST_CLASSES = 2

_log = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """What the network says of one image."""

    label: str
    probabilities: NDArray[np.float32]
    """(C,), in the order of the estimator's ``class_names``; sums to 1."""


class MobileNetV2Estimator(ABC):
    """A MobileNetV2 1.0 for named classes; the framework is the subclass's.

    The network is built when it is first needed, so that serving an ONNX model imports no
    framework.
    """

    def __init__(self, class_names: Sequence[str], input_size: int = 224, *, seed: int = 0) -> None:
        """Make an untrained classifier.

        Args:
            class_names: At least two different names; their order is the output's.
            input_size: Side of the square input in pixels, a multiple of 32.
            seed: Of the initial weights.

        Raises:
            SettingsError: If the names or the size do not fit.
        """
        if len(set(class_names)) != len(class_names) or len(class_names) < _FEWEST_CLASSES:
            raise SettingsError(
                f"class_names={','.join(class_names)}: name at least two different classes."
            )
        if input_size < _STRIDE or input_size % _STRIDE:
            raise SettingsError(f"input_size={input_size}: it must be a multiple of {_STRIDE}.")
        self.class_names = tuple(class_names)
        self.input_size = input_size
        self.device = Device.CPU
        self._seed = seed
        self._served: Path | None = None
        self._network: Cell | None = None
        self._engine: Engine | None = None
        self._has_foreign_head = False

    @staticmethod
    @abstractmethod
    def _load_toolkit(device: Device) -> Toolkit:
        """Import the framework and return its parts."""

    def train(
        self,
        train_data: LabelledImages,
        valid_data: LabelledImages | None = None,
        *,
        epochs: int = 10,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        optimizer: Literal["adam", "momentum"] = "adam",
        label_smoothing: float = 0.1,
        warmup_epochs: float = 1,
        fine_tune: FineTune = "full",
        seed: int = 0,
        state_file: str | os.PathLike[str] | None = None,
    ) -> Metrics:
        """Train on from the present weights, in place.

        Args:
            train_data: At least one image, with class numbers 0 to C - 1.
            valid_data: If given, evaluated afterwards; its metrics are added as ``valid_*``.
            epochs: Passes over the data.
            batch_size: Samples a step.
            learning_rate: The highest rate; linear warm-up, then a cosine down to 0.
            optimizer: ``adam`` or ``momentum`` (0.9).
            label_smoothing: 0 to 1 (Szegedy et al., CVPR 2016).
            warmup_epochs: Epochs until the highest rate is reached.
            fine_tune: ``head`` trains the classifier on features computed once, without
                augmentation; a number N trains the last N blocks too; ``full`` everything.
            seed: Of order and augmentation. Equal seeds and data give equal weights.
            state_file: An ``.npz`` file for the state after each epoch. A training of the same
                weights, data and hyperparameters that finds it goes on where it stopped. The
                caller removes it.

        Returns:
            ``loss`` and ``seconds``, one value an epoch.

        Raises:
            DatasetError: If there is nothing to train on or a class number is out of range.
            ImageError: If a sample is no image.
            SettingsError: If a hyperparameter is out of its range.
        """
        self._check(train_data, "train")
        network = self._require_network()
        from backend.mobilenetv2.training import Task, fit  # noqa: PLC0415

        plan = Plan(
            epochs,
            batch_size,
            learning_rate,
            optimizer,
            label_smoothing,
            warmup_epochs,
            fine_tune,
            seed,
        )
        task = Task(self._toolkit, network, train_data, len(self.class_names), self.input_size)
        metrics = fit(task, plan, None if state_file is None else Path(state_file))
        self._has_foreign_head = False
        if valid_data is not None and len(valid_data):
            validation = self.evaluate(valid_data, batch_size=batch_size)
            metrics.update({f"valid_{name}": values for name, values in validation.items()})
        return metrics

    def evaluate(self, data: LabelledImages, *, batch_size: int = 32) -> Metrics:
        """Judge the present weights; see `backend.metrics.classification_metrics`."""
        if len(data):
            self._check(data, "evaluate")
        probabilities = self._probabilities(data.x, batch_size)
        return classification_metrics(np.asarray(data.y, dtype=np.int64), probabilities)

    def predict(self, data: Sequence[ImageSource], *, batch_size: int = 32) -> list[Prediction]:
        """Classify images; raises ImageError for what is no image."""
        return [
            Prediction(self.class_names[int(row.argmax())], row)
            for row in self._probabilities(data, batch_size)
        ]

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of preprocessed inputs (N, 3, S, S)."""
        return _softmax(self._require_engine().run(inputs))

    def save(self, model_url: str | os.PathLike[str]) -> str:
        """Write the model, whole or not at all; the suffix decides the format.

        ``.ckpt`` and ``.npz`` hold the weights, ``.onnx`` and ``.mindir`` the whole network.
        Returns the path. Raises ModelFileError for another suffix.
        """
        path = Path(model_url)
        network = self._require_network()
        if path.suffix in {".onnx", ".mindir"}:
            self._export(network, path)
        else:
            write_weights(path, self.get_weights(), self._card)
        return str(path)

    def load(self, model_url: str | os.PathLike[str]) -> None:
        """Take the model of a ``.ckpt``, ``.npz``, ``.onnx`` or ``.safetensors`` file.

        A model of other classes keeps its backbone and gets a new, untrained head, which is
        logged; it must be trained before it predicts. A failed load changes nothing.

        Raises ModelFileError if the file is damaged or holds another network.
        """
        path = Path(model_url)
        if path.suffix != ".onnx" or not self._serves(path):
            self.take_weights(*read_weights(path), str(path))

    def load_weights(self, model_url: str | os.PathLike[str]) -> None:
        """Do what `load` does; the name that Sedna's backends call."""
        self.load(model_url)

    def take_weights(self, weights: Weights, card: ModelCard | None, origin: str) -> None:
        """Start from ``weights``; a head that was trained for other classes is dropped.

        Args:
            weights: A backbone's parameters and a head's; others are passed over.
            card: Names the head's classes, if it is known.
            origin: Names the weights in messages.

        Raises:
            ModelFileError: If they are no MobileNetV2 1.0's. Nothing has changed then.
        """
        network = self._build_network() if self._network is None else self._network
        shapes = parameter_shapes(network)
        known = _known(weights, shapes, origin)
        class_count = len(known.get(_HEAD_BIAS, ()))
        is_ours = self._is_ours(card, class_count)
        if not is_ours:
            _log.warning(
                "%s is a model of other classes (%s): its head is dropped, and a new one for %s "
                "starts untrained.",
                origin,
                ", ".join(card.class_names) if card else class_count,
                ", ".join(self.class_names),
            )
            known.update(_head(initial_weights(shapes, self._seed)))
        set_weights(network, known)
        self._use(network)
        self._has_foreign_head = not is_ours

    def get_weights(self) -> Weights:
        """Return every parameter's name and a copy of its value, float32."""
        return get_weights(self._require_network())

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every weight, all or nothing.

        Raises ModelFileError if a name is unknown or missing or a shape differs.
        """
        set_weights(self._require_network(), weights)

    @cached_property
    def _toolkit(self) -> Toolkit:
        return self._load_toolkit(self.device)

    @property
    def _card(self) -> ModelCard:
        return ModelCard(self.class_names, self.input_size)

    def _check(self, data: LabelledImages, purpose: str) -> None:
        if not len(data):
            raise DatasetError(f"There are no samples to {purpose} on.")
        if min(data.y) < 0 or max(data.y) >= len(self.class_names):
            raise DatasetError(
                f"A class number is outside 0 to {len(self.class_names) - 1}: the classes are "
                f"{', '.join(self.class_names)}."
            )

    def _probabilities(self, images: Sequence[ImageSource], batch_size: int) -> NDArray[np.float32]:
        batches = [
            self.probabilities(
                preprocess_batch(images[start : start + batch_size], self.input_size)
            )
            for start in range(0, len(images), batch_size)
        ]
        return (
            np.concatenate(batches) if batches else np.empty((0, len(self.class_names)), np.float32)
        )

    def _require_engine(self) -> Engine:
        if self._has_foreign_head:
            raise ModelFileError(
                "The loaded model was trained for other classes than "
                f"{', '.join(self.class_names)}: train it before it predicts."
            )
        if self._engine is None:
            self._engine = NetworkEngine(self._toolkit, self._require_network())
        return self._engine

    def _require_network(self) -> Cell:
        """Return the network, built now if this is the first need of it."""
        if self._network is None:
            network = self._build_network()
            if self._served is not None:
                weights, _ = read_weights(self._served)
                set_weights(network, _known(weights, parameter_shapes(network), str(self._served)))
            self._use(network)
        return self._network

    def _build_network(self) -> Cell:
        network = self._toolkit.network(len(self.class_names))
        set_weights(network, initial_weights(parameter_shapes(network), self._seed))
        return network

    def _use(self, network: Cell) -> None:
        """Take ``network`` in the place of whatever there was."""
        if network is not self._network:
            self._network, self._engine = network, None
        self._served = None

    def _serves(self, path: Path) -> bool:
        """Run an ONNX model of the right classes and size as it is; say whether it can be."""
        content = model_file.read(path)
        engine = OnnxEngine(content.payload, str(path))
        fits = engine.input_size in {None, self.input_size}
        if not fits or not self._is_ours(content.card, engine.output_size):
            return False
        self._engine, self._served, self._network = engine, path, None
        self._has_foreign_head = False
        return True

    def _is_ours(self, card: ModelCard | None, class_count: int) -> bool:
        names = card.class_names if card else self.class_names
        return class_count == len(self.class_names) and names == self.class_names

    def _export(self, network: Cell, path: Path) -> None:
        from backend.mobilenetv2.exporting import export_mindir, export_onnx  # noqa: PLC0415

        if path.suffix == ".onnx":
            model_file.write(path, export_onnx(network, self.input_size), self._card)
        else:
            export_mindir(network, self.input_size, path)


def _head(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if name.startswith(_HEAD_PREFIX)}


def _known(weights: Weights, shapes: Shapes, origin: str) -> Weights:
    """Return the weights that the network has; raise ModelFileError without its backbone."""
    backbone = {name: shape for name, shape in shapes.items() if not name.startswith(_HEAD_PREFIX)}
    try:
        check_weights({name: weights[name] for name in weights if name in backbone}, backbone)
    except ModelFileError as error:
        raise ModelFileError(f"{origin}: {error} It must hold a MobileNetV2 1.0.") from None
    return {name: value for name, value in weights.items() if name in shapes}


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares
