"""A little and a big network for pictures of digits, compiled for training."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(path: Path) -> NDArray[np.float32]:
    """Return the grey picture in a file as an input (1, 1, 8, 8), 0 to 1."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L").resize((8, 8)), np.float32)
    return pixels[np.newaxis, np.newaxis] / 255


def little() -> Any:
    """Return a perceptron with eight hidden units."""
    from tinyms import layers  # noqa: PLC0415

    return _compiled(
        layers.SequentialLayer(
            [layers.Flatten(), layers.Dense(64, 8), layers.ReLU(), layers.Dense(8, 10)]
        )
    )


def big() -> Any:
    """Return two convolutions and a perceptron."""
    from tinyms import layers  # noqa: PLC0415

    return _compiled(
        layers.SequentialLayer(
            [
                layers.Conv2d(1, 32, 3),
                layers.ReLU(),
                layers.Conv2d(32, 64, 3),
                layers.ReLU(),
                layers.MaxPool2d(2, 2),
                layers.Flatten(),
                layers.Dense(64 * 4 * 4, 128),
                layers.ReLU(),
                layers.Dense(128, 10),
            ]
        )
    )


def _compiled(network: Any) -> Any:
    from mindspore.train import Accuracy  # noqa: PLC0415
    from tinyms import losses, optimizers  # noqa: PLC0415
    from tinyms.model import Model  # noqa: PLC0415

    model = Model(network)
    model.compile(
        loss_fn=losses.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"),
        optimizer=optimizers.Adam(network.trainable_params(), 0.003),
        metrics={"accuracy": Accuracy()},
    )
    return model


NETWORKS = {"little": (little, 10), "big": (big, 8)}
"""Name to network and the epochs that it is trained for."""
