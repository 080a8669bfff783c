"""The estimator and the backend that a worker's settings ask for."""

from typing import Any

from backend import BackendBase, set_backend
from backend.classifier import Classifier, MindSporeClassifier, TinyMSClassifier
from backend.errors import SettingsError
from workers.learning.settings import BackendSettings, EstimatorSettings

__all__ = ["ESTIMATORS", "make_backend", "make_estimator"]

ESTIMATORS: dict[str, type[Classifier]] = {
    "TINYMS": TinyMSClassifier,
    "MINDSPORE": MindSporeClassifier,
}
"""Each ``BACKEND_TYPE`` and its estimator."""


def make_estimator(settings: EstimatorSettings) -> Classifier:
    """Return an estimator without weights; no framework is imported before it is needed."""
    make = ESTIMATORS[settings.backend_type]
    return make(
        settings.class_names,
        settings.input_size,
        network=settings.network,
        renamed=settings.renamed_classes,
    )


def make_backend(estimator: Any, settings: BackendSettings) -> BackendBase:
    """Return the backend that drives an estimator, or what a callable makes.

    Raises SettingsError without an estimator.
    """
    config = {
        "backend_type": settings.backend_type,
        "device_category": settings.device_category,
    }
    backend = set_backend(estimator, config)
    if backend is None:
        raise SettingsError("IncrementalLearning needs an estimator: pass one.")
    return backend
