"""TinyMS and MindSpore compute the same: networks, trainings and answers."""

import numpy as np
import pytest

from backend.classifier import Classifier, MindSporeClassifier, TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from backend.models.parameters import parameter_shapes
from backend.models.weights import Weights
from backend.networks import FineTune
from tests.backend.classifier.conftest import CLASSES, Train, new_estimator
from tests.backend.conftest import random_images


def assert_equal(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


def test_the_networks_have_the_same_parameters() -> None:
    networks = [new_estimator(name)._model.cell for name in ("tinyms", "mindspore")]
    assert parameter_shapes(networks[0]) == parameter_shapes(networks[1])
    assert len(parameter_shapes(networks[0])) == 262


@pytest.mark.parametrize("fine_tune", ["head", 2, "full"])
def test_equal_seeds_train_to_equal_weights(train: Train, fine_tune: FineTune) -> None:
    tinyms, mindspore = (train(name, fine_tune, 0) for name in ("tinyms", "mindspore"))
    assert_equal(tinyms.before, mindspore.before)
    assert_equal(tinyms.after, mindspore.after)
    assert tinyms.metrics["loss"] == mindspore.metrics["loss"]


def test_equal_weights_give_equal_probabilities(
    model: Classifier, other_images: LabelledImages
) -> None:
    tinyms = new_estimator("tinyms")
    tinyms.set_weights(model.get_weights())
    answers = zip(tinyms.predict(other_images.x), model.predict(other_images.x), strict=True)
    for first, second in answers:
        assert first.label == second.label
        np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_the_same_seed_gives_the_same_again(train: Train) -> None:
    again = new_estimator("tinyms")
    again.train(random_images(16), epochs=2, batch_size=8, fine_tune="head", seed=0)
    assert_equal(again.get_weights(), train("tinyms", "head", 0).after)


def test_another_network_trains_to_equal_weights_too() -> None:
    trained = []
    for classifier in (TinyMSClassifier, MindSporeClassifier):
        estimator = classifier(CLASSES, network="lenet5", seed=3)
        before = estimator.get_weights()
        estimator.train(random_images(16), epochs=2, batch_size=8, seed=5)
        trained.append((before, estimator.get_weights()))
    (first_before, first), (second_before, second) = trained
    assert_equal(first_before, second_before)
    assert_equal(first, second)
    assert not np.array_equal(first["conv1.weight"], first_before["conv1.weight"])
