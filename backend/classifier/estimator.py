"""The estimator: train, evaluate, predict, save and load a classifier of images.

What belongs to a framework comes from its toolkit, what belongs to a network from its
description; a model in ONNX format needs no framework.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import OnnxEngine
from backend.classifier.epoch import divide_epoch, images_to_copy
from backend.classifier.frozen import Activations, FrozenPart
from backend.classifier.loaded_model import LoadedModel
from backend.classifier.metrics import classification_metrics, confidence_counts
from backend.classifier.plan import Plan
from backend.classifier.toolkit import Toolkit
from backend.errors import DatasetError, SettingsError
from backend.images.decoding import OnUnreadable, input_batches, readable
from backend.images.opening import ImageSource
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.mindspore.runtime import Device
from backend.models import model_file
from backend.models.model_file import ModelCard, ModelFile
from backend.models.parameters import Shapes
from backend.models.weights import Weights, write_weights
from backend.networks import DEFAULT_NETWORK, FineTune, find_network

__all__ = ["Classifier", "Prediction"]

_FEWEST_CLASSES = 2
_BATCH_SIZE = 16

_log = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """What the network says of one image."""

    label: str
    probabilities: NDArray[np.float32]
    """(C,), in the order of the estimator's ``class_names``; sums to 1."""


class Classifier(ABC):
    """A network for named classes; the framework is the subclass's."""

    def __init__(
        self,
        class_names: Sequence[str],
        input_size: int | None = None,
        *,
        network: str = DEFAULT_NETWORK,
        renamed: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        """Make an untrained classifier.

        Args:
            class_names: At least two different names; their order is the output's.
            input_size: Side of the square input in pixels; by default the network's own.
            network: Its name, see `backend.networks.find_network`.
            renamed: Old names of classes, in model files, to the names they have now.
            seed: Of the initial weights.

        Raises:
            SettingsError: If the names, the size or the network do not fit.
        """
        if len(set(class_names)) != len(class_names) or len(class_names) < _FEWEST_CLASSES:
            raise SettingsError(
                f"class_names={','.join(class_names)}: name at least two different classes."
            )
        if any(not name or name != name.strip() for name in class_names):
            raise SettingsError(
                f"class_names={','.join(class_names)}: a name must not be empty or have blanks at "
                "its ends."
            )
        self.network = find_network(network)
        self.input_format = self.network.input_format(input_size)
        self.class_names = tuple(class_names)
        self.device = Device.CPU
        self._model = LoadedModel(
            self.network,
            self.input_format,
            self.class_names,
            lambda: self._load_toolkit(self.device),
            renamed=renamed or {},
            seed=seed,
        )

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
        mixup: float = 0.0,
        warmup_epochs: float = 1,
        fine_tune: FineTune = "full",
        backbone_rate: float = 1.0,
        weight_decay: float = 0.0,
        seed: int = 0,
        repeats: Sequence[int] | None = None,
        validation: Collection[int] = (),
        patience: int = 0,
        state_file: str | os.PathLike[str] | None = None,
        cache_folder: str | os.PathLike[str] | None = None,
        cache_size: int = 256,
        on_unreadable: OnUnreadable | None = None,
        quantise: bool = False,
        feature_mean: NDArray[np.float32] | None = None,
    ) -> Metrics:
        """Train on from the present weights; a training that fails leaves them as they are.

        Args:
            train_data: At least one image, with class numbers 0 to C - 1.
            valid_data: If given, evaluated afterwards; its metrics are added as ``valid_*``.
            epochs: Passes over the data.
            batch_size: Samples a step.
            learning_rate: The highest rate; linear warm-up, then a cosine down to 0.
            optimizer: ``adam`` or ``momentum`` (0.9).
            label_smoothing: 0 to 1 (Szegedy et al., CVPR 2016).
            mixup: How much each sample is mixed with another one, 0 or more; see `Plan`.
            warmup_epochs: Epochs until the highest rate is reached.
            fine_tune: ``head`` trains the classifier; a number N the last N blocks too; ``full``
                everything. What is frozen runs once for each image, if it can be run apart; if
                blocks are trained, also for its mirror image and, of an image that is repeated,
                for random crops. There is no other augmentation then.
            backbone_rate: Learning rate of the blocks as a share of the classifier's, above 0 to 1.
            weight_decay: What a weight is multiplied by in its penalty's gradient, 0 or more.
            seed: Of order and augmentation. Equal seeds and data give equal weights.
            repeats: How often each image is trained on in an epoch, 1 or more; None: once.
            validation: Positions of images that are not trained on, and judge each epoch instead:
                the weights of the one with the lowest loss are kept, not the last one's.
            patience: Epochs without a lower validation loss after which training ends; 0: it does
                not.
            state_file: An ``.npz`` file for the state after each epoch. A training of the same
                weights, data and hyperparameters that finds it resumes where it stopped. The
                caller removes it.
            cache_folder: For what the next training need not do again: the compiled graph, see
                `backend.classifier.graph_cache.kept_graph`, and what the frozen part gives for
                image files; None for nowhere.
            cache_size: Bound of the latter, in MiB; one is enough for 30 images of 224 pixels with
                three blocks, or for 400 with ``head``.
            on_unreadable: Called once for each sample that is not an image, with its position and
                the error; it is left out then.
            quantise: Whether to make the int8 model too, for `save`; see
                `backend.classifier.quantisation.quantised`.
            feature_mean: (F,), only with ``head``: what is subtracted from the features during
                training. The saved head takes plain features; see `backend.classifier.federated`.

        Returns:
            ``loss`` and ``seconds``, one value an epoch, and with ``validation`` also
            ``validation_loss``; where an int8 model is made, also
            ``int8_accuracy_delta``, its accuracy less the float model's on some of the training
            images, and ``int8_fallback``, 1 if it lost more than half a point, so that the float
            model takes its place, and else 0.

        Raises:
            DatasetError: If there is nothing to train on or a class number is out of range.
            ImageError: If a sample is not an image and there is no ``on_unreadable``.
            SettingsError: If a hyperparameter is out of its range, or the network has no head or
                blocks to train apart.
        """
        self._check(train_data, "train")
        plan = Plan(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            label_smoothing=label_smoothing,
            mixup=mixup,
            warmup_epochs=warmup_epochs,
            fine_tune=fine_tune,
            seed=seed,
            backbone_rate=backbone_rate,
            weight_decay=weight_decay,
            patience=patience,
        )
        if feature_mean is not None and fine_tune != "head":
            raise SettingsError(f"fine_tune={fine_tune}: feature_mean needs fine_tune=head.")
        folder = None if cache_folder is None else Path(cache_folder)
        first = self.network.first_trained(fine_tune)
        if first and self.network.can_start_at(first):
            frozen = self._frozen_part(first, folder, cache_size)
            copied = images_to_copy(repeats, validation)
            positions, activations = self._run(frozen, train_data.x, on_unreadable, copied, seed)
        else:
            positions, activations = self._readable(train_data.x, on_unreadable), None
        images = _selected(train_data, positions)
        self._check(images, "train")
        order, judges = divide_epoch(positions, repeats, validation)
        toolkit = self._model.toolkit
        from backend.classifier.training import Task, fit, fit_centred  # noqa: PLC0415

        task = Task(
            toolkit,
            self.network,
            len(self.class_names),
            self.get_weights(),
            images,
            order,
            self.input_format,
            activations,
            self._validation_loss(_selected(images, judges)) if judges else None,
        )
        state = None if state_file is None else Path(state_file)
        if feature_mean is None:
            weights, metrics = fit(task, plan, state, folder)
        else:
            weights, metrics = fit_centred(task, feature_mean, plan, state, folder)
        self.set_weights(weights)
        if quantise:
            metrics.update(self._quantise(images, seed))
        if valid_data is not None and len(valid_data):
            judged = self.evaluate(valid_data, batch_size=batch_size)
            metrics.update({f"valid_{name}": values for name, values in judged.items()})
        return metrics

    def evaluate(
        self,
        data: LabelledImages,
        *,
        batch_size: int = 16,
        on_unreadable: OnUnreadable | None = None,
        with_confidence: bool = False,
        with_answers: bool = False,
    ) -> Metrics:
        """Judge the present weights; see `backend.classifier.metrics.classification_metrics`.

        ``with_confidence`` adds ``confidence``: `backend.classifier.metrics.confidence_counts` as
        floats. ``with_answers`` adds ``answers`` [N]: the class number that each of the N images is
        taken for, -1 for one that is left out.
        ``on_unreadable`` is called once for each sample that is not an image, with its position and
        the error; it is left out then. Without it such a sample raises ImageError.
        """
        if len(data):
            self._check(data, "evaluate")
        positions, probabilities = self._probabilities(data.x, batch_size, on_unreadable)
        labels = np.asarray(data.y, dtype=np.int64)[positions]
        metrics = classification_metrics(labels, probabilities)
        if with_confidence:
            counts = confidence_counts(probabilities.max(axis=1), len(self.class_names))
            metrics["confidence"] = counts.astype(float).tolist()
        if with_answers:
            answers = np.full(len(data), -1.0)
            answers[positions] = probabilities.argmax(axis=1)
            metrics["answers"] = answers.tolist()
        return metrics

    def mean_features(
        self,
        images: Sequence[ImageSource],
        *,
        cache_folder: str | os.PathLike[str] | None = None,
        cache_size: int = 256,
        on_unreadable: OnUnreadable | None = None,
    ) -> NDArray[np.float32]:
        """Return the mean (F,) of the features of images.

        The other arguments are those of `train`.
        """
        head = self.network.first_trained("head") or ""
        folder = None if cache_folder is None else Path(cache_folder)
        frozen = self._frozen_part(head, folder, cache_size)
        values = self._run(frozen, images, on_unreadable).values
        mean: NDArray[np.float32] = values.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return mean

    def predict(self, data: Sequence[ImageSource], *, batch_size: int = 16) -> list[Prediction]:
        """Classify images; raises ImageError for what cannot be read as an image."""
        _, probabilities = self._probabilities(data, batch_size)
        return [Prediction(self.class_names[int(row.argmax())], row) for row in probabilities]

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of preprocessed inputs, (N, channels, S, S)."""
        return _softmax(self._model.engine.run(inputs))

    def probabilities_and_features(
        self, inputs: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the head is given, too: (N, F), F 0 for a model that does not tell it."""
        logits, features = self._model.engine.run_with_features(inputs)
        return _softmax(logits), features

    def save(self, model_url: str | os.PathLike[str]) -> str:
        """Write the model atomically; the suffix decides the format.

        ``.ckpt`` and ``.npz`` hold the weights, ``.onnx`` and ``.mindir`` the whole network.
        ``.int8.onnx`` holds the int8 model that `train` made of these weights, or else the same
        as ``.onnx``. Returns the path. Raises ModelFileError for another suffix.
        """
        path = Path(model_url)
        if path.suffix == ".onnx":
            is_int8 = model_file.model_format(path) == "int8"
            model = self._model.int8 if is_int8 and self._model.int8 else self._model.to_onnx()
            model_file.write(path, model, self._card)
        elif path.suffix == ".mindir":
            network = self._model.cell
            from backend.classifier.exporting import export_mindir  # noqa: PLC0415

            export_mindir(network, self.input_format, path)
        else:
            write_weights(path, self.get_weights(), self._card)
        return str(path)

    def load(self, model_url: str | os.PathLike[str]) -> None:
        """Take the model of a ``.ckpt``, ``.npz``, ``.onnx`` or ``.safetensors`` file.

        Its weights may be in any layout that `backend.models.layouts.to_layout` knows.
        A model of other classes keeps its backbone and the rows of its head for classes that it
        shares, which is logged. Until it is trained, the classes that it does not know have the
        probability 0; a model that knows none of them must be trained before it predicts. A
        failed load changes nothing.

        Raises ModelFileError if the file is damaged or holds another network.
        """
        self.load_file(model_file.read(Path(model_url)))

    def load_file(self, file: ModelFile) -> None:
        """Do what `load` does, with a file that was read."""
        self._model.load(file)

    def load_weights(self, model_url: str | os.PathLike[str]) -> None:
        """Do what `load` does; the name that Sedna's backends call."""
        self.load(model_url)

    def take_weights(self, weights: Weights, card: ModelCard | None, origin: str) -> None:
        """Start from ``weights``; of a head for other classes, only the shared ones are kept.

        Args:
            weights: A backbone's parameters and a head's, in any layout; others are left out.
            card: Names the head's classes, if it is known.
            origin: Names the weights in messages.

        Raises:
            ModelFileError: If they are another network's. Nothing has changed then.
        """
        self._model.take_weights(weights, card, origin)

    def get_weights(self) -> Weights:
        """Return every parameter's name and a copy of its value, float32."""
        return self._model.get_weights()

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every weight, all or nothing.

        Raises ModelFileError if a name is unknown or missing or a shape differs.
        """
        self._model.set_weights(weights)

    @property
    def shapes(self) -> Shapes:
        """The shape of every parameter, by name."""
        return self._model.shapes

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels."""
        return self.input_format.size

    @property
    def _card(self) -> ModelCard:
        return ModelCard(self.class_names, self.input_size, self.network.name)

    def _check(self, data: LabelledImages, purpose: str) -> None:
        if not len(data):
            raise DatasetError(f"There are no samples to {purpose} on.")
        if min(data.y) < 0 or max(data.y) >= len(self.class_names):
            raise DatasetError(
                f"A class number is outside 0 to {len(self.class_names) - 1}: the classes are "
                f"{', '.join(self.class_names)}."
            )

    def _readable(
        self, images: Sequence[ImageSource], on_unreadable: OnUnreadable | None
    ) -> list[int]:
        """Return the positions of the images to train on."""
        if on_unreadable:
            return readable(images, self.input_size, on_unreadable)
        return [*range(len(images))]

    def _frozen_part(
        self, first_trained: str, cache_folder: Path | None, cache_size: int
    ) -> FrozenPart:
        return FrozenPart(
            self._model.to_onnx(),
            first_trained,
            self.input_format,
            cache_folder,
            cache_size,
            # A head gains half a point from it, and most of its round would be spent on it.
            is_varied=first_trained != self.network.head,
        )

    def _run(
        self,
        frozen: FrozenPart,
        images: Sequence[ImageSource],
        on_unreadable: OnUnreadable | None,
        copied: Sequence[int] = (),
        seed: int = 0,
    ) -> Activations:
        """Run the frozen part, and import the framework meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            toolkit = pool.submit(lambda: self._model.toolkit) if self.network.shortcuts else None
            activations = frozen.activations(images, on_unreadable, copied, seed)
            if toolkit:
                toolkit.result()
        return activations

    def _validation_loss(self, data: LabelledImages) -> Callable[[Weights], float]:
        """Return what judges weights on ``data``, in ONNX Runtime."""

        def loss(weights: Weights) -> float:
            engine = OnnxEngine(self._model.to_onnx(weights), "the model of this epoch")
            batches = input_batches(data.x, self.input_format, _BATCH_SIZE)
            answers = np.concatenate([_softmax(engine.run(batch.inputs)) for batch in batches])
            return float(classification_metrics(np.asarray(data.y), answers)["loss"][0])

        return loss

    def _probabilities(
        self,
        images: Sequence[ImageSource],
        batch_size: int,
        on_unreadable: OnUnreadable | None = None,
    ) -> tuple[list[int], NDArray[np.float32]]:
        """Return the probabilities (N, C) of the readable images, and their positions."""
        positions: list[int] = []
        answers = [np.empty((0, len(self.class_names)), np.float32)]
        for batch in input_batches(images, self.input_format, batch_size, on_unreadable):
            positions += batch.positions
            answers.append(self.probabilities(batch.inputs))
        return positions, np.concatenate(answers)

    def _quantise(self, images: LabelledImages, seed: int) -> Metrics:
        """Create the int8 model and return the outcome."""
        from backend.classifier.quantisation import quantised  # noqa: PLC0415

        self._model.int8, metrics = quantised(
            self._model.to_onnx(), images, self.input_format, seed
        )
        return metrics


def _selected(data: LabelledImages, positions: Sequence[int]) -> LabelledImages:
    if [*positions] == [*range(len(data))]:
        return data  # its images may be read one by one
    return LabelledImages(
        [data.x[each] for each in positions], [data.y[each] for each in positions]
    )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares
