"""Evaluates a round's models on its held-out samples."""

import logging
from collections.abc import Mapping

from workers.contract import Metrics, Variable
from workers.dataset import DATA_INDEX_FILE, Dataset
from workers.estimators import make_estimator
from workers.incremental import IncrementalLearning
from workers.samples import read_index
from workers.settings import EvalSettings
from workers.storage import Mirror

__all__ = ["evaluate"]

_SAMPLES = "samples"

_log = logging.getLogger(__name__)


def evaluate(environment: Mapping[str, str]) -> None:
    """Evaluate each of MODEL_URLS on TEST_DATASET_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if storage is away or the report cannot be delivered now.
    """
    mirror = Mirror(environment)
    settings = EvalSettings.from_environment(mirror.localise(environment))
    incremental = IncrementalLearning(make_estimator(settings), settings=settings, mirror=mirror)
    index = mirror.fetch(settings.test_dataset_url, Variable.TEST_DATASET_URL)
    samples = read_index(index, settings.class_names)
    dataset = Dataset(
        settings.original_dataset_url, mirror, data_indexes=[index.parent / DATA_INDEX_FILE]
    )
    _log.info("evaluating %d models on %d samples", len(settings.model_urls), len(samples))
    incremental.evaluate(
        dataset.images(samples), post_process=_judged, batch_size=settings.batch_size
    )


def _judged(metrics: Metrics) -> Metrics:
    """Without a sample nothing was judged: a zero would be a figure that a trigger compares."""
    return metrics if any(metrics[_SAMPLES]) else {_SAMPLES: metrics[_SAMPLES]}
