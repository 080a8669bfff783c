"""Evaluates a round's models on its held-out samples."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import ProjectError
from backend.models import model_file
from workers.contract import Metrics, Variable
from workers.data.dataset import DATA_INDEX_FILE, Dataset
from workers.data.index_file import read_index
from workers.data.quarantine import EVAL_QUARANTINE_FILE, Quarantine
from workers.data.screening import Screen
from workers.environment import EvalSettings
from workers.learning.estimators import make_estimator
from workers.learning.forgetting import Forgetting
from workers.sedna.incremental import IncrementalLearning
from workers.storage import Mirror

__all__ = ["evaluate"]

_CONFIDENCE = "confidence"
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
    candidate = settings.model_urls[0]
    # The one folder of the round that is the worker's to write, on a cluster too.
    list_of_unreadable = candidate.parent / EVAL_QUARANTINE_FILE
    quarantine = Quarantine(list_of_unreadable, mirror, share=settings.unreadable_share)
    screen = Screen(dataset.folders, settings.image_limit_mib)
    images = quarantine.screened(samples, dataset.images(samples), screen.check)
    forgetting = Forgetting(settings, dataset, screen, mirror)
    estimator = incremental.estimator
    _log.info("evaluating %d models on %d samples", len(settings.model_urls), len(samples))

    def judged(metrics: Metrics) -> Metrics:
        confidence = metrics.pop(_CONFIDENCE, [])
        if estimator.model_path == candidate:
            _write_confidence(candidate, confidence, mirror)
            readable = [sample for sample in samples if sample.path not in quarantine.paths]
            forgetting.remember(readable, estimator.predict)
        return quarantine.counted(_judged(metrics)) | forgetting.measure(estimator.evaluate)

    incremental.evaluate(
        images,
        post_process=judged,
        batch_size=settings.batch_size,
        with_confidence=True,
        on_unreadable=quarantine.add,
    )


def _write_confidence(model: Path, confidence: Sequence[float], mirror: Mirror) -> None:
    """Tell the candidate's card, before the LocalController copies it, for drift in serving."""
    if not any(confidence):
        return
    try:
        model_file.add_confidence(model, list(map(int, confidence)))
        mirror.publish(model, Variable.MODEL_URLS)
    except (ProjectError, OSError) as error:
        _log.warning("drift will be told from the first answers instead: %s", error)


def _judged(metrics: Metrics) -> Metrics:
    """Without a sample nothing was judged: a zero would be a figure that a trigger compares."""
    return metrics if any(metrics[_SAMPLES]) else {_SAMPLES: metrics[_SAMPLES]}
