"""Brings published MobileNetV2 1.0 weights to TinyMS's parameter names, by structure.

Every layout of the network has the same convolutions and batch normalisations in the same
order, whatever their names: TinyMS's own, MindCV's (``features.3.layers.0.weight``) and
torchvision's (``features.1.conv.0.0.weight``). So layers are put in the natural order of
their names, and are matched one by one, by kind and shape; the classifier is the one dense
layer.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import ModelFileError
from backend.models.weights import Weights
from backend.networks.mobilenetv2.architecture import HEAD_BIAS, HEAD_WEIGHT, blocks

__all__ = ["class_count", "to_tinyms_layout"]

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

_NORMALISATION = ("weight", "bias", "mean", "variance")
"""The roles in a batch normalisation, in the order of `Convolution.normalisation`."""

_HEAD = {"weight": HEAD_WEIGHT, "bias": HEAD_BIAS}
_OPTIMIZER_STATE = ("moment1.", "moment2.", "moments.", "accum.")
_CONVOLUTION_AXES = 4
_DENSE_AXES = 2


@dataclass(frozen=True)
class _Layer:
    name: str
    roles: dict[str, NDArray[np.float32]]

    @property
    def is_dense(self) -> bool:
        return self.roles["weight"].ndim == _DENSE_AXES

    @property
    def kind(self) -> tuple[int, ...] | int:
        """A convolution's shape, or a batch normalisation's channels."""
        weight = self.roles["weight"]
        return weight.shape if weight.ndim == _CONVOLUTION_AXES else len(weight)


def to_tinyms_layout(weights: Weights, origin: str) -> Weights:
    """Return the same weights under TinyMS's names.

    Args:
        weights: Of a MobileNetV2 1.0 with any number of classes, under any names.
        origin: Names the weights in errors.

    Raises:
        ModelFileError: If a layer has another kind or shape than MobileNetV2 1.0's.
    """
    layers = _layers(weights)
    dense = [layer for layer in layers if layer.is_dense]
    others = [layer for layer in layers if not layer.is_dense]
    expected = list(_backbone())
    if len(dense) != 1 or len(others) != len(expected):
        raise ModelFileError(
            f"{origin}: holds {len(others)} convolutions and batch normalisations and "
            f"{len(dense)} dense layers; a MobileNetV2 1.0 has {len(expected)} and 1."
        )
    renamed = _renamed(dense[0], _HEAD)
    for layer, (names, kind) in zip(others, expected, strict=True):
        if layer.kind != kind:
            raise ModelFileError(
                f"{origin}: {layer.name} is {layer.kind}, where a MobileNetV2 1.0 has {kind}."
            )
        renamed |= _renamed(layer, names)
    return renamed


def class_count(weights: Weights) -> int:
    """Return how many classes weights in TinyMS's layout tell apart."""
    return len(weights[HEAD_WEIGHT])


def _layers(weights: Weights) -> list[_Layer]:
    grouped: defaultdict[str, dict[str, NDArray[np.float32]]] = defaultdict(dict)
    for name, value in weights.items():
        layer, _, leaf = name.rpartition(".")
        if leaf in _ROLES and not name.startswith(_OPTIMIZER_STATE):
            grouped[layer][_ROLES[leaf]] = value
    named = sorted(grouped.items(), key=lambda item: _natural(item[0]))
    return [_Layer(name, roles) for name, roles in named if "weight" in roles]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort ``features.10`` after ``features.2``."""
    parts = re.split(r"[._]", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _renamed(layer: _Layer, names: Mapping[str, str]) -> Weights:
    return {names[role]: value for role, value in layer.roles.items() if role in names}


def _backbone() -> Iterator[tuple[dict[str, str], tuple[int, ...] | int]]:
    """Yield each layer's TinyMS names by role and its kind, in the network's order."""
    for block in blocks():
        for convolution in block.convolutions:
            yield {"weight": convolution.name}, convolution.shape
            names = dict(zip(_NORMALISATION, convolution.normalisation, strict=True))
            yield names, convolution.shape[0]
