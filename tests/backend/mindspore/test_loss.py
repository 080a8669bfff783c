import numpy as np
import pytest

from backend.classifier.toolkit import Toolkit
from tests.backend.classifier.conftest import new_estimator

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 3, (6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 3, 0], dtype=np.int32)


@pytest.fixture(params=["tinyms", "mindspore"])
def toolkit(request: pytest.FixtureRequest) -> Toolkit:
    return new_estimator(request.param)._toolkit


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.5])
def test_the_loss_is_cross_entropy_with_the_labels_smoothed_over_all_classes(
    toolkit: Toolkit, label_smoothing: float
) -> None:
    from mindspore import Tensor  # noqa: PLC0415

    targets = np.eye(4)[LABELS] * (1 - label_smoothing) + label_smoothing / 4
    log_probabilities = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    expected = -(targets * log_probabilities).sum(axis=1).mean()
    loss = toolkit.loss(4, label_smoothing)(Tensor(LOGITS), Tensor(LABELS))
    assert float(loss.asnumpy()) == pytest.approx(expected, rel=1e-5)
