"""Evaluates a round's models on its held-out samples."""

import logging
from collections.abc import Mapping

from backend.errors import DatasetError
from workers.estimators import make_estimator
from workers.incremental import IncrementalLearning
from workers.samples import labelled_images, read_index
from workers.settings import EvalSettings

__all__ = ["evaluate"]

_log = logging.getLogger(__name__)


def evaluate(environment: Mapping[str, str]) -> None:
    """Evaluate each of MODEL_URLS on TEST_DATASET_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if the report cannot be delivered now.
    """
    settings = EvalSettings.from_environment(environment)
    incremental = IncrementalLearning(make_estimator(settings), settings=settings)
    samples = read_index(settings.test_dataset_url, settings.class_names)
    if not samples:
        raise DatasetError(f"{settings.test_dataset_url}: holds no sample: add some.")
    _log.info("evaluating %d models on %d samples", len(settings.model_urls), len(samples))
    data = labelled_images(settings.original_dataset_url.parent, samples)
    incremental.evaluate(data, batch_size=settings.batch_size)
