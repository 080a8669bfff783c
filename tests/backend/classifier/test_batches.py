from typing import Any

import numpy as np
import pytest

from backend.classifier.plan import Plan
from backend.classifier.toolkit import Toolkit
from tests.backend.classifier.conftest import new_estimator

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 3, (6, 4)).astype(np.float32)
LABELS = [0, 1, 2, 3, 3, 0]
INPUTS = GENERATOR.normal(size=(32, 1, 5)).astype(np.float16)


@pytest.fixture(params=["tinyms", "mindspore"])
def toolkit(request: pytest.FixtureRequest) -> Toolkit:
    return new_estimator(request.param)._model.toolkit


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.5])
def test_the_loss_is_cross_entropy_with_the_labels_smoothed_over_all_classes(
    toolkit: Toolkit, label_smoothing: float
) -> None:
    from mindspore import Tensor  # noqa: PLC0415

    from backend.classifier.batches import smoothed_targets  # noqa: PLC0415

    expected_targets = np.eye(4)[LABELS] * (1 - label_smoothing) + label_smoothing / 4
    log_probabilities = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    expected = -(expected_targets * log_probabilities).sum(axis=1).mean()
    targets = smoothed_targets(LABELS, 4, label_smoothing)
    loss = toolkit.loss()(Tensor(LOGITS), Tensor(targets))
    assert float(loss.asnumpy()) == pytest.approx(expected, rel=1e-5)


def _epoch(toolkit: Toolkit, mixup: float, seed: int) -> list[Any]:
    """Return the batches of inputs and of targets; a sample's target is its one input number."""
    from backend.classifier.batches import ActivationSamples, batches  # noqa: PLC0415

    samples = ActivationSamples(INPUTS, INPUTS[:, 0].astype(np.float32), np.arange(len(INPUTS)))
    plan = Plan(1, 8, 1e-3, "adam", 0.0, 1, "head", seed, mixup=mixup)
    dataset = batches(toolkit, samples, [], plan, seed)
    return [[each.asnumpy() for each in batch] for batch in dataset.create_tuple_iterator()]


def test_mixup_mixes_inputs_and_targets_alike_and_keeps_the_mean_of_a_batch(
    toolkit: Toolkit,
) -> None:
    plain, mixed = _epoch(toolkit, 0.0, 3), _epoch(toolkit, 0.4, 3)
    assert len(plain) == len(mixed) == 4
    for (inputs, _), (mixed_inputs, targets) in zip(plain, mixed, strict=True):
        assert not np.array_equal(inputs, mixed_inputs)
        np.testing.assert_allclose(mixed_inputs, targets, atol=1e-6)
        np.testing.assert_allclose(mixed_inputs.mean(0), inputs.mean(0), atol=1e-5)


def test_mixup_is_the_seeds(toolkit: Toolkit) -> None:
    first, again, other = (_epoch(toolkit, 0.4, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
