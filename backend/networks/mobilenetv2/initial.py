"""The weights that training from scratch starts from, the same for every framework."""

import numpy as np
from numpy.typing import NDArray

from backend.models.parameters import Shapes
from backend.models.weights import Weights

__all__ = ["initial_weights"]

_CONVOLUTION_AXES = 4
_DENSE_AXES = 2


def initial_weights(shapes: Shapes, seed: int) -> Weights:
    """Draw initial weights; equal seeds give equal weights.

    Convolutions: normal, variance 2/fan_out (He et al., "Delving Deep into Rectifiers", ICCV
    2015). The classifier: normal, standard deviation 0.01. Batch normalisation: identity.
    """
    generator = np.random.default_rng(seed)
    return {name: _initial(name, shapes[name], generator) for name in sorted(shapes)}


def _initial(
    name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.float32]:
    if len(shape) == _CONVOLUTION_AXES:
        out_channels, in_channels, height, width = shape
        is_depthwise = in_channels == 1
        fan_out = height * width * (1 if is_depthwise else out_channels)
        return generator.normal(0, np.sqrt(2 / fan_out), shape).astype(np.float32)
    if len(shape) == _DENSE_AXES:
        return generator.normal(0, 0.01, shape).astype(np.float32)
    is_one = name.endswith((".gamma", ".moving_variance"))
    return np.full(shape, float(is_one), dtype=np.float32)
