"""Real weights and real photographs, where they are at hand."""

import shutil
from pathlib import Path

import pytest

from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome
from tests.e2e.conftest import Manifests, run

pytestmark = pytest.mark.e2e

CLASSES = ("croissant", "dog")


def _fill_dataset(photos: Path, folder: Path) -> None:
    """List the training photographs first: they are the train share, the others evaluate."""
    folder.mkdir(parents=True)
    lines = []
    for part in ("train", "eval"):
        for label in CLASSES:
            for photo in sorted((photos / part / label).iterdir()):
                name = f"{part}-{label}-{photo.name}"
                shutil.copyfile(photo, folder / name)
                lines.append(f"{name} {label}\n")
    (folder / "list.txt").write_text("".join(lines))


def test_one_round_from_published_weights_learns_real_photographs(
    shared_data: Path, tmp_path: Path
) -> None:
    node = tmp_path / "node" / "photographs"
    weights = shared_data / "mobilenetv2_imagenet_f16.npz"
    run(
        "backend.convert",
        weights,
        node / "first" / "net.ckpt",
        "--classes",
        ",".join(CLASSES),
    )
    run(
        "backend.convert",
        weights,
        node / "served" / "net.onnx",
        "--classes",
        ",".join(CLASSES),
    )
    _fill_dataset(shared_data / "photos", node / "samples")
    manifests = Manifests(
        name="photographs",
        class_names=CLASSES,
        train_prob=0.75,
        num_of_samples=180,
        deploy_condition={"metric": "accuracy[0]", "operator": ">=", "threshold": 0.97},
        worker={"input_shape": "224,224"},
        training={"fine_tune": "head", "epochs": "10"},
    ).write(tmp_path / "manifests")

    run("jobs", "run", manifests, "--root", tmp_path, "--rounds", 1, "--timeout", 240)

    status = StandaloneRunner(load_job([manifests]), tmp_path).status()
    (ended,) = status.rounds
    assert (ended.train_samples, ended.eval_samples) == (180, 60)
    assert ended.candidate_metrics["accuracy"][0] >= 0.97
    assert ended.outcome is Outcome.DEPLOYED
