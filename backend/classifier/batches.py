"""Samples on their way into training: decoded, augmented, normalised, in batches.

Imports MindSpore: the toolkit prepares it before.
"""

from collections.abc import Sequence
from typing import Any

import mindspore
import numpy as np
from numpy.typing import NDArray

from backend.classifier.toolkit import Toolkit
from backend.errors import ImageError
from backend.images.preprocessing import LabelledImages, normalise, open_resized

__all__ = ["FeatureSource", "ImageSource", "Source", "augmentations", "batches"]


class Source:
    """What MindSpore's GeneratorDataset asks for: ``len()`` and random access."""

    unreadable: ImageError | None = None
    """Why decoding stopped; MindSpore hands an exception on as text only."""

    def __init__(self, labels: Sequence[int]) -> None:
        """Yield these class numbers."""
        self._labels = np.asarray(labels, dtype=np.int32)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._labels)


class ImageSource(Source):
    """Decodes each picture when its turn comes, so that memory does not grow with the data."""

    def __init__(self, images: LabelledImages, input_size: int) -> None:
        """Yield pictures large enough for random crops of ``input_size`` pixels."""
        super().__init__(images.y)
        self._images = images.x
        self._input_size = input_size

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], np.int32]:
        """Return RGB pixels (H, W, 3) and a class number; raises ImageError."""
        try:
            image = open_resized(self._images[index], self._input_size)
        except ImageError as error:
            self.unreadable = error
            raise
        return np.asarray(image), self._labels[index]


class FeatureSource(Source):
    """Yields features that were computed before."""

    def __init__(self, features: NDArray[np.float32], labels: Sequence[int]) -> None:
        """Take features (N, 1280), float32."""
        super().__init__(labels)
        # As the head's pooling wants them.
        self._features = features[:, :, np.newaxis, np.newaxis]

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], np.int32]:
        """Return the features (1280, 1, 1) and the class number of a sample."""
        return self._features[index], self._labels[index]


def augmentations(toolkit: Toolkit, input_size: int) -> list[Any]:
    """Return what turns a picture into an input: crop, mirror, colours, normalisation."""
    vision = toolkit.vision
    return [
        vision.RandomResizedCrop(input_size, scale=(0.5, 1.0)),
        vision.RandomHorizontalFlip(),
        vision.RandomColorAdjust(brightness=0.2, contrast=0.2, saturation=0.2),
        normalise,
    ]


def batches(
    toolkit: Toolkit, source: Source, operations: Sequence[Any], batch_size: int, seed: int
) -> Any:
    """Return the dataset of one epoch, in the order and with the augmentation of ``seed``."""
    mindspore.dataset.config.set_seed(seed)
    dataset = toolkit.generator_dataset(source, ["input", "label"], shuffle=True)
    if operations:
        # One worker: with more, the random operations are no longer the seed's.
        dataset = dataset.map(list(operations), input_columns=["input"], num_parallel_workers=1)
    # One shape: another would compile the graph again.
    return dataset.batch(batch_size, drop_remainder=True)
