"""Training in PyTorch, as its tutorials do it: a DataLoader, Adam, cross entropy.

Augmentation is this project's: a random crop of half to all of the picture, mirrored at random,
with random brightness, contrast and saturation.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from backend.images.opening import open_image
from backend.images.preprocessing import (
    IMAGENET,
    InputFormat,
    normalise,
    preprocess_batch,
    resize_short_side,
)
from bench.dataset import INPUT_SIZE
from bench.peers.torch_network import TorchMobileNetV2

__all__ = ["THREADS", "accuracy", "batches", "train_head", "trained", "training_step"]

THREADS = 2
_JITTER = 0.2
_ASPECTS = (3 / 4, 4 / 3)


class _Pictures(Dataset[tuple[Tensor, int]]):  # type: ignore[misc]  # PyTorch is not here
    def __init__(self, paths: Sequence[Path], labels: Sequence[int], seed: int) -> None:
        self._paths, self._labels = paths, labels
        self._chance = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = resize_short_side(open_image(self._paths[index]), INPUT_SIZE)
        return torch.from_numpy(
            normalise(np.asarray(_augmented(image, self._chance)), IMAGENET)
        ), self._labels[index]


Step = Callable[[Tensor, Tensor], None]
"""Images and class numbers to a step of training."""


def training_step(
    network: TorchMobileNetV2,
    learning_rate: float,
    *,
    bfloat16: bool = False,
    compiled: bool = False,
) -> Step:
    """Prepare to train every weight of a network, in channels-last layout.

    Args:
        network: The network; it is changed in place.
        learning_rate: Adam's.
        bfloat16: Whether to compute in it where PyTorch's autocast does.
        compiled: Whether to compile the network with ``torch.compile``.
    """
    torch.set_num_threads(THREADS)
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    called = torch.compile(network) if compiled else network

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        inputs = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            value = loss(called(inputs), labels)
        value.backward()
        optimizer.step()

    return step


def batches(
    paths: Sequence[Path], labels: Sequence[int], batch_size: int, *, workers: int, seed: int = 0
) -> Iterable[tuple[Tensor, Tensor]]:
    """Return an epoch's augmented batches, in another order at each pass.

    ``workers`` processes load them; with 0 the training process does.
    """
    torch.manual_seed(seed)
    loader: Iterable[tuple[Tensor, Tensor]] = DataLoader(
        _Pictures(paths, labels, seed),
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return loader


def trained(step: Step, epoch: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Pass over the samples once."""
    for images, labels in epoch:
        step(images, labels)


def train_head(features: Tensor, labels: Tensor, head: nn.Linear, epochs: int) -> None:
    """Train a head on the features (N, F) of a frozen backbone, in batches of 16."""
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    for _ in range(epochs):
        for chosen in torch.randperm(len(features)).split(16):
            optimizer.zero_grad()
            loss(head(features[chosen]), labels[chosen]).backward()
            optimizer.step()


def accuracy(network: TorchMobileNetV2, paths: Sequence[Path], labels: Sequence[int]) -> float:
    """Return the share of image files, 0 to 1, whose class the network says."""
    network.eval()
    with torch.inference_mode():
        logits = network(torch.from_numpy(preprocess_batch(paths, InputFormat(INPUT_SIZE))))
    return float((logits.argmax(1).numpy() == np.asarray(labels)).mean())


def _augmented(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    width, height = image.size
    area, aspect = width * height * chance.uniform(0.5, 1), chance.uniform(*_ASPECTS)
    across, down = min(width, (area * aspect) ** 0.5), min(height, (area / aspect) ** 0.5)
    left, top = chance.uniform(0, width - across), chance.uniform(0, height - down)
    box = (left, top, left + across, top + down)
    image = image.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR, box)
    if chance.random() < 1 / 2:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(chance.uniform(1 - _JITTER, 1 + _JITTER))
    return image
