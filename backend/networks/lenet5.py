"""LeNet-5: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998."""

from functools import partial

from backend.images.preprocessing import GREY
from backend.networks.description import Network
from backend.networks.from_tinyms import tinyms_cell

__all__ = ["LENET5"]

LENET5 = Network(
    partial(tinyms_cell, "lenet5"),
    input_size=32,
    stride=None,
    normalisation=GREY,
    head="fc3",
    blocks=("conv1", "conv2", "fc1", "fc2"),
    name="lenet5",
)
