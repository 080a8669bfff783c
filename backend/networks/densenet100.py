"""DenseNet of 100 layers: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017."""

from functools import partial

from backend.networks.description import Network
from backend.networks.from_tinyms import tinyms_cell

__all__ = ["DENSENET100"]

DENSENET100 = Network(
    partial(tinyms_cell, "densenet100"),
    stride=16,
    head="end_point",
    # The stem, then dense blocks, each followed by a transition.
    blocks=("features.0", *(f"features.{layer}" for layer in range(4, 9))),
    name="densenet100",
)
