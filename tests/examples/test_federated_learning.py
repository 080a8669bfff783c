"""Federated learning: three clients, none of which sees another's class, and Sedna's server."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.models.weights import Weights, read_weights
from tests.examples.conftest import EXAMPLES, Digits, Reports, Workers, free_port
from tests.sedna_sdk import needs_sedna

ROUNDS = 2
CLASSES = ("zero", "one", "two")


def write_pictures(folder: Path, digits: Digits, digit: int) -> Path:
    """Write eight pictures of one digit and their index; return its path."""
    folder.mkdir()
    lines = []
    for number in np.flatnonzero(digits.labels == digit)[:8]:
        pixels = (digits.pixels[number].reshape(8, 8) * 15).astype(np.uint8)
        Image.fromarray(pixels).convert("RGB").resize((40, 40)).save(folder / f"{number}.png")
        lines.append(f"{number}.png {CLASSES[digit]}\n")
    index = folder / "index.txt"
    index.write_text("".join(lines), encoding="utf-8")
    return index


@needs_sedna
@pytest.mark.e2e
def test_three_clients_end_with_the_same_weights(
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
        input_size="32",
        learning_rate="0.001",
    )
    with workers.serving([str(EXAMPLES / "federated_learning" / "aggregate.py")], port):
        clients = [
            workers.start(
                "federated_learning/train.py",
                WORKER_NAME=f"client-{digit}",
                TRAIN_DATASET_URL=str(write_pictures(tmp_path / str(digit), digits, digit)),
                MODEL_URL=str(tmp_path / f"model-{digit}"),
            )
            for digit in range(3)
        ]
        for client in clients:
            workers.finish(client)

    messages = [reports.next("federatedlearningjob") for _ in range(3 * ROUNDS)]
    last = [each for each in messages if each["status"] == "completed"]
    assert len(last) == 3
    for message in last:
        assert message["ownerInfo"]["currentRound"] == ROUNDS
        assert message["ownerInfo"]["sampleCount"] == 24
        assert message["results"][0]["metrics"]["loss"]
    first, *others = (weights_of(tmp_path / f"model-{digit}") for digit in range(3))
    assert len(np.unique(first["head.head.1.bias"])) > 1
    for weights in others:
        assert weights.keys() == first.keys()
        assert all(np.array_equal(weights[name], first[name]) for name in first)


def weights_of(folder: Path) -> Weights:
    [model] = folder.iterdir()
    return read_weights(model)[0]
