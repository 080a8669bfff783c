"""What the rest of the project has to know about a network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from backend.errors import SettingsError
from backend.images.preprocessing import IMAGENET, InputFormat, Normalisation
from backend.models.parameters import Shapes
from backend.models.weights import Weights

__all__ = ["Build", "FineTune", "Network", "Shortcuts"]

FineTune = Literal["head", "full"] | int
"""What is trained: the classifier, the last N blocks and the classifier, or everything."""

Build = Callable[[int], Any]
"""Class count to a cell that turns inputs (N, C, S, S) into logits (N, class count)."""


@dataclass(frozen=True)
class Shortcuts:
    """What a network does without its framework, whose import and compilation take seconds."""

    shapes: Callable[[int], Shapes]
    """Class count to the shape of every parameter."""
    initial_weights: Callable[[int, int], Weights]
    """Class count and seed to the weights that training from scratch starts from."""
    onnx_model: Callable[[Weights, int], bytes]
    """Weights and input size to an ONNX model from ``images`` to ``logits`` and ``features``."""


@dataclass(frozen=True)
class Network:
    """A classifier of images, by what it takes and how its parameters are called."""

    build: Build
    """Makes the cell, on TinyMS or MindSpore; imports them only when it is called."""
    input_size: int = 224
    """Side of the square input that it takes unless told otherwise, pixels."""
    stride: int | None = 1
    """Its input sizes are multiples of it; None: it takes ``input_size`` alone."""
    normalisation: Normalisation = IMAGENET
    """Of its inputs; with one channel it sees grey pictures."""
    head: str | None = None
    """The name of the last dense layer, whose inputs are the features; None: it has none."""
    blocks: tuple[str, ...] = ()
    """The cell that each block of the backbone starts with, in order, for "the last N blocks"."""
    is_chain: bool = False
    """Whether its cells run once each, one after the other as they are defined, without dropout up
    to the last block: the frozen ones then run once for each image, and not in training."""
    name: str = ""
    """What the setting ``network`` calls it."""
    build_on_mindspore: Build | None = None
    """Makes a cell with the same parameters without TinyMS; None: ``build`` does."""
    shortcuts: Shortcuts | None = None

    def input_format(self, size: int | None = None) -> InputFormat:
        """Return what it takes at an input size, by default its own.

        Raises SettingsError for a size that it cannot take.
        """
        size = self.input_size if size is None else size
        if self.stride is None and size != self.input_size:
            raise SettingsError(
                f"input_size={size}: {self.name} takes pictures of {self.input_size} pixels only."
            )
        if size < 1 or size % (self.stride or 1):
            raise SettingsError(
                f"input_size={size}: for {self.name} it must be a multiple of {self.stride}."
            )
        return InputFormat(size, self.normalisation)

    def first_trained(self, fine_tune: FineTune) -> str | None:
        """Return the name of the first cell that is trained; None: all are.

        Raises SettingsError for a network that does not name it.
        """
        if fine_tune == "full":
            return None
        if fine_tune == "head":
            if self.head is None:
                raise SettingsError(f"fine_tune=head: {self.name} names no head: use full.")
            return self.head
        if not self.blocks:
            raise SettingsError(
                f"fine_tune={fine_tune}: {self.name} names no blocks: use head or full."
            )
        return self.blocks[-fine_tune:][0]

    def can_start_at(self, cell: str) -> bool:
        """Say whether what comes before a cell can run apart from the cell and the rest."""
        return cell == self.head or (self.is_chain and cell != self.blocks[0])

    def is_of_head(self, parameter: str) -> bool:
        """Say whether a parameter, by its name, belongs to the head."""
        return self.head is not None and parameter.startswith(f"{self.head}.")
