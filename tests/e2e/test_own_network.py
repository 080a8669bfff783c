"""A network that is defined here and nowhere else, through a whole job."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from watchfiles import watch

from backend.classifier import TinyMSClassifier
from backend.models import model_file
from backend.networks import GREY, Network
from demo.dataset import append_samples
from jobs.standalone.state import StateFile
from jobs.status import Outcome, Round
from tests.coloured_pictures import SHADES, draw_colours
from tests.e2e.conftest import BARE_ENVIRONMENT, Manifests

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
_MOST_ASKED = 150


def build(class_count: int) -> Any:
    from mindspore import nn  # noqa: PLC0415

    return nn.SequentialCell(
        nn.Conv2d(1, 4, 3, stride=2, pad_mode="pad", padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dense(4 * 8 * 8, class_count),
    )


tiny = Network(build, 16, stride=None, normalisation=GREY, head="4", blocks=("0",))


def test_a_network_of_ones_own_is_trained_deployed_and_answers(tmp_path: Path) -> None:
    node = tmp_path / "node" / "shades"
    network = f"{__name__}:tiny"
    estimator = TinyMSClassifier(tuple(SHADES), network=network)
    for target in (node / "first" / "net.ckpt", node / "served" / "net.onnx"):
        target.parent.mkdir(parents=True)
        estimator.save(target)
    pictures = draw_colours(tmp_path / "drawn", SHADES, 120)
    append_samples(node / "samples" / "list.txt", pictures[:60])
    manifests = Manifests(
        name="shades",
        class_names=tuple(SHADES),
        train_prob=0.7,
        num_of_samples=40,
        deploy_condition={"metric": "accuracy_delta[0]", "operator": ">=", "threshold": -1},
        worker={"network": network, "PYTHONPATH": str(REPOSITORY)},
        training={"epochs": "8", "batch_size": "8", "model_formats": "ckpt,npz,onnx,mindir,int8"},
    ).write(tmp_path / "manifests")

    command = [sys.executable, "-m", "jobs", "run", str(manifests), "--root", str(tmp_path)]
    with subprocess.Popen([*command, "--timeout", "200"], env=BARE_ENVIRONMENT) as process:
        try:
            _ask_until_deployed(node, 1)
            append_samples(node / "samples" / "list.txt", pictures[60:])
            answer = _ask_until_deployed(node, 2)
        finally:
            process.terminate()

    last = _rounds(node)[-1]
    assert last.candidate_metrics["accuracy"][0] > 0.8
    assert answer["label"] == "bright"
    trained = node / "out" / "train" / "2"
    formats = [".ckpt", ".int8.onnx", ".mindir", ".npz", ".onnx"]
    assert sorted(each.name for each in trained.glob("model.*")) == [f"model{x}" for x in formats]
    card = model_file.read(node / "served" / "net.onnx").card
    assert card is not None
    assert (card.network, card.input_size) == (network, 16)


def _rounds(node: Path) -> list[Round]:
    """Return the job's rounds so far."""
    state = StateFile.read(node / "out" / "iljob" / "state.json")
    return list(state.status.rounds) if state else []


def _ask_until_deployed(node: Path, rounds: int) -> dict[str, Any]:
    """Ask for a bright picture until the round's model answers; return its answer."""
    inbox, trained = node / "inbox", node / "out" / "train" / str(rounds) / "model.onnx"
    (inbox / "done").mkdir(parents=True, exist_ok=True)
    for number, _ in enumerate(watch(node, rust_timeout=1000, yield_on_timeout=True)):
        assert number < _MOST_ASKED, "the trained model never answered"
        if [each.outcome for each in _rounds(node)] != [Outcome.DEPLOYED] * rounds:
            continue
        picture = node.parent / "asked.png"
        picture.write_bytes((node / "samples" / "pictures" / "1.png").read_bytes())
        picture.rename(inbox / f"{rounds}-{number}.png")
        version = hashlib.sha256(model_file.read(trained).payload).hexdigest()[:12]
        for answer in [json.loads(each.read_bytes()) for each in inbox.glob("done/*.json")]:
            if answer["model_version"] == version:
                return dict(answer)
    raise AssertionError
