"""The parameters of a network as named arrays, replaced all or nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import ModelFileError
from backend.models.weights import Weights

__all__ = ["Shapes", "check_weights", "get_weights", "parameter_shapes", "set_weights"]

Shapes = dict[str, tuple[int, ...]]
"""Parameter name to shape."""


def parameter_shapes(network: Any) -> Shapes:
    """Return the shape of every parameter of a MindSpore or TinyMS network."""
    return {name: tuple(each.shape) for name, each in network.parameters_dict().items()}


def get_weights(network: Any) -> Weights:
    """Return a copy of every parameter by name, float32."""
    parameters = network.parameters_dict()
    return {name: each.asnumpy().astype(np.float32, copy=True) for name, each in parameters.items()}


def set_weights(network: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Replace every parameter, or none.

    Raises ModelFileError if a name is unknown or missing or a shape differs.
    """
    check_weights(weights, parameter_shapes(network))
    from mindspore import Tensor  # noqa: PLC0415

    parameters = network.parameters_dict()
    for name, value in weights.items():
        parameters[name].set_data(Tensor(np.asarray(value, dtype=np.float32)))


def check_weights(weights: Mapping[str, NDArray[np.float32]], shapes: Shapes) -> None:
    """Raise ModelFileError unless names and shapes are those of the network."""
    unknown, missing = sorted(weights.keys() - shapes), sorted(shapes.keys() - weights)
    if unknown or missing:
        raise ModelFileError(
            "The weights are of another network: "
            f"{len(unknown)} unknown{_some(unknown)}, {len(missing)} missing{_some(missing)}."
        )
    for name, shape in shapes.items():
        if np.shape(weights[name]) != shape:
            raise ModelFileError(
                f"The weights are of another network: {name} is {np.shape(weights[name])}, "
                f"not {shape}."
            )


def _some(names: list[str]) -> str:
    return f" ({', '.join(names[:3])})" if names else ""
