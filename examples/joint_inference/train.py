"""Trains the little and the big network on the pictures of an index file, before they serve."""

import os
from pathlib import Path

import numpy as np
from networks import NETWORKS, picture

from backend import TinyMSBackend
from backend.images.preprocessing import LabelledImages
from workers.data.index_file import read_index

index = Path(os.environ["TRAIN_DATASET_URL"])
samples = read_index(index, list(map(str, range(10))))
pictures = np.concatenate([picture(index.parent / sample.path) for sample in samples])
data = LabelledImages(pictures, [sample.label for sample in samples])
for name, (network, epochs) in NETWORKS.items():
    model = TinyMSBackend(network)
    model.train(data, epochs=epochs)
    model.save(os.environ["MODEL_URL"], f"{name}.ckpt")
