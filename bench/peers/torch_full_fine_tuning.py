"""Images per second of full fine-tuning in PyTorch."""

import time
from collections.abc import Mapping
from statistics import median

from bench.answering import answer
from bench.dataset import CLASS_NAMES, in_index
from bench.peers.torch_network import TorchMobileNetV2
from bench.peers.torch_training import Training


def train(index: str, epochs: int, batch_size: int) -> Mapping[str, float]:
    """Train as `bench.subjects.full_fine_tuning` does; the first epoch warms up."""
    paths, labels = in_index(index)
    network = TorchMobileNetV2(len(CLASS_NAMES))
    training = Training(network, paths, labels, batch_size=batch_size, learning_rate=1e-3)
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        training.run_epoch()
        seconds.append(time.perf_counter() - began)
    return {"images_per_second": len(paths) / median(seconds[1:]), "first_epoch": seconds[0]}


if __name__ == "__main__":
    answer(train)
