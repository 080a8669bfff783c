"""Samples on their way into training: decoded, augmented, normalised, in batches.

Imports MindSpore: the toolkit prepares it before.
"""

from collections.abc import Callable, Sequence
from typing import Any

import mindspore
import numpy as np
from numpy.typing import NDArray

from backend.classifier.plan import Plan
from backend.classifier.toolkit import Toolkit
from backend.errors import ImageError
from backend.images.opening import ImageSource
from backend.images.preprocessing import InputFormat, normalise, open_resized

__all__ = [
    "ActivationSamples",
    "ImageSamples",
    "Samples",
    "augmentations",
    "batches",
    "smoothed_targets",
]

Floats = NDArray[np.float32]


class Samples:
    """What MindSpore's GeneratorDataset asks for: ``len()`` and random access."""

    unreadable: ImageError | None = None
    """Why decoding stopped; MindSpore hands an exception on as text only."""

    def __init__(self, targets: Floats) -> None:
        """Yield these targets (N, C)."""
        self._targets = targets

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._targets)

    def begin_epoch(self, seed: int) -> None:
        """Choose at random what the epoch shows of the samples, if there is a choice."""


class ImageSamples(Samples):
    """Decodes each picture when its turn comes, so that memory does not grow with the data."""

    def __init__(
        self,
        images: Sequence[ImageSource],
        targets: Floats,
        order: NDArray[np.int64],
        input_size: int,
    ) -> None:
        """Yield the pictures at ``order``, large enough for crops of ``input_size`` pixels."""
        super().__init__(targets[order])
        self._images = images
        self._order = order
        self._input_size = input_size

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], Floats]:
        """Return RGB pixels (H, W, 3) and a target (C,); raises ImageError."""
        try:
            image = open_resized(self._images[self._order[index]], self._input_size)
        except ImageError as error:
            self.unreadable = error
            raise
        return np.asarray(image), self._targets[index]


class ActivationSamples(Samples):
    """Yields activations that were computed before, of one of the views of each picture."""

    def __init__(
        self, activations: NDArray[np.float16], targets: Floats, order: NDArray[np.int64]
    ) -> None:
        """Take activations (M, V, ...) and targets (M, C) of the pictures at ``order`` (N,)."""
        super().__init__(targets[order])
        self._activations = activations
        self._order = order
        self._views = np.zeros(len(order), np.int64)

    def begin_epoch(self, seed: int) -> None:
        """Choose for each sample which view it is."""
        views = self._activations.shape[1]
        self._views = np.random.default_rng(seed).integers(views, size=len(self._order))

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        """Return the activations (...) and the target (C,) of a sample."""
        activations = self._activations[self._order[index], self._views[index]]
        return activations.astype(np.float32), self._targets[index]


def augmentations(toolkit: Toolkit, input_format: InputFormat) -> list[Any]:
    """Return what turns a picture into an input: crop, mirror, colours, normalisation."""
    vision = toolkit.vision
    return [
        vision.RandomResizedCrop(input_format.size, scale=(0.5, 1.0)),
        vision.RandomHorizontalFlip(),
        vision.RandomColorAdjust(brightness=0.2, contrast=0.2, saturation=0.2),
        lambda pixels: normalise(pixels, input_format.normalisation),
    ]


def smoothed_targets(labels: Sequence[int], class_count: int, label_smoothing: float) -> Floats:
    """Return the probabilities (N, C) that training aims at for each class number.

    Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.
    """
    exact = np.eye(class_count, dtype=np.float32)[np.asarray(labels)]
    targets: Floats = exact * np.float32(1 - label_smoothing) + np.float32(
        label_smoothing / class_count
    )
    return targets


def batches(
    toolkit: Toolkit, samples: Samples, operations: Sequence[Any], plan: Plan, seed: int
) -> Any:
    """Return the dataset of one epoch, in the order and with the augmentation of ``seed``."""
    mindspore.dataset.config.set_seed(seed)
    samples.begin_epoch(seed)
    dataset = toolkit.generator_dataset(samples, ["input", "target"], shuffle=True)
    if operations:
        # One worker: with more, the random operations are no longer the seed's.
        dataset = dataset.map(list(operations), input_columns=["input"], num_parallel_workers=1)
    # One shape: another would compile the graph again.
    return dataset.batch(
        plan.batch_size,
        drop_remainder=True,
        num_parallel_workers=1,
        per_batch_map=_mixing(plan.mixup, seed) if plan.mixup else None,
    )


def _mixing(mixup: float, seed: int) -> Callable[..., tuple[list[Floats], list[Floats]]]:
    """Return what mixes the samples of a batch, see `Plan.mixup`."""
    generator = np.random.default_rng(seed)

    def mix(
        inputs: list[Floats], targets: list[Floats], _: object
    ) -> tuple[list[Floats], list[Floats]]:
        share = np.float32(generator.beta(mixup, mixup))
        partners = generator.permutation(len(inputs))

        def mixed(values: list[Floats]) -> list[Floats]:
            return [
                share * each + (1 - share) * values[partner]
                for each, partner in zip(values, partners, strict=True)
            ]

        return mixed(inputs), mixed(targets)

    return mix
