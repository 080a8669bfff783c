"""VGG-16 with batch normalisation: Simonyan and Zisserman, ICLR 2015, table 1, column D."""

from functools import partial

from backend.networks.description import Network
from backend.networks.from_tinyms import tinyms_cell

__all__ = ["VGG16"]

_CONVOLUTIONS = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)

VGG16 = Network(
    partial(tinyms_cell, "vgg16"),
    stride=None,
    head="classifier.6",
    blocks=(*(f"features.{layer}" for layer in _CONVOLUTIONS), "classifier.0", "classifier.3"),
    name="vgg16",
)
