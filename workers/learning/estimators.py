"""Which estimator a worker's settings ask for."""

from collections.abc import Callable, Sequence

from backend.classifier import MindSporeMobileNetV2, MobileNetV2Estimator, TinyMSMobileNetV2
from workers.environment import EstimatorSettings

__all__ = ["ESTIMATORS", "make_estimator"]

ESTIMATORS: dict[str, Callable[[Sequence[str], int], MobileNetV2Estimator]] = {
    "TINYMS": TinyMSMobileNetV2,
    "MINDSPORE": MindSporeMobileNetV2,
}
"""Each ``BACKEND_TYPE`` and its estimator."""


def make_estimator(settings: EstimatorSettings) -> MobileNetV2Estimator:
    """Return an estimator without weights; no framework is imported before it is needed."""
    return ESTIMATORS[settings.backend_type](settings.class_names, settings.input_size)
