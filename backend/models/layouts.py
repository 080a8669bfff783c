"""Brings published weights to a network's own parameter names, by structure.

Every layout of a network has the same layers of the same shapes, whatever their names: TinyMS's
own, MindCV's (``features.3.layers.0.weight``) and torchvision's (``features.1.conv.0.0.weight``).
So the layers of each kind (convolutions, batch normalisations and dense layers) are put in the
natural order of their names, and are matched one by one, by shape.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from backend.errors import ModelFileError
from backend.models.parameters import Shapes
from backend.models.weights import Weights

__all__ = ["to_layout"]

_ROLES = {
    "weight": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "mean",
    "running_mean": "mean",
    "moving_variance": "variance",
    "running_var": "variance",
}
"""The last part of a parameter's name to its role in its layer."""

_KINDS = {4: "convolutions", 1: "batch normalisations", 2: "dense layers"}
"""Axes of a layer's weight to what such layers are called."""

_OPTIMIZER_STATE = ("moment1.", "moment2.", "moments.", "accum.")


@dataclass(frozen=True)
class _Layer:
    name: str
    parameters: dict[str, str]
    """Role to the parameter's name."""
    shape: tuple[int, ...]
    """Of the weight."""

    def fits(self, other: "_Layer", *, any_outputs: bool) -> bool:
        """Compare shape and roles, but for the number of outputs where any will do."""
        first = 1 if any_outputs else 0
        is_alike = self.shape[first:] == other.shape[first:]
        return is_alike and self.parameters.keys() == other.parameters.keys()

    def __str__(self) -> str:
        """Describe the layer in errors."""
        return f"{self.name} with {', '.join(sorted(self.parameters))} of {self.shape}"


def to_layout(weights: Weights, shapes: Shapes, head: str | None, origin: str) -> Weights:
    """Return the same weights under other names.

    Args:
        weights: Of the network, with any number of classes, under any names.
        shapes: The network's own parameters.
        head: The name of its last dense layer, which may have another number of classes.
        origin: Names the weights in errors.

    Raises:
        ModelFileError: If a layer is missing, superfluous, or has another shape or other
            parameters than the network's.
    """
    if shapes.keys() <= weights.keys():
        return {name: weights[name] for name in shapes}
    theirs = _layers({name: value.shape for name, value in weights.items()})
    ours = _layers(shapes)
    renamed: Weights = {}
    for axes, kind in _KINDS.items():
        found, wanted = (
            [each for each in layers if len(each.shape) == axes] for layers in (theirs, ours)
        )
        if len(found) != len(wanted):
            raise ModelFileError(
                f"{origin}: holds {len(found)} {kind}, where the network has {len(wanted)}."
            )
        for layer, own in zip(found, wanted, strict=True):
            if not layer.fits(own, any_outputs=own.name == head):
                raise ModelFileError(f"{origin}: {layer}, where the network has {own}.")
            for role, name in layer.parameters.items():
                renamed[own.parameters[role]] = weights[name]
    return renamed


def _layers(shapes: Shapes) -> list[_Layer]:
    grouped: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in shapes:
        layer, _, leaf = name.rpartition(".")
        if leaf in _ROLES and not name.startswith(_OPTIMIZER_STATE):
            grouped[layer][_ROLES[leaf]] = name
    return [
        _Layer(layer, names, shapes[names["weight"]])
        for layer, names in sorted(grouped.items(), key=lambda item: _natural(item[0]))
        if "weight" in names
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort ``features.10`` after ``features.2``."""
    parts = re.split(r"[._]", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
