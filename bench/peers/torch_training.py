"""Full fine-tuning in PyTorch, as its tutorials do it: a DataLoader, Adam, cross entropy.

Augmentation is this project's: a random crop of half to all of the picture, mirrored at random,
with random brightness, contrast and saturation. It runs in parallel with training, in a process
of the DataLoader's, as MindSpore's runs in a thread.
"""

from collections.abc import Sequence
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

__all__ = ["Training", "accuracy"]

_THREADS = 2
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


class Training:
    """Trains every weight of a network, epoch by epoch."""

    def __init__(
        self,
        network: TorchMobileNetV2,
        paths: Sequence[Path],
        labels: Sequence[int],
        *,
        batch_size: int,
        learning_rate: float,
        seed: int = 0,
    ) -> None:
        """Prepare to train on image files and their class numbers."""
        torch.manual_seed(seed)
        torch.set_num_threads(_THREADS)
        self._network = network.to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        self._loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        self._batches = DataLoader(
            _Pictures(paths, labels, seed),
            batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=1,
            persistent_workers=True,
        )

    def run_epoch(self) -> None:
        """Pass over the samples once."""
        self._network.train()
        for images, labels in self._batches:
            self._optimizer.zero_grad()
            inputs = images.contiguous(memory_format=torch.channels_last)
            self._loss(self._network(inputs), labels).backward()
            self._optimizer.step()


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
