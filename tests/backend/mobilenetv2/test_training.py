from pathlib import Path

import numpy as np
import pytest

from backend.errors import DatasetError, ImageError
from backend.preprocessing import LabelledImages
from backend.weights import Weights
from tests.backend.conftest import random_images
from tests.backend.mobilenetv2.conftest import Train, new_estimator


def changed(before: Weights, after: Weights) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_head_changes_only_the_head(train: Train) -> None:
    _, before, after, _ = train("mindspore", "head", 0)
    assert changed(before, after) == {"head.head.1.weight", "head.head.1.bias"}


def test_a_number_changes_only_the_last_blocks_and_the_head(train: Train) -> None:
    _, before, after, _ = train("mindspore", 2, 0)
    last = ("backbone.backbone.17.", "backbone.backbone.18.", "head.")
    assert changed(before, after) == {name for name in before if name.startswith(last)}


def test_frozen_blocks_keep_their_statistics(train: Train) -> None:
    _, before, after, _ = train("mindspore", 2, 0)
    statistics = {name for name in changed(before, after) if "moving_" in name}
    assert statistics
    assert all(name.startswith(("backbone.backbone.1",)) for name in statistics)
    frozen = "backbone.backbone.0.features.1.moving_mean"
    np.testing.assert_array_equal(after[frozen], before[frozen])


def test_full_changes_everything(train: Train) -> None:
    _, before, after, _ = train("mindspore", "full", 0)
    assert changed(before, after) == set(before)


def test_the_loss_falls_and_each_epoch_has_its_seconds(train: Train) -> None:
    metrics = train("mindspore", "head", 0).metrics
    assert len(metrics["loss"]) == len(metrics["seconds"]) == 2
    assert metrics["loss"][1] < metrics["loss"][0]
    assert min(metrics["seconds"]) > 0


def test_another_seed_gives_other_weights(train: Train) -> None:
    first, second = train("mindspore", "head", 0), train("mindspore", "head", 1)
    assert not np.array_equal(first.after["head.head.1.weight"], second.after["head.head.1.weight"])


@pytest.mark.parametrize("labels", [[0, 2], [-1, 0]])
def test_a_class_number_out_of_range_is_refused(labels: list[int]) -> None:
    images = LabelledImages(random_images(2).x, labels)
    with pytest.raises(DatasetError, match="outside 0 to 1: the classes are croissant, dog"):
        new_estimator().train(images)


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DatasetError, match="no samples to train on"):
        new_estimator().train(LabelledImages([], []))


def test_an_unreadable_sample_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture", encoding="utf-8")
    estimator = new_estimator()
    images = LabelledImages([bad, *random_images(7).x], [0] * 8)
    with pytest.raises(ImageError, match=r"bad\.png: cannot be read as an image"):
        estimator.train(images, epochs=1, fine_tune=1)
