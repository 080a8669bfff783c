"""AlexNet: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014."""

from functools import partial

from backend.networks.description import Network
from backend.networks.from_tinyms import tinyms_cell

__all__ = ["ALEXNET"]

ALEXNET = Network(
    partial(tinyms_cell, "alexnet"),
    stride=None,
    head="features.20",
    blocks=tuple(f"features.{layer}" for layer in (0, 3, 6, 8, 10, 15, 18)),
    name="alexnet",
)
