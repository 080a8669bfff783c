"""The model that a classifier has at present, in the cheapest form that its use allows."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.classifier.classes import HeadRows, SelectedClasses
from backend.classifier.engines import Engine, NetworkEngine, OnnxEngine
from backend.classifier.toolkit import Cell, Toolkit
from backend.errors import ModelFileError
from backend.images.preprocessing import InputFormat
from backend.mindspore.garbage import imported_for_good
from backend.models import model_file
from backend.models.layouts import to_layout
from backend.models.model_file import ModelCard, ModelFile
from backend.models.parameters import Shapes, check_weights, get_weights, set_weights
from backend.models.weights import Weights, weights_of
from backend.networks import Network

__all__ = ["LoadedModel"]

_log = logging.getLogger(__name__)


class LoadedModel:
    """An ONNX model that runs as it is, the weights of a network, or the network with them.

    The framework's network is built when it is first needed, so that serving an ONNX model imports
    no framework, and training can import it while images are decoded.
    """

    int8: bytes | None = None
    """The present weights in int8, an ONNX model, if it has been made."""

    def __init__(
        self,
        network: Network,
        input_format: InputFormat,
        class_names: Sequence[str],
        load_toolkit: Callable[[], Toolkit],
        *,
        renamed: Mapping[str, str],
        seed: int,
    ) -> None:
        """Have initial weights.

        Args:
            network: Describes the network.
            input_format: What it takes.
            class_names: The classes, in the order of the outputs.
            load_toolkit: Imports the framework; called once, when it is needed.
            renamed: Old names of classes, in model files, to the names they have now.
            seed: Of the initial weights.
        """
        self._network = network
        self._input_format = input_format
        self._class_names = class_names
        self._load_toolkit = load_toolkit
        self._renamed = renamed
        self._seed = seed
        self._served: tuple[Path, str] | None = None
        """The file of the ONNX model that runs as it is, and its digest."""
        self._weights: Weights | None = None
        """Of a network that is not built yet."""
        self._cell: Cell | None = None
        self._engine: Engine | None = None
        self._head = HeadRows.own(len(class_names))
        """Of the loaded model, against the classes."""

    @cached_property
    def toolkit(self) -> Toolkit:
        """The framework's parts."""
        with imported_for_good():
            return self._load_toolkit()

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of every parameter, by name."""
        shortcuts = self._network.shortcuts
        if shortcuts:
            return shortcuts.shapes(len(self._class_names))
        return {name: value.shape for name, value in self._initial_weights.items()}

    @property
    def engine(self) -> Engine:
        """What runs the model; it gives logits (N, C) of the classes.

        Raises ModelFileError for a model that knows none of the classes.
        """
        if not self._head.is_known.any():
            raise ModelFileError(
                "The loaded model was trained for other classes than "
                f"{', '.join(self._class_names)}: train it before it predicts."
            )
        if self._engine is None:
            cell = self.cell
            self._engine = self._selecting(NetworkEngine(self.toolkit, cell))
        return self._engine

    @property
    def cell(self) -> Cell:
        """The framework's network with the present weights, built now if need be."""
        if self._cell is None:
            weights = self._present_weights()
            cell = self.toolkit.network(self._network, len(self._class_names))
            set_weights(cell, weights)
            self._cell, self._engine = cell, None
            self._weights, self._served, self._head = None, None, self._head.adapted
        return self._cell

    def to_onnx(self, weights: Weights | None = None) -> bytes:
        """Return the network with the present weights, or with others, in ONNX."""
        weights, shortcuts = weights or self.get_weights(), self._network.shortcuts
        if shortcuts:
            return shortcuts.onnx_model(weights, self._input_format.size)
        # A cell of its own: MindSpore cannot export one that has been compiled before.
        cell = self.toolkit.network(self._network, len(self._class_names))
        set_weights(cell, weights)
        from backend.classifier.exporting import onnx_model  # noqa: PLC0415 - imports MindSpore

        return onnx_model(cell, self._input_format, self._network.head)

    def load(self, file: ModelFile) -> None:
        """Take the model of a file; see `Classifier.load`."""
        if file.suffix != ".onnx" or not self._serves(file):
            self.take_weights(weights_of(file), file.card, str(file.path))

    def take_weights(self, weights: Weights, card: ModelCard | None, origin: str) -> None:
        """Start from weights in any layout; see `Classifier.take_weights`."""
        self._check_network(card, origin)
        known = self._known(weights, origin)
        head = [each for each in self.shapes if self._network.is_of_head(each)]
        class_count = len(known.get(head[0], ())) if head else len(self._class_names)
        rows = self._head_of(card, class_count)
        self.set_weights(self._with_own_head(known, rows, origin))
        self._tell_of_other_classes(rows, origin)
        self._head = rows.adapted

    def get_weights(self) -> Weights:
        """Return every parameter's name and a copy of its value, float32."""
        if self._cell is not None:
            return get_weights(self._cell)
        return {name: value.copy() for name, value in self._present_weights().items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every weight, all or nothing.

        Raises ModelFileError if a name is unknown or missing or a shape differs.
        """
        if self._cell is not None:
            set_weights(self._cell, weights)
        else:
            check_weights(weights, self.shapes)
            self._weights = {name: np.array(value, np.float32) for name, value in weights.items()}
            self._served, self._engine = None, None
        self.int8 = None
        self._trust_head()

    @cached_property
    def _initial_weights(self) -> Weights:
        """What training from scratch starts from."""
        class_count, shortcuts = len(self._class_names), self._network.shortcuts
        if shortcuts:
            return shortcuts.initial_weights(class_count, self._seed)
        toolkit = self.toolkit
        import mindspore  # noqa: PLC0415 - the toolkit has prepared it

        # The cell's own weights, NumPy's and MindSpore's draws among them.
        mindspore.set_seed(self._seed)
        cell = toolkit.network(self._network, class_count)
        cell.init_parameters_data()
        return get_weights(cell)

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
        if engine.input_size not in {None, self._input_format.size} or not head.is_known.any():
            return False
        self._tell_of_other_classes(head, origin)
        self._head = head
        self._engine, self._served = self._selecting(engine), (file.path, file.digest)
        self._weights, self._cell, self.int8 = None, None, None
        return True

    def _check_network(self, card: ModelCard | None, origin: str) -> None:
        name = self._network.name
        if card and card.network not in {None, name}:
            raise ModelFileError(
                f"{origin} is a model of the network {card.network}, and network={name} is set: "
                "give a model of that network, or change the setting."
            )

    def _known(self, weights: Weights, origin: str) -> Weights:
        """Return the weights that the network has; raise ModelFileError without its backbone."""
        try:
            return to_layout(weights, self.shapes, self._network.head, origin)
        except ModelFileError as error:
            raise ModelFileError(f"{error} It must hold a {self._network.name}.") from None

    def _head_of(self, card: ModelCard | None, class_count: int) -> HeadRows:
        names = card.class_names if card else self._class_names
        known = names if len(names) == class_count else [""] * class_count
        return HeadRows.of(self._class_names, known, self._renamed)

    def _selecting(self, engine: Engine) -> Engine:
        return engine if self._head.is_own else SelectedClasses(engine, self._head)

    def _trust_head(self) -> None:
        """Take every row of the head for trained: the weights are new."""
        if not self._head.is_own:
            self._head, self._engine = HeadRows.own(len(self._class_names)), None

    def _with_own_head(self, known: Weights, head: HeadRows, origin: str) -> Weights:
        """Return weights with a head for the classes, in their order."""
        names = [each for each in self.shapes if self._network.is_of_head(each)]
        if head.is_own:
            return known
        if not names:
            raise ModelFileError(
                f"{origin} is a model of other classes, and {self._network.name} names no head "
                "that could be replaced."
            )
        initial = {name: self._initial_weights[name] for name in names}
        return known | {
            name: head.adapt(known.get(name, value), value) for name, value in initial.items()
        }

    def _tell_of_other_classes(self, head: HeadRows, origin: str) -> None:
        if not head.is_own:
            pairs = zip(self._class_names, head.is_known, strict=True)
            _log.warning(
                "%s is a model of other classes: its head is taken for the classes that it shares,"
                " and has to be trained for: %s.",
                origin,
                ", ".join(name for name, is_known in pairs if not is_known) or "none",
            )
