"""The parameters of a network as named arrays, replaced all or nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import ModelFileError
from backend.models.weights import Weights

__all__ = ["Shapes", "assign", "check_weights", "get_weights", "parameter_shapes", "set_weights"]

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
    """Replace every parameter, or none; a network that was trained before can be trained on.

    Raises ModelFileError if a name is unknown or missing or a shape differs.
    """
    check_weights(weights, parameter_shapes(network))
    assign(network.parameters_dict(), weights)


def assign(parameters: Mapping[str, Any], values: Mapping[str, NDArray[Any]]) -> None:
    """Write ``values`` into MindSpore parameters of the same names and shapes."""
    from mindspore import Tensor, ops  # noqa: PLC0415

    # `set_data` would give a parameter new memory, and an optimizer that has run in eager mode
    # is a compiled graph that would go on updating the old memory.
    tensors = {name: Tensor(value, parameters[name].dtype) for name, value in values.items()}
    for name, tensor in tensors.items():
        ops.assign(parameters[name], tensor)


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
