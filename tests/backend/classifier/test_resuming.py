"""Training that was killed resumes where it stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.errors import ImageError
from backend.images.opening import ImageSource
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models.weights import Weights
from backend.networks import FineTune
from tests.backend.classifier.conftest import new_estimator
from tests.backend.conftest import random_images

EPOCHS = 3


class Vanishing(Sequence[ImageSource]):
    """Images that are gone as soon as the state of the first epoch is on disk."""

    def __init__(self, images: Sequence[ImageSource], state: Path) -> None:
        self._images = images
        self._state = state

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> ImageSource: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ImageSource]: ...
    def __getitem__(self, index: int | slice) -> ImageSource | Sequence[ImageSource]:
        if not isinstance(index, slice) and self._state.exists():
            return self._state.with_name("gone.png")
        return self._images[index]


def _train(
    images: LabelledImages, state: Path | None, fine_tune: FineTune = "full"
) -> tuple[Weights, Metrics]:
    estimator = new_estimator()
    metrics = estimator.train(
        images, epochs=EPOCHS, batch_size=8, fine_tune=fine_tune, state_file=state
    )
    return estimator.get_weights(), metrics


@pytest.fixture(scope="module")
def state_of_one_epoch(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of a training that ended in its second epoch."""
    state, images = tmp_path_factory.mktemp("state") / "state.npz", random_images(16)
    with pytest.raises(ImageError, match=r"gone\.png"):
        _train(LabelledImages(Vanishing(images.x, state), images.y), state)
    return state.read_bytes()


@pytest.fixture
def interrupted(tmp_path: Path, state_of_one_epoch: bytes) -> Path:
    state = tmp_path / "state.npz"
    state.write_bytes(state_of_one_epoch)
    return state


def _largest_difference(some: Weights, others: Weights) -> float:
    return max(float(np.abs(some[name] - others[name]).max()) for name in some)


def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(
    interrupted: Path,
) -> None:
    expected, uninterrupted = _train(random_images(16), None)
    weights, metrics = _train(random_images(16), interrupted)
    assert _largest_difference(weights, expected) <= 1e-5
    assert metrics["loss"] == pytest.approx(uninterrupted["loss"])
    assert len(metrics["loss"]) == EPOCHS


def test_the_state_of_another_training_is_ignored(
    interrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, metrics = _train(random_images(16), interrupted, "head")
    assert "belongs to another training run" in caplog.text
    assert len(metrics["loss"]) == EPOCHS


def test_a_damaged_state_is_ignored(interrupted: Path, caplog: pytest.LogCaptureFixture) -> None:
    interrupted.write_bytes(interrupted.read_bytes()[:100_000])
    _train(random_images(16), interrupted, "head")
    assert "training starts over" in caplog.text


def test_nothing_in_the_state_needs_pickle(interrupted: Path) -> None:
    with np.load(interrupted, allow_pickle=False) as state:
        arrays: dict[str, NDArray[np.generic]] = dict(state)
    assert any("moment1" in name for name in arrays)


def test_a_training_that_fails_leaves_the_weights_as_they_were(tmp_path: Path) -> None:
    estimator, state, images = new_estimator(), tmp_path / "state.npz", random_images(16)
    before = estimator.get_weights()
    with pytest.raises(ImageError, match=r"gone\.png"):
        estimator.train(
            LabelledImages(Vanishing(images.x, state), images.y),
            epochs=EPOCHS,
            batch_size=8,
            state_file=state,
        )
    assert _largest_difference(estimator.get_weights(), before) == 0
