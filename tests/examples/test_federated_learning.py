"""Federated learning: three clients, none of which sees another's class, and Sedna's server."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from backend.models.weights import Weights, read_weights
from tests.examples.conftest import EXAMPLES, Digits, Reports, Workers, free_port
from tests.sedna_sdk import needs_sedna

ROUNDS = 10
CLASSES = ("zero", "one", "two")
SIZE, LEARNING_RATE = 32, 0.05
TRAINED, TESTED = 30, 60
"""Pictures of each class."""


def pictures(digits: Digits, start: int, count: int) -> LabelledImages:
    """Return ``count`` pictures of each class, class by class."""
    images, labels = [], []
    for label in range(len(CLASSES)):
        for number in np.flatnonzero(digits.labels == label)[start : start + count]:
            pixels = (digits.pixels[number].reshape(8, 8) * 15).astype(np.uint8)
            images.append(Image.fromarray(pixels).convert("RGB").resize((40, 40)))
            labels.append(label)
    return LabelledImages(images, labels)


def write_pictures(folder: Path, data: LabelledImages, label: int) -> Path:
    """Write the pictures of one class and their index; return its path."""
    folder.mkdir()
    own = [image for image, each in zip(data.x, data.y, strict=True) if each == label]
    for number, image in enumerate(own):
        assert isinstance(image, Image.Image)
        image.save(folder / f"{number}.png")
    index = folder / "index.txt"
    lines = [f"{number}.png {CLASSES[label]}\n" for number in range(len(own))]
    index.write_text("".join(lines), encoding="utf-8")
    return index


@needs_sedna
@pytest.mark.e2e
def test_three_clients_learn_each_others_classes_and_end_with_the_same_weights(
    workers: Workers, reports: Reports, digits: Digits, tmp_path: Path
) -> None:
    port = free_port()
    workers.environment.update(
        JOB_NAME="digits",
        AGG_BIND_IP="127.0.0.1",
        AGG_IP="127.0.0.1",
        AGG_BIND_PORT=str(port),
        AGG_PORT=str(port),
        PARTICIPANTS_COUNT="3",
        exit_round=str(ROUNDS),
        class_names=",".join(CLASSES),
        input_size=str(SIZE),
        learning_rate=str(LEARNING_RATE),
    )
    data = pictures(digits, 0, TRAINED)
    with workers.serving([str(EXAMPLES / "federated_learning" / "aggregate.py")], port):
        clients = [
            workers.start(
                "federated_learning/train.py",
                WORKER_NAME=f"client-{label}",
                TRAIN_DATASET_URL=str(write_pictures(tmp_path / str(label), data, label)),
                MODEL_URL=str(tmp_path / f"model-{label}"),
            )
            for label in range(3)
        ]
        for client in clients:
            workers.finish(client)

    messages = [reports.next("federatedlearningjob") for _ in range(3 * ROUNDS)]
    last = [each for each in messages if each["status"] == "completed"]
    assert len(last) == 3
    for message in last:
        assert message["ownerInfo"]["currentRound"] == ROUNDS
        assert message["ownerInfo"]["sampleCount"] == 3 * TRAINED
        assert message["results"][0]["metrics"]["loss"]
    first, *others = (weights_of(tmp_path / f"model-{label}") for label in range(3))
    for weights in others:
        assert weights.keys() == first.keys()
        assert all(np.array_equal(weights[name], first[name]) for name in first)
    test = pictures(digits, TRAINED, TESTED)
    federated, central = accuracy(first, test), accuracy(trained_centrally(data), test)
    print(f"accuracy: federated {federated:.3f}, central {central:.3f}")  # noqa: T201 - for the docs
    assert federated >= 0.9 * central


def weights_of(folder: Path) -> Weights:
    [model] = folder.iterdir()
    return read_weights(model)[0]


def trained_centrally(data: LabelledImages) -> Weights:
    """Train on all clients' pictures for as many epochs as there are rounds."""
    classifier = TinyMSClassifier(CLASSES, SIZE)
    classifier.train(
        data,
        epochs=ROUNDS,
        warmup_epochs=0,
        batch_size=8,
        optimizer="momentum",
        learning_rate=LEARNING_RATE,
        fine_tune="head",
    )
    return classifier.get_weights()


def accuracy(weights: Weights, data: LabelledImages) -> float:
    classifier = TinyMSClassifier(CLASSES, SIZE)
    classifier.set_weights(weights)
    return float(classifier.evaluate(data)["accuracy"][0])
