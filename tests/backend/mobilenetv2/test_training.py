from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import DatasetError, ImageError, SettingsError
from backend.mobilenetv2.training import FineTune, Plan, learning_rates
from backend.preprocessing import LabelledImages
from backend.weights import Weights
from tests.backend.conftest import random_images
from tests.backend.mobilenetv2.conftest import Train, new_estimator

RATES = st.floats(1e-6, 10)


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "optimizer": "adam",
        "label_smoothing": 0.1,
        "warmup_epochs": 1,
        "fine_tune": "full",
        "seed": 0,
    }
    return Plan(**(values | changes))


def changed(before: Weights, after: Weights) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


@given(
    epochs=st.integers(1, 20),
    steps=st.integers(1, 30),
    warmup=st.floats(0, 25),
    rate=RATES,
)
def test_there_is_a_rate_for_each_step_and_the_highest_is_the_learning_rate(
    epochs: int, steps: int, warmup: float, rate: float
) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate, warmup_epochs=warmup), steps)
    assert len(rates) == epochs * steps
    assert max(rates) == pytest.approx(rate)
    assert min(rates) > 0


@given(epochs=st.integers(2, 20), steps=st.integers(2, 30), warmup=st.integers(0, 19), rate=RATES)
def test_rates_rise_in_warm_up_and_fall_afterwards(
    epochs: int, steps: int, warmup: int, rate: float
) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate, warmup_epochs=warmup), steps)
    top = min(warmup * steps, epochs * steps - 1)
    assert rates.index(max(rates)) == top
    assert all(former < latter for former, latter in pairwise(rates[: top + 1]))
    assert all(former > latter for former, latter in pairwise(rates[top:]))


@given(epochs=st.integers(3, 20), steps=st.integers(10, 30), rate=RATES)
def test_rates_end_near_0(epochs: int, steps: int, rate: float) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate), steps)
    assert rates[-1] < rate / 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("optimizer", "sgd"),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("warmup_epochs", -1),
        ("fine_tune", 0),
        ("fine_tune", "tail"),
    ],
)
def test_a_hyperparameter_out_of_its_range_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name}={value!r} is out of its range"):
        plan(**{name: value})


@pytest.mark.parametrize("fine_tune", ["head", "full", 1, 18])
def test_the_ways_of_fine_tuning_are_accepted(fine_tune: FineTune) -> None:
    assert plan(fine_tune=fine_tune).fine_tune == fine_tune


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
