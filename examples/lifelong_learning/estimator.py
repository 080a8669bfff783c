"""The estimator that each task of the lifelong learning example gets one of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.classifier.metrics import Metrics
from backend.sedna.tinyms import TinyMSModelEstimator

EPOCHS = 30


class Estimator(TinyMSModelEstimator):
    """A perceptron for 64 pixel values, 0 to 16, and ten digits."""

    def __init__(self) -> None:
        """Make it untrained; the backend has prepared TinyMS before."""
        super().__init__(_model())

    def train(self, train_data: Any, valid_data: Any = None, **_: Any) -> Metrics:
        """Train for `EPOCHS`: the SDK does not hand arguments on to the estimators of tasks."""
        return super().train(train_data, valid_data, epochs=EPOCHS)

    def predict(self, data: Any) -> NDArray[np.int64]:
        """Return the digits (N,) of pixels (N, 64)."""
        digits: NDArray[np.int64] = super().predict(np.asarray(data)).argmax(axis=1)
        return digits


def _model() -> Any:
    from mindspore.train import Accuracy  # noqa: PLC0415
    from tinyms import layers, losses, optimizers  # noqa: PLC0415
    from tinyms.model import Model  # noqa: PLC0415

    network = layers.SequentialLayer([layers.Dense(64, 64), layers.ReLU(), layers.Dense(64, 10)])
    model = Model(network)
    model.compile(
        loss_fn=losses.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"),
        optimizer=optimizers.Adam(network.trainable_params(), 0.002),
        metrics={"accuracy": Accuracy()},
    )
    return model
