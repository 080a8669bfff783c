"""From the lines of an index file to batches for MindSpore and TinyMS."""

from pathlib import Path

import numpy as np
from PIL import Image
from sedna.common.config import Context
from sedna.datasources import TxtDataParse

CLASSES = ("croissant", "dog")
SIZE = int(Context.get_parameters("input_shape", "224"))
"""Side of the square input, pixels; a multiple of 32."""

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)


def read_index(url, data_type):
    """Return an index file's samples: paths ``x`` and class numbers ``y``."""
    data = TxtDataParse(data_type=data_type, func=_sample)
    data.parse(url)
    return data


def preprocess(path):
    """Return an image as the network takes it, (3, SIZE, SIZE) float32."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIZE, SIZE)))
    return np.moveaxis((pixels - MEAN) / STD, -1, 0)


def batches(data, batch_size, training=False):
    """Return a MindSpore dataset of the samples' images and class numbers."""
    from mindspore.dataset import GeneratorDataset

    columns = ["image", "label"]
    dataset = GeneratorDataset(_Images(data), columns, shuffle=training)
    # Another shape would compile the graph again.
    size = min(batch_size, len(data.x))
    return dataset.batch(size, drop_remainder=training)


class _Images:
    """Decodes an image when its turn comes."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data.x)

    def __getitem__(self, index):
        return preprocess(self.data.x[index]), np.int32(self.data.y[index])


def _sample(line):
    """Split ``path label``; the path is relative to the dataset's folder."""
    if not line:
        return ()
    path, label = line.rsplit(maxsplit=1)
    folder = Path(Context.get_parameters("ORIGINAL_DATASET_URL")).parent
    return str(folder / path), CLASSES.index(label)
