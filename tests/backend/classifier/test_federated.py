from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import TinyMSBackend
from backend.classifier import FederatedClassifier
from backend.classifier.federated import FEATURE_MEAN
from backend.errors import ModelFileError, SettingsError
from backend.models.weights import Weights
from tests.backend.classifier.conftest import CLASSES, new_estimator
from tests.backend.conftest import random_images

HEAD = {"head.head.1.weight", "head.head.1.bias"}


def new_client() -> FederatedClassifier:
    return FederatedClassifier(new_estimator())


def test_the_first_round_sends_the_mean_of_the_features_and_trains_nothing() -> None:
    client, images = new_client(), random_images(4)
    before = client.get_weights()
    assert not before[FEATURE_MEAN].any()
    assert client.train(images) == {}
    after = client.get_weights()
    expected = client.classifier.mean_features(images.x)
    np.testing.assert_array_equal(after.pop(FEATURE_MEAN), expected)
    assert all(np.array_equal(after[name], before[name]) for name in after)


def test_the_mean_is_taken_off_in_training_alone() -> None:
    client, images = new_client(), random_images(8)
    client.train(images)
    client.set_weights(client.get_weights())
    before = client.get_weights()
    # Too small a rate for the weights to move: what is left is the way there and back.
    client.train(images, epochs=1, learning_rate=1e-12)
    after = client.get_weights()
    for name in after:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)
    client.train(images, epochs=1)
    trained = client.get_weights()
    assert {name for name in after if not np.array_equal(after[name], trained[name])} == HEAD


def test_it_is_an_estimator_of_the_backends(tmp_path: Path) -> None:
    client, images = new_client(), random_images(4)
    backend = TinyMSBackend(client, model_save_path=str(tmp_path / "model.onnx"))
    backend.train(images)
    weights = backend.get_weights()
    backend.set_weights(weights)
    assert backend.get_weights() == weights
    backend.load(backend.save())
    labels = [each.label for each in backend.predict(images.x)]
    expected = [CLASSES[label] == found for label, found in zip(images.y, labels, strict=True)]
    assert backend.evaluate(images)["accuracy"] == [np.mean(expected)]


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop(FEATURE_MEAN),
        lambda weights: weights.update({FEATURE_MEAN: np.zeros(3, np.float32)}),
        lambda weights: weights.update({FEATURE_MEAN: np.full(1280, np.nan, np.float32)}),
        lambda weights: weights.pop("head.head.1.bias"),
    ],
    ids=["no mean", "another mean", "no number", "another network"],
)
def test_weights_that_do_not_fit_change_nothing(change: Callable[[Weights], Any]) -> None:
    client = new_client()
    before = client.get_weights()
    weights = {name: value + 1 for name, value in before.items()}
    change(weights)
    with pytest.raises(ModelFileError):
        client.set_weights(weights)
    after = client.get_weights()
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_a_mean_is_only_for_the_head() -> None:
    mean = np.zeros(1280, np.float32)
    with pytest.raises(SettingsError, match="fine_tune=full: feature_mean needs fine_tune=head"):
        new_estimator().train(random_images(4), feature_mean=mean)
