"""The estimator: train, evaluate, predict, save and load a classifier of images.

What belongs to a framework comes from its toolkit, what belongs to a network from its
description; a model in ONNX format needs no framework.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier.classes import HeadRows, SelectedClasses
from backend.classifier.engines import Engine, NetworkEngine, OnnxEngine
from backend.classifier.frozen import Activations, FrozenPart
from backend.classifier.metrics import classification_metrics, confidence_counts
from backend.classifier.plan import Plan
from backend.classifier.toolkit import Cell, Toolkit
from backend.errors import DatasetError, ModelFileError, SettingsError
from backend.images.decoding import OnUnreadable, input_batches, readable
from backend.images.opening import ImageSource
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.mindspore.garbage import without_collections, without_present_objects
from backend.mindspore.runtime import Device
from backend.models import model_file
from backend.models.layouts import to_layout
from backend.models.model_file import ModelCard, ModelFile
from backend.models.parameters import Shapes, check_weights, get_weights, set_weights
from backend.models.weights import Weights, weights_of, write_weights
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
    """A network for named classes; the framework is the subclass's.

    The network is built when it is first needed, so that serving an ONNX model imports no
    framework, and training can import it while images are decoded.
    """

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
        self._seed = seed
        self._served: tuple[Path, str] | None = None
        """The file of the ONNX model that runs as it is, and its digest."""
        self._weights: Weights | None = None
        """Of a network that is not built yet."""
        self._network: Cell | None = None
        self._engine: Engine | None = None
        self._renamed = renamed or {}
        self._head = HeadRows.own(len(self.class_names))
        """Of the loaded model, against the classes."""
        self._int8: bytes | None = None
        """Of the present weights, if `train` has made it."""

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
                everything. What is frozen runs once for each image, and for its mirror image if
                blocks are trained, if it can be run apart; without other augmentation then.
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
        positions, activations = self._prepared(
            train_data.x, fine_tune, folder, cache_size, on_unreadable
        )
        images = _selected(train_data, positions)
        self._check(images, "train")
        order, judges = _epoch(positions, repeats, validation)
        toolkit = self._toolkit
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
        with without_present_objects():
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
        values = self._activations(images, head, folder, cache_size, on_unreadable).values
        mean: NDArray[np.float32] = values.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return mean

    def predict(self, data: Sequence[ImageSource], *, batch_size: int = 16) -> list[Prediction]:
        """Classify images; raises ImageError for what cannot be read as an image."""
        _, probabilities = self._probabilities(data, batch_size)
        return [Prediction(self.class_names[int(row.argmax())], row) for row in probabilities]

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of preprocessed inputs, (N, channels, S, S)."""
        return _softmax(self._require_engine().run(inputs))

    def probabilities_and_features(
        self, inputs: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the head is given, too: (N, F), F 0 for a model that does not tell it."""
        logits, features = self._require_engine().run_with_features(inputs)
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
            model = self._int8 if is_int8 and self._int8 else self._float_model()
            model_file.write(path, model, self._card)
        elif path.suffix == ".mindir":
            network = self._require_network()
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
        if file.suffix != ".onnx" or not self._serves(file):
            self.take_weights(weights_of(file), file.card, str(file.path))

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
        self._check_network(card, origin)
        known = self._known(weights, origin)
        head = [each for each in self.shapes if self.network.is_of_head(each)]
        class_count = len(known.get(head[0], ())) if head else len(self.class_names)
        rows = self._head_of(card, class_count)
        self.set_weights(self._with_own_head(known, rows, origin))
        self._tell_of_other_classes(rows, origin)
        self._head = rows.adapted

    def get_weights(self) -> Weights:
        """Return every parameter's name and a copy of its value, float32."""
        if self._network is not None:
            return get_weights(self._network)
        return {name: value.copy() for name, value in self._present_weights().items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every weight, all or nothing.

        Raises ModelFileError if a name is unknown or missing or a shape differs.
        """
        if self._network is not None:
            set_weights(self._network, weights)
            self._int8 = None
            self._trust_head()
            return
        check_weights(weights, self.shapes)
        self._weights = {name: np.array(value, np.float32) for name, value in weights.items()}
        self._served, self._engine, self._int8 = None, None, None
        self._trust_head()

    @cached_property
    def _toolkit(self) -> Toolkit:
        with without_collections():
            return self._load_toolkit(self.device)

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of every parameter, by name."""
        shortcuts = self.network.shortcuts
        if shortcuts:
            return shortcuts.shapes(len(self.class_names))
        return {name: value.shape for name, value in self._initial_weights.items()}

    @cached_property
    def _initial_weights(self) -> Weights:
        """What training from scratch starts from."""
        class_count, shortcuts = len(self.class_names), self.network.shortcuts
        if shortcuts:
            return shortcuts.initial_weights(class_count, self._seed)
        toolkit = self._toolkit
        import mindspore  # noqa: PLC0415

        # The cell's own weights, NumPy's and MindSpore's draws among them.
        mindspore.set_seed(self._seed)
        network = toolkit.network(self.network, class_count)
        network.init_parameters_data()
        return get_weights(network)

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels."""
        return self.input_format.size

    @property
    def _card(self) -> ModelCard:
        return ModelCard(self.class_names, self.input_size, self.network.name)

    def _check_network(self, card: ModelCard | None, origin: str) -> None:
        if card and card.network not in {None, self.network.name}:
            raise ModelFileError(
                f"{origin} is a model of the network {card.network}, and network="
                f"{self.network.name} is set: give a model of that network, or change the setting."
            )

    def _known(self, weights: Weights, origin: str) -> Weights:
        """Return the weights that the network has; raise ModelFileError without its backbone."""
        try:
            return to_layout(weights, self.shapes, self.network.head, origin)
        except ModelFileError as error:
            raise ModelFileError(f"{error} It must hold a {self.network.name}.") from None

    def _check(self, data: LabelledImages, purpose: str) -> None:
        if not len(data):
            raise DatasetError(f"There are no samples to {purpose} on.")
        if min(data.y) < 0 or max(data.y) >= len(self.class_names):
            raise DatasetError(
                f"A class number is outside 0 to {len(self.class_names) - 1}: the classes are "
                f"{', '.join(self.class_names)}."
            )

    def _prepared(
        self,
        images: Sequence[ImageSource],
        fine_tune: FineTune,
        cache_folder: Path | None,
        cache_size: int,
        on_unreadable: OnUnreadable | None,
    ) -> tuple[list[int], NDArray[np.float16] | None]:
        """Return the positions of the readable images, and what their frozen part gives, if run."""
        first = self.network.first_trained(fine_tune)
        if first and self.network.can_start_at(first):
            return self._activations(images, first, cache_folder, cache_size, on_unreadable)
        if on_unreadable:
            return readable(images, self.input_size, on_unreadable), None
        return [*range(len(images))], None

    def _activations(
        self,
        images: Sequence[ImageSource],
        first_trained: str,
        cache_folder: Path | None,
        cache_size: int,
        on_unreadable: OnUnreadable | None,
    ) -> Activations:
        """Run the frozen part, and import the framework meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            toolkit = pool.submit(lambda: self._toolkit) if self.network.shortcuts else None
            frozen = FrozenPart(
                self._float_model(),
                first_trained,
                self.input_format,
                cache_folder,
                cache_size,
                # A head gains half a point from it, and most of its round would be spent on it.
                is_mirrored=first_trained != self.network.head,
            )
            activations = frozen.activations(images, on_unreadable)
            if toolkit:
                toolkit.result()
        return activations

    def _validation_loss(self, data: LabelledImages) -> Callable[[Weights], float]:
        """Return what judges weights on ``data``, in ONNX Runtime."""

        def loss(weights: Weights) -> float:
            engine = OnnxEngine(self._float_model(weights), "the model of this epoch")
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

    def _float_model(self, weights: Weights | None = None) -> bytes:
        """Return the model of the present weights, or of others, in ONNX."""
        weights, shortcuts = weights or self.get_weights(), self.network.shortcuts
        if shortcuts:
            return shortcuts.onnx_model(weights, self.input_size)
        # A cell of its own: MindSpore cannot export one that has been compiled before.
        network = self._toolkit.network(self.network, len(self.class_names))
        set_weights(network, weights)
        from backend.classifier.exporting import onnx_model  # noqa: PLC0415

        return onnx_model(network, self.input_format, self.network.head)

    def _quantise(self, images: LabelledImages, seed: int) -> Metrics:
        """Create the int8 model and return the outcome."""
        from backend.classifier.quantisation import quantised  # noqa: PLC0415

        self._int8, metrics = quantised(self._float_model(), images, self.input_format, seed)
        return metrics

    def _require_engine(self) -> Engine:
        if not self._head.is_known.any():
            raise ModelFileError(
                "The loaded model was trained for other classes than "
                f"{', '.join(self.class_names)}: train it before it predicts."
            )
        if self._engine is None:
            network = self._require_network()
            self._engine = self._selecting(NetworkEngine(self._toolkit, network))
        return self._engine

    def _require_network(self) -> Cell:
        """Return the network, built now if this is the first need of it."""
        if self._network is None:
            weights = self._present_weights()
            network = self._toolkit.network(self.network, len(self.class_names))
            set_weights(network, weights)
            self._network, self._engine = network, None
            self._weights, self._served, self._head = None, None, self._head.adapted
        return self._network

    def _present_weights(self) -> Weights:
        """Return the weights of the network that is not built yet."""
        if self._served is not None:
            path, digest = self._served
            file = model_file.read(path)
            if file.digest != digest:
                raise ModelFileError(f"{path}: has changed since it was loaded: load it again.")
            known = self._known(weights_of(file), str(path))
            return self._with_own_head(known, self._head, str(path))
        if self._weights is None:
            self._weights = self._initial_weights
        return self._weights

    def _serves(self, file: ModelFile) -> bool:
        """Run an ONNX model of shared classes and the right size as it is, if it can be."""
        origin = str(file.path)
        self._check_network(file.card, origin)
        engine = OnnxEngine(file.payload, origin)
        head = self._head_of(file.card, engine.output_size)
        if engine.input_size not in {None, self.input_size} or not head.is_known.any():
            return False
        self._tell_of_other_classes(head, origin)
        self._head = head
        self._engine, self._served = self._selecting(engine), (file.path, file.digest)
        self._weights, self._network, self._int8 = None, None, None
        return True

    def _head_of(self, card: ModelCard | None, class_count: int) -> HeadRows:
        names = card.class_names if card else self.class_names
        known = names if len(names) == class_count else [""] * class_count
        return HeadRows.of(self.class_names, known, self._renamed)

    def _selecting(self, engine: Engine) -> Engine:
        return engine if self._head.is_own else SelectedClasses(engine, self._head)

    def _trust_head(self) -> None:
        """Take every row of the head for trained: the weights are new."""
        if not self._head.is_own:
            self._head, self._engine = HeadRows.own(len(self.class_names)), None

    def _tell_of_other_classes(self, head: HeadRows, origin: str) -> None:
        if not head.is_own:
            pairs = zip(self.class_names, head.is_known, strict=True)
            _log.warning(
                "%s is a model of other classes: its head is taken for the classes that it shares,"
                " and has to be trained for: %s.",
                origin,
                ", ".join(name for name, is_known in pairs if not is_known) or "none",
            )

    def _with_own_head(self, known: Weights, head: HeadRows, origin: str) -> Weights:
        """Return weights with a head for this classifier's classes, in their order."""
        names = [each for each in self.shapes if self.network.is_of_head(each)]
        if head.is_own:
            return known
        if not names:
            raise ModelFileError(
                f"{origin} is a model of other classes, and {self.network.name} names no head that "
                "could be replaced."
            )
        initial = {name: self._initial_weights[name] for name in names}
        return known | {
            name: head.adapt(known.get(name, value), value) for name, value in initial.items()
        }


def _selected(data: LabelledImages, positions: Sequence[int]) -> LabelledImages:
    if [*positions] == [*range(len(data))]:
        return data  # its images may be read one by one
    return LabelledImages(
        [data.x[each] for each in positions], [data.y[each] for each in positions]
    )


def _epoch(
    positions: Sequence[int], repeats: Sequence[int] | None, validation: Collection[int]
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the places, among ``positions``, of an epoch's images, and of those that judge it.

    Raises DatasetError if all of them judge.
    """
    judges = [place for place, position in enumerate(positions) if position in validation]
    order = np.setdiff1d(np.arange(len(positions)), judges)
    if repeats is not None:
        order = np.repeat(order, [repeats[positions[place]] for place in order])
    if not len(order):
        raise DatasetError("Every readable sample is held out for validation: add some.")
    return order, judges


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares
