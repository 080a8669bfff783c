"""Training a classifier by federated learning between clients that have different classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.classifier.estimator import Classifier, Prediction
from backend.errors import ModelFileError
from backend.images.opening import ImageSource
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.mindspore.runtime import Device
from backend.models.weights import Weights

__all__ = ["FEATURE_MEAN", "FederatedClassifier"]

FEATURE_MEAN = "feature_mean"
"""Its name among the weights that are averaged."""


class FederatedClassifier:
    """Trains a classifier's head by federated averaging (McMahan et al., AISTATS 2017).

    All features that a network computes have a large part in common. A client that lacks a class
    lowers the logit of that class along this part, and so for every other client's pictures; the
    average then swings between the classes. The remedy is to train on features less their mean
    over all clients: what a client says of a class that it lacks then hardly matters beyond its
    own pictures.

    To learn that mean, each client sends the mean of its own features along with its weights, and
    the aggregator averages both. The first round does nothing else. Every client must be a
    `FederatedClassifier` with the same backbone, which stays as it is.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Wrap ``classifier``, whose network must name a head."""
        self.classifier = classifier
        self._own_mean: NDArray[np.float32] | None = None
        self._common_mean: NDArray[np.float32] | None = None
        self._rounds = 0

    @property
    def device(self) -> Device:
        """Where the classifier's framework computes."""
        return self.classifier.device

    @device.setter
    def device(self, device: Device) -> None:
        self.classifier.device = device

    def train(
        self, train_data: LabelledImages, valid_data: LabelledImages | None = None, **options: Any
    ) -> Metrics:
        """Train the head, from the second round on; the first round returns no metrics.

        ``options`` are those of `Classifier.train`, except ``fine_tune``; ``seed`` is the first
        round's. With ``cache_folder`` the features of image files are computed in the first round
        only.
        """
        if self._own_mean is None:
            shared = ("cache_folder", "cache_size", "on_unreadable")
            known = {name: options[name] for name in shared if name in options}
            self._own_mean = self.classifier.mean_features(train_data.x, **known)
        if self._common_mean is None:
            return {}
        # With the same seed each round would have the same order.
        options["seed"] = options.get("seed", 0) + self._rounds
        self._rounds += 1
        return self.classifier.train(
            train_data, valid_data, fine_tune="head", feature_mean=self._common_mean, **options
        )

    def get_weights(self) -> Weights:
        """Return every parameter by name, and the mean of this client's features."""
        weights = self.classifier.get_weights()
        head = weights[f"{self.classifier.network.head}.weight"]
        mean = np.zeros(head.shape[1], np.float32) if self._own_mean is None else self._own_mean
        return {**weights, FEATURE_MEAN: mean}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the clients' average of what `get_weights` returns, or nothing of it.

        Raises ModelFileError if it is of another network.
        """
        parameters = dict(weights)
        mean = np.asarray(parameters.pop(FEATURE_MEAN, ()), np.float32)
        shape = self.get_weights()[FEATURE_MEAN].shape
        if mean.shape != shape or not np.isfinite(mean).all():
            raise ModelFileError(
                f"The weights do not contain a {FEATURE_MEAN} of shape {shape}: every client must "
                "train a FederatedClassifier."
            )
        self.classifier.set_weights(parameters)
        self._common_mean = mean

    def evaluate(self, data: LabelledImages, **options: Any) -> Metrics:
        """Judge the present weights, see `Classifier.evaluate`."""
        return self.classifier.evaluate(data, **options)

    def predict(self, data: Sequence[ImageSource], **options: Any) -> list[Prediction]:
        """Classify images, see `Classifier.predict`."""
        return self.classifier.predict(data, **options)

    def save(self, model_url: str) -> str:
        """Write the classifier's model, see `Classifier.save`."""
        return self.classifier.save(model_url)

    def load(self, model_url: str) -> None:
        """Load the classifier's model, see `Classifier.load`."""
        self.classifier.load(model_url)
