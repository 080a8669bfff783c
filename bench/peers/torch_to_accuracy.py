"""Full fine-tuning in PyTorch until it is accurate enough, on photographs."""

from collections.abc import Mapping

import numpy as np
import torch

from bench.answering import answer
from bench.dataset import CLASS_NAMES, in_class_folders
from bench.peers.torch_network import TorchMobileNetV2
from bench.peers.torch_training import Training, accuracy

_LEARNING_RATE = 1e-4
"""Usual for weights that are trained already."""

_MOST_EPOCHS = 20


def train(weights: str, photos: str, target: float, seed: int) -> Mapping[str, float]:
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
    answer(train)
