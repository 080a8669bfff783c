from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from backend.classifier import Classifier
from backend.classifier.frozen import Activations, FrozenPart
from backend.errors import DatasetError, ImageError, SettingsError
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models.weights import Weights
from backend.networks import FineTune
from tests.backend.classifier.conftest import Train, new_estimator
from tests.backend.conftest import encoded, random_images


def changed(before: Weights, after: Weights) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_head_changes_only_the_head(train: Train) -> None:
    _, before, after, _ = train("mindspore", "head", 0)
    assert changed(before, after) == {"head.head.1.weight", "head.head.1.bias"}


def test_a_number_changes_only_the_last_blocks_and_the_head(train: Train) -> None:
    _, before, after, _ = train("mindspore", 2, 0)
    last = ("backbone.backbone.17.", "backbone.backbone.18.", "head.")
    assert changed(before, after) == {
        name for name in before if name.startswith(last) and "moving_" not in name
    }


def test_full_changes_everything(train: Train) -> None:
    _, before, after, _ = train("mindspore", "full", 0)
    assert changed(before, after) == set(before)


def test_the_loss_falls_and_each_epoch_has_its_seconds(train: Train) -> None:
    metrics = train("mindspore", "head", 0).metrics
    assert len(metrics["loss"]) == len(metrics["seconds"]) == 2
    assert metrics["loss"][1] < metrics["loss"][0]
    assert min(metrics["seconds"]) > 0


@pytest.mark.parametrize("framework", ["tinyms", "mindspore"])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_trained_estimator_that_is_given_weights_learns_again(
    framework: str, optimizer: Literal["adam", "momentum"], tmp_path: Path
) -> None:
    estimator, images = new_estimator(framework), random_images(16)
    start, path = estimator.get_weights(), estimator.save(tmp_path / "start.ckpt")
    restarts: list[Callable[[], None]] = [
        lambda: estimator.set_weights(start),
        lambda: estimator.set_weights(start),
        lambda: estimator.load(path),
    ]
    for restart in restarts:
        restart()
        before = estimator.evaluate(images)["loss"]
        metrics = estimator.train(
            images, images, epochs=2, batch_size=8, optimizer=optimizer, fine_tune="head"
        )
        assert metrics["valid_loss"] < before
        changes = changed(start, estimator.get_weights())
        assert changes == {"head.head.1.weight", "head.head.1.bias"}


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


@pytest.mark.parametrize("fine_tune", ["head", 1])
def test_unreadable_samples_are_reported_once_and_left_out(
    tmp_path: Path, fine_tune: FineTune
) -> None:
    readable = random_images(8)
    reported: list[tuple[int, str]] = []
    with_bad, without = new_estimator(), new_estimator()
    x = [*readable.x[:3], tmp_path / "gone.png", *readable.x[3:]]
    images = LabelledImages(x, [*readable.y[:3], 1, *readable.y[3:]])
    with_bad.train(
        images,
        epochs=1,
        fine_tune=fine_tune,
        on_unreadable=lambda at, error: reported.append((at, str(error))),
    )
    without.train(readable, epochs=1, fine_tune=fine_tune)
    assert [at for at, _ in reported] == [3]
    assert "gone.png: there is no such image" in reported[0][1]
    expected = without.get_weights()
    for name, value in with_bad.get_weights().items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


def test_with_every_sample_unreadable_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    images = LabelledImages([tmp_path / "gone.png"] * 2, [0, 1])
    reported: list[int] = []
    with pytest.raises(DatasetError, match="no samples to train on"):
        new_estimator().train(
            images, fine_tune="head", on_unreadable=lambda at, _: reported.append(at)
        )
    assert reported == [0, 1]


def test_a_warm_cache_gives_the_same_weights_as_a_cold_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(16)]
    images = random_images(16)
    for path, pixels in zip(paths, images.x, strict=True):
        path.write_bytes(encoded(np.asarray(pixels)))

    def head(cache: Path | None) -> Weights:
        estimator = new_estimator()
        data = LabelledImages(paths, images.y)
        estimator.train(data, epochs=1, fine_tune="head", cache_folder=cache)
        return estimator.get_weights()

    without, cold, warm = head(None), head(tmp_path / "cache"), head(tmp_path / "cache")
    assert (tmp_path / "cache").is_dir()
    assert not changed(without, cold)
    assert not changed(cold, warm)


def test_a_cache_without_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cache_size=0"):
        new_estimator().train(
            random_images(2), fine_tune="head", cache_folder=tmp_path, cache_size=0
        )


def test_a_lower_rate_of_the_backbone_changes_it_less() -> None:
    moved = {rate: _movement(backbone_rate=rate) for rate in (1.0, 0.1)}
    assert moved[0.1]["backbone"] < moved[1.0]["backbone"] / 2
    assert moved[0.1]["head"] == pytest.approx(moved[1.0]["head"], rel=0.5)


@pytest.mark.parametrize("backbone_rate", [1.0, 0.5])
def test_decay_makes_weights_smaller(backbone_rate: float) -> None:
    kept, decayed = (
        _trained(weight_decay=decay, optimizer="momentum", backbone_rate=backbone_rate)
        for decay in (0.0, 1.0)
    )
    weights = [name for name in kept if name.endswith(".weight") and ".18." in name]
    assert weights
    for name in weights:
        assert np.linalg.norm(decayed[name]) < np.linalg.norm(kept[name])


def test_repeats_say_how_often_a_sample_is_trained_on_in_an_epoch() -> None:
    images = random_images(8)
    repeated = new_estimator().train(
        images, epochs=1, batch_size=2, fine_tune="head", repeats=[1] * 6 + [2, 3]
    )
    order = [*range(7), 6, 7, 7, 7]
    longer = LabelledImages([images.x[each] for each in order], [images.y[each] for each in order])
    listed = new_estimator().train(longer, epochs=1, batch_size=2, fine_tune="head")
    assert repeated["loss"] == listed["loss"]


def test_images_that_are_repeated_often_are_copied_where_blocks_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, prepared = FrozenPart.activations, list[list[int]]()

    def watched(*arguments: Any) -> Activations:
        activations = run(*arguments)
        prepared.append(activations.positions)
        return activations

    monkeypatch.setattr(FrozenPart, "activations", watched)
    for fine_tune in (1, "head"):
        new_estimator().train(
            random_images(4), epochs=1, fine_tune=fine_tune, repeats=[6, 1, 1, 6], validation={3}
        )
    assert prepared == [[0, 1, 2, 3, 0, 0], [0, 1, 2, 3]]


JUDGES = range(12, 16)


def _with_judges() -> LabelledImages:
    """Return images of which the judges have the wrong labels: what is learned is wrong of them."""
    images = random_images(16)
    labels = [1 - label if at in JUDGES else label for at, label in enumerate(images.y)]
    return LabelledImages(images.x, labels)


def _validated(**settings: Any) -> tuple[Classifier, Metrics]:
    estimator = new_estimator()
    defaults: dict[str, Any] = {"epochs": 6, "learning_rate": 0.01, "validation": JUDGES}
    metrics = estimator.train(_with_judges(), batch_size=4, fine_tune="head", **defaults | settings)
    return estimator, metrics


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    estimator, metrics = _validated()
    losses = metrics["validation_loss"]
    assert len(losses) == len(metrics["loss"]) == 6
    assert min(losses) < losses[-1]
    images = _with_judges()
    judges = LabelledImages([images.x[at] for at in JUDGES], [images.y[at] for at in JUDGES])
    assert estimator.evaluate(judges)["loss"] == pytest.approx([min(losses)], rel=1e-3)


def test_training_ends_after_patience_is_lost() -> None:
    _, metrics = _validated(epochs=40, patience=2)
    losses = metrics["validation_loss"]
    assert len(losses) == losses.index(min(losses)) + 1 + 2


def test_a_resumed_training_remembers_the_best_epoch(tmp_path: Path) -> None:
    first, before = _validated(state_file=tmp_path / "state.npz")
    second, after = _validated(state_file=tmp_path / "state.npz")
    assert not changed(first.get_weights(), second.get_weights())
    assert after == before


def test_what_judges_the_epochs_is_not_trained_on() -> None:
    images = _with_judges()
    rest = LabelledImages(images.x[:12], images.y[:12])
    metrics = new_estimator().train(
        rest, epochs=1, batch_size=4, learning_rate=0.01, fine_tune="head"
    )
    assert _validated(epochs=1)[1]["loss"] == metrics["loss"]


def test_a_training_of_validation_samples_alone_is_refused() -> None:
    with pytest.raises(DatasetError, match="held out for validation"):
        _validated(validation=range(16))


def _trained(**settings: Any) -> Weights:
    estimator = new_estimator()
    estimator.train(random_images(16), epochs=2, batch_size=8, fine_tune=1, **settings)
    return estimator.get_weights()


def _movement(**settings: Any) -> dict[str, float]:
    before, after = new_estimator().get_weights(), _trained(**settings)
    names = {"backbone": "backbone.backbone.18.features.0.weight", "head": "head.head.1.weight"}
    return {part: float(np.abs(after[n] - before[n]).mean()) for part, n in names.items()}
