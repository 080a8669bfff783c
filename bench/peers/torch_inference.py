"""Milliseconds of one image in PyTorch."""

from collections.abc import Mapping

import torch

from bench.answering import answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE
from bench.peers.torch_network import TorchMobileNetV2


def run(requests: int) -> Mapping[str, float]:
    """Run the network on one input, eagerly."""
    torch.set_num_threads(2)
    image = torch.randn(1, 3, INPUT_SIZE, INPUT_SIZE)
    network = TorchMobileNetV2(len(CLASS_NAMES)).eval()
    with torch.inference_mode():
        return {"one_ms": median_ms(lambda: network(image), requests)}


if __name__ == "__main__":
    answer(run)
