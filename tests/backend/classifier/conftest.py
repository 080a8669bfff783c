"""Estimators that are trained once: compiling a graph takes seconds."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from backend.classifier import Classifier, MindSporeClassifier, TinyMSClassifier
from backend.images.preprocessing import InputFormat, LabelledImages
from backend.metrics import Metrics
from backend.models.weights import Weights
from backend.networks import FineTune
from tests.backend.conftest import random_images

CLASSES = ("croissant", "dog")
SIZE = 32
FORMAT = InputFormat(SIZE)
ESTIMATORS: dict[str, type[Classifier]] = {
    "tinyms": TinyMSClassifier,
    "mindspore": MindSporeClassifier,
}


class Trained(NamedTuple):
    """What a training gave; nothing of it may be changed by a test."""

    estimator: Classifier
    before: Weights
    after: Weights
    metrics: Metrics


Train = Callable[[str, FineTune, int], Trained]


def new_estimator(framework: str = "mindspore", seed: int = 0) -> Classifier:
    return ESTIMATORS[framework](CLASSES, SIZE, seed=seed)


@pytest.fixture(scope="session")
def train() -> Train:
    """Return what two epochs give to a framework, a way of fine-tuning and a seed."""
    return cache(_train)


def _train(framework: str, fine_tune: FineTune, seed: int) -> Trained:
    estimator = new_estimator(framework)
    before = estimator.get_weights()
    metrics = estimator.train(
        random_images(16), epochs=2, batch_size=8, fine_tune=fine_tune, seed=seed
    )
    return Trained(estimator, before, estimator.get_weights(), metrics)


def decided_weights(estimator: Classifier, seed: int = 0) -> Weights:
    """Return weights of which images get very different probabilities, without training."""
    generator = np.random.default_rng(seed)
    weights = estimator.get_weights()
    weights["head.head.1.weight"] = generator.normal(0, 1, (2, 1280)).astype(np.float32)
    for name, value in weights.items():
        if name.endswith((".beta", ".moving_mean")):
            value[:] = generator.normal(0, 0.1, value.shape)
    return weights


@pytest.fixture(scope="session")
def model() -> Classifier:
    """An estimator on MindSpore with decided weights; no test may change it."""
    estimator = new_estimator()
    estimator.set_weights(decided_weights(estimator))
    return estimator


@pytest.fixture(scope="session")
def saved(model: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model in every format: model.ckpt, .npz, .onnx and .mindir."""
    folder = tmp_path_factory.mktemp("saved")
    for suffix in (".ckpt", ".npz", ".onnx", ".mindir"):
        model.save(folder / f"model{suffix}")
    return folder


@pytest.fixture(scope="session")
def other_images() -> LabelledImages:
    """Images that nothing was trained on."""
    return random_images(9, seed=1)
