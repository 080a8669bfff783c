"""Which estimator a worker's settings ask for."""

from backend.mobilenetv2 import MindSporeMobileNetV2, MobileNetV2Estimator, TinyMSMobileNetV2
from workers.settings import EstimatorSettings

__all__ = ["make_estimator"]

_ESTIMATORS = {"TINYMS": TinyMSMobileNetV2, "MINDSPORE": MindSporeMobileNetV2}


def make_estimator(settings: EstimatorSettings) -> MobileNetV2Estimator:
    """Return an estimator without weights; no framework is imported before it is needed."""
    return _ESTIMATORS[settings.backend_type](settings.class_names, settings.input_size)
