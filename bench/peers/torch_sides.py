"""The same network in PyTorch: inference, full fine-tuning, and training to an accuracy."""

import time
from statistics import median

import numpy as np
import torch

from bench.answering import Values, answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders, in_index
from bench.peers.torch_network import TorchMobileNetV2
from bench.peers.torch_training import Training, accuracy

_LEARNING_RATE = 1e-4
"""Usual for pretrained weights."""

_MOST_EPOCHS = 20


def inference(requests: int) -> Values:
    """Run the network on one input, eagerly."""
    torch.set_num_threads(2)
    image = torch.randn(1, 3, INPUT_SIZE, INPUT_SIZE)
    network = TorchMobileNetV2(len(CLASS_NAMES)).eval()
    with torch.inference_mode():
        return {"one_ms": median_ms(lambda: network(image), requests)}


def full_fine_tuning(index: str, epochs: int, batch_size: int) -> Values:
    """Train as `bench.subjects.estimator.full_fine_tuning` does; the first epoch warms up."""
    paths, labels = in_index(index)
    network = TorchMobileNetV2(len(CLASS_NAMES))
    training = Training(network, paths, labels, batch_size=batch_size, learning_rate=1e-3)
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        training.run_epoch()
        seconds.append(time.perf_counter() - began)
    return {"images_per_second": len(paths) / median(seconds[1:]), "first_epoch": seconds[0]}


def to_accuracy(weights: str, photos: str, target: float, seed: int) -> Values:
    """Train from published weights, judge after each epoch, and stop at ``target``."""
    torch.manual_seed(seed)
    network = TorchMobileNetV2(len(CLASS_NAMES))
    arrays = np.load(weights)
    network.take_backbone({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    samples = in_class_folders(f"{photos}/train")
    training = Training(network, *samples, batch_size=16, learning_rate=_LEARNING_RATE, seed=seed)
    epochs, reached = 0, 0.0
    while reached < target and epochs < _MOST_EPOCHS:
        training.run_epoch()
        epochs, reached = epochs + 1, accuracy(network, *in_class_folders(f"{photos}/eval"))
    return {"accuracy": reached, "epochs": epochs}


if __name__ == "__main__":
    answer(inference, full_fine_tuning, to_accuracy)
