"""The tutorials' own commands, one after the other, on pictures that are drawn here."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.classifier import TinyMSClassifier
from backend.models import model_file
from backend.models.model_file import ModelCard
from tests.docs.reading import DOCS, REPOSITORY
from tests.docs.running import (
    commands,
    draw_cups_and_spoons,
    draw_shades,
    run,
    save_weights,
    write_files,
)
from tests.local_controller import FakeLocalController, serve_local_controller
from tests.manifests.reading import ASCEND, kustomized
from workers.contract import WorkerKind, WorkerStatus

pytestmark = pytest.mark.e2e
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="there is no kubectl here"
)


def test_your_own_classes(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    for kind in ("cup", "spoon"):
        draw_cups_and_spoons(tmp_path / "photos", kind, 60, seed=1)
        draw_cups_and_spoons(tmp_path / "later", kind, 25, seed=2)
    save_weights(tmp_path)

    run("\n".join(commands(DOCS / "tutorials" / "own-classes.md")), tmp_path)

    node = tmp_path / "node" / "data" / "cups-spoons"
    status = run("iljob status my-job --root node --json", tmp_path)
    events = [json.loads(line) for line in status.splitlines()]
    rounds = [event for event in events if event["event"] == "round"]
    answers = [json.loads(each.read_text()) for each in (node / "inbox/done").glob("*.json")]
    assert [(each["round"], each["train_samples"], each["eval_samples"]) for each in rounds] == [
        (1, 96, 24),
        (2, 40, 34),
    ]
    assert {each["outcome"] for each in rounds} <= {"deployed", "rejected"}
    assert len(answers) == 25
    assert {each["label"] for each in answers} <= {"cup", "spoon"}
    assert "<html" in (node / "output" / "iljob" / "report.html").read_text()


def test_another_network(tmp_path: Path) -> None:
    page, example = DOCS / "tutorials" / "another-network.md", REPOSITORY / "examples/own_network"
    write_files(page, tmp_path)
    for name in ("small_network.py", "Dockerfile"):
        assert (tmp_path / name).read_text() == (example / name).read_text()
    assert len((tmp_path / "small_network.py").read_text().splitlines()) <= 40
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    for kind in ("cup", "spoon"):
        draw_cups_and_spoons(tmp_path / "photos", kind, 60, seed=1)

    run("\n".join(commands(page)), tmp_path)

    (trained,) = tmp_path.glob("node/data/cups-spoons/output/train/1/model.onnx")
    card = model_file.read(trained).card
    assert card is not None
    assert card == ModelCard(("cup", "spoon"), 64, "small_network:small", card.confidence)


def test_pretrained_weights(tmp_path: Path) -> None:
    save_weights(tmp_path)

    run("\n".join(commands(DOCS / "how-to" / "pretrained-weights.md")), tmp_path)

    for name in ("model.ckpt", "model.onnx"):
        card = model_file.read(tmp_path / name).card
        assert card == ModelCard(("croissant", "dog"), 96, "mobilenetv2")


def test_the_engines_are_compared_under_both_settings(tmp_path: Path) -> None:
    page = DOCS / "explanation" / "engine.md"
    write_files(page, tmp_path)

    lines = [run(command, tmp_path).splitlines() for command in commands(page)]

    assert [[line.split(":")[0] for line in each] for each in lines] == [
        ["MindSpore", "ONNX Runtime"]
    ] * 2


@pytest.fixture
def local_controller() -> Iterator[FakeLocalController]:
    with serve_local_controller() as controller:
        yield controller


def test_another_estimator(tmp_path: Path, local_controller: FakeLocalController) -> None:
    page = DOCS / "tutorials" / "another-estimator.md"
    write_files(page, tmp_path)

    output = run("\n".join(commands(page)), tmp_path)
    assert "accuracy [1.0]" in output

    index = draw_shades(tmp_path / "data")
    trained = tmp_path / "train" / "1" / "model.ckpt"
    identity = {
        "JOB_NAME": "shades",
        "LC_SERVER": local_controller.url,
        "BACKEND_TYPE": "TINYMS",
        "class_names": "dark,bright",
        "model_formats": "ckpt",
        "ORIGINAL_DATASET_URL": str(index),
        "report_patience_seconds": "1",
    }
    train = {
        "WORKER_NAME": "train-worker-bcdfg",
        "BASE_MODEL_URL": str(tmp_path / "lenet.ckpt"),
        "MODEL_URL": str(trained.parent),
        "TRAIN_DATASET_URL": str(index),
    }
    evaluate = {
        "WORKER_NAME": "eval-worker-bcdfg",
        "MODEL_URLS": f"{trained};{tmp_path / 'lenet.ckpt'}",
        "TEST_DATASET_URL": str(index),
    }
    infer = {
        "WORKER_NAME": "inferworker-bcdfg",
        "MODEL_URL": str(trained),
        "HEM_NAME": "CloudOnly",
    }
    run("python worker.py train", tmp_path, identity | train)
    run("python worker.py eval", tmp_path, identity | evaluate)
    picture = index.parent / "1.png"
    answer = run(f"echo {picture} | python worker.py infer", tmp_path, identity | infer)

    training, evaluation = local_controller.next_message(), local_controller.next_message()
    assert (training.kind, training.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    assert (evaluation.kind, evaluation.status) == (WorkerKind.EVAL, WorkerStatus.COMPLETED)
    assert [each.url for each in training.results] == [str(trained)]
    assert [each.metrics["accuracy"] for each in evaluation.results] == [[1.0], [1.0]]
    assert answer.strip().endswith("hard")


@needs_kubectl
def test_moving_a_node_to_ascend_and_back(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    shutil.copytree(REPOSITORY / "overlays", tmp_path / "overlays")
    models = tmp_path / "deploy"
    TinyMSClassifier(("croissant", "dog"), 96).save(models / "model.onnx")
    page = DOCS / "tutorials" / "ascend.md"
    show, there, back = commands(page, **{"/data/dog-croissants/models/deploy": str(models)})

    shown = run(show, tmp_path).splitlines()
    run(there, tmp_path)
    (models / "model.onnx").unlink()
    run(back, tmp_path)

    assert sum('huawei.com/Ascend310P: "1"' in line for line in shown) == 3
    assert [line.split()[1] for line in shown if "format:" in line] == ["txt", "ckpt", "ckpt"]
    for name in ("model.ckpt", "model.onnx"):
        assert model_file.read(models / name).card == ModelCard(
            ("croissant", "dog"), 96, "mobilenetv2"
        )


@needs_kubectl
def test_the_page_on_ascend_names_all_that_the_overlay_changes() -> None:
    page = (DOCS / "tutorials" / "ascend.md").read_text()
    plain, ascend = (
        set(kustomized(folder).split()) for folder in (REPOSITORY / "manifests", ASCEND)
    )
    images = {word.split(":")[0] for word in ascend - plain if word.startswith("sedna-tinyms/")}

    assert images == {f"sedna-tinyms/{kind}-ascend" for kind in ("train", "eval", "infer")}
    assert [image for image in images if f"`{image}`" not in page] == []
    rest = {word for word in ascend - plain if not word.startswith("sedna-tinyms/")}
    assert rest == {"huawei.com/Ascend310P:", "/data/dog-croissants/models/deploy/model.ckpt"}
