"""The same network in PyTorch: inference, training, and training to an accuracy."""

import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from backend.images.preprocessing import InputFormat, preprocess_batch
from bench.answering import Values, answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders, in_index
from bench.peers.torch_network import TorchMobileNetV2
from bench.peers.torch_training import (
    THREADS,
    accuracy,
    batches,
    train_head,
    trained,
    training_step,
)

_LEARNING_RATE = 1e-4
"""Usual for pretrained weights."""

_MOST_EPOCHS = 20
_HEAD_EPOCHS = 5


def inference(requests: int) -> Values:
    """Run the network on one input, eagerly."""
    torch.set_num_threads(THREADS)
    image = torch.randn(1, 3, INPUT_SIZE, INPUT_SIZE)
    network = TorchMobileNetV2(len(CLASS_NAMES)).eval()
    with torch.inference_mode():
        return {"one_ms": median_ms(lambda: network(image), requests)}


def training_steps(batch_size: int, steps: int, bfloat16: bool, compiled: bool) -> Values:
    """Train on one batch in memory; the first two steps warm up."""
    step = training_step(
        TorchMobileNetV2(len(CLASS_NAMES)), 1e-3, bfloat16=bfloat16, compiled=compiled
    )
    images = torch.randn(batch_size, 3, INPUT_SIZE, INPUT_SIZE)
    labels = torch.arange(batch_size) % len(CLASS_NAMES)
    milliseconds = median_ms(lambda: step(images, labels), steps, warm_up=2)
    return {"images_per_second": batch_size / milliseconds * 1000}


def full_fine_tuning(
    index: str, epochs: int, batch_size: int, workers: int, bfloat16: bool
) -> Values:
    """Train as `bench.subjects.estimator.full_fine_tuning` does; the first epoch warms up."""
    paths, labels = in_index(index)
    step = training_step(TorchMobileNetV2(len(CLASS_NAMES)), 1e-3, bfloat16=bfloat16)
    epoch, seconds = batches(paths, labels, batch_size, workers=workers), []
    for _ in range(epochs):
        began = time.perf_counter()
        trained(step, epoch)
        seconds.append(time.perf_counter() - began)
    return {"images_per_second": len(paths) / median(seconds[1:]), "first_epoch": seconds[0]}


def to_accuracy(weights: str, photos: str, target: float, seed: int) -> Values:
    """Train from published weights, judge after each epoch, and stop at ``target``."""
    network = _published(weights, seed)
    samples = in_class_folders(f"{photos}/train")
    step = training_step(network, _LEARNING_RATE)
    epoch = batches(*samples, batch_size=16, workers=1, seed=seed)
    epochs, reached = 0, 0.0
    while reached < target and epochs < _MOST_EPOCHS:
        network.train()
        trained(step, epoch)
        epochs, reached = epochs + 1, accuracy(network, *in_class_folders(f"{photos}/eval"))
    return {"accuracy": reached, "epochs": epochs}


def head_to_accuracy(weights: str, photos: str, seed: int) -> Values:
    """Train the head alone, on the features that the frozen backbone gives to each picture."""
    torch.set_num_threads(THREADS)
    network = _published(weights, seed).to(memory_format=torch.channels_last).eval()
    parts = {part: in_class_folders(f"{photos}/{part}") for part in ("train", "eval")}
    features = {part: _features(network, paths) for part, (paths, _) in parts.items()}
    train_head(features["train"], torch.tensor(parts["train"][1]), network.head, _HEAD_EPOCHS)
    guessed = network.head(features["eval"]).argmax(1).numpy()
    return {"accuracy": float((guessed == parts["eval"][1]).mean()), "epochs": _HEAD_EPOCHS}


def _published(weights: str, seed: int) -> TorchMobileNetV2:
    torch.manual_seed(seed)
    network = TorchMobileNetV2(len(CLASS_NAMES))
    arrays = np.load(weights)
    network.take_backbone({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    return network


def _features(network: TorchMobileNetV2, paths: list[Path]) -> Tensor:
    images = torch.from_numpy(preprocess_batch(paths, InputFormat(INPUT_SIZE)))
    with torch.no_grad():
        batch = [network.features(each) for each in images.split(16)]
    return torch.cat(batch)


if __name__ == "__main__":
    answer(inference, training_steps, full_fine_tuning, to_accuracy, head_to_accuracy)
