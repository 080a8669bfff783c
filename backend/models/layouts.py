"""Brings published weights to a network's own parameter names, by structure.

Every layout of a network has the same layers of the same shapes, whatever their names: TinyMS's
own, MindCV's (``features.3.layers.0.weight``), torchvision's (``features.1.conv.0.0.weight``) and
timm's (``blocks.1.0.conv_pw.weight``). So the layers of each kind (convolutions, batch
normalisations and dense layers) are put in the natural order of their names, and are matched one by
one, by shape. What else there is, such as an optimizer's state, is left out.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Collection
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

_TIMM_STEM = "conv_stem"
_TIMM_OUTSIDE = {_TIMM_STEM: "0", "bn1": "0", "conv_head": "2", "bn2": "2"}
"""What stands before and behind the blocks of timm's MobileNetV2, whose names do not tell."""
_TIMM_WITHIN = {"conv_dw": "1", "conv_pwl": "2"}
"""The same for the convolutions of a block."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Layer:
    name: str
    parameters: dict[str, str]
    """Role to the parameter's name."""
    shape: tuple[int, ...]
    """Of the weight."""

    def fits(self, other: "_Layer", *, any_outputs: bool) -> bool:
        """Compare shape and roles, except the number of outputs if any number is accepted."""
        first = 1 if any_outputs else 0
        is_alike = self.shape[first:] == other.shape[first:]
        return is_alike and self.parameters.keys() == other.parameters.keys()

    def __str__(self) -> str:
        """Describe the layer in errors."""
        return f"{self.name} with {', '.join(sorted(self.parameters))} of {self.shape}"


def to_layout(weights: Weights, shapes: Shapes, head: str | None, origin: str) -> Weights:
    """Return the network's weights under its own names; what is left out is logged.

    Args:
        weights: Of the network, with any number of classes, under any names; perhaps without head,
            and with an optimizer's state.
        shapes: The network's own parameters.
        head: The name of its last dense layer, which may have another number of classes.
        origin: Names the weights in errors.

    Raises:
        ModelFileError: If a layer is missing, superfluous, or has another shape or other
            parameters than the network's.
    """
    own = {name: name for name in shapes if name in weights}
    has_backbone = all(name in own or _is_of(head, name) for name in shapes)
    names = own if has_backbone else _matched(weights, shapes, head, origin)
    for name, theirs in names.items():
        found, wanted = weights[theirs].shape, shapes[name]
        if found != wanted and not _is_of(head, name):
            raise ModelFileError(f"{origin}: {theirs} is {found}, where the network has {wanted}.")
    left_out = sorted(weights.keys() - names.values())
    if left_out:
        _log.info("%s: left out what is not part of the network: %s", origin, _summary(left_out))
    return {name: weights[theirs] for name, theirs in names.items()}


def _matched(weights: Weights, shapes: Shapes, head: str | None, origin: str) -> dict[str, str]:
    """Return the network's own names, each with the name in the weights."""
    theirs = _layers(
        {name: weights[name].shape for name in weights if not _is_state(name, weights)}
    )
    ours = _layers(shapes)
    names: dict[str, str] = {}
    for axes, kind in _KINDS.items():
        found, wanted = (
            [each for each in layers if len(each.shape) == axes] for layers in (theirs, ours)
        )
        if len(found) == len(wanted) - 1 and wanted[-1].name == head:
            wanted.pop()
        if len(found) != len(wanted):
            raise ModelFileError(
                f"{origin}: holds {len(found)} {kind}, where the network has {len(wanted)}."
            )
        for layer, own in zip(found, wanted, strict=True):
            if not layer.fits(own, any_outputs=own.name == head):
                raise ModelFileError(f"{origin}: {layer}, where the network has {own}.")
            names |= {own.parameters[role]: name for role, name in layer.parameters.items()}
    return names


def _is_of(layer: str | None, parameter: str) -> bool:
    return layer is not None and parameter.startswith(f"{layer}.")


def _is_state(name: str, names: Collection[str]) -> bool:
    """Say whether a name is that of a parameter behind one more part, as optimizers name theirs."""
    return name.partition(".")[2] in names


def _summary(names: list[str]) -> str:
    return f"{len(names)} values ({', '.join(names[:3])}{', ...' if names[3:] else ''})"


def _layers(shapes: Shapes) -> list[_Layer]:
    grouped: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in shapes:
        layer, _, leaf = name.rpartition(".")
        if leaf in _ROLES:
            grouped[layer][_ROLES[leaf]] = name
    order = _order(grouped)
    return [
        _Layer(layer, names, shapes[names["weight"]])
        for layer, names in sorted(grouped.items(), key=lambda item: _natural(order[item[0]]))
        if "weight" in names
    ]


def _order(layers: Collection[str]) -> dict[str, str]:
    """Return what each layer is sorted by: its name, unless the layout is timm's."""
    stem = next((layer for layer in layers if layer.split(".")[-1] == _TIMM_STEM), None)
    if stem is None:
        return {layer: layer for layer in layers}
    prefix, order = stem.removesuffix(_TIMM_STEM), {}
    for layer in layers:
        block, _, leaf = layer.removeprefix(prefix).rpartition(".")
        if not block:
            order[layer] = _TIMM_OUTSIDE.get(leaf, leaf)
            continue
        if leaf == "conv_pw":
            # It expands the channels at a block's start, or else is a short block's last.
            leaf = "0" if f"{prefix}{block}.conv_pwl" in layers else "2"
        order[layer] = f"1.{block}.{_TIMM_WITHIN.get(leaf, leaf)}"
    return order


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort ``features.10`` after ``features.2``."""
    parts = re.split(r"[._]", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
