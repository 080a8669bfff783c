"""Trains a round: its new samples beside a replay of older ones."""

import logging
from collections.abc import Mapping, Sequence

from backend.errors import DatasetError
from workers.contract import Variable
from workers.estimators import make_estimator
from workers.incremental import IncrementalLearning
from workers.replay import draw_replay, remember_samples
from workers.samples import Sample, labelled_images, read_index
from workers.settings import TrainSettings
from workers.storage import make_folder

__all__ = ["round_samples", "train"]

_log = logging.getLogger(__name__)


def train(environment: Mapping[str, str]) -> None:
    """Train on from BASE_MODEL_URL, save into MODEL_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if the report cannot be delivered now.
    """
    settings = TrainSettings.from_environment(environment)
    incremental = IncrementalLearning(make_estimator(settings), settings=settings)
    samples = round_samples(settings)
    incremental.train(
        labelled_images(settings.original_dataset_url.parent, samples),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
        label_smoothing=settings.label_smoothing,
        fine_tune=settings.fine_tune,
        seed=settings.seed,
    )


def round_samples(settings: TrainSettings) -> list[Sample]:
    """Return the round's new samples and its replay; the new ones are remembered.

    Raises DatasetError if an index file is wrong or there is no new sample, and SettingsError
    if MODEL_URL cannot be written.
    """
    make_folder(settings.model_url, Variable.MODEL_URL)
    new = read_index(settings.train_dataset_url, settings.class_names)
    if not new:
        raise DatasetError(f"{settings.train_dataset_url}: holds no sample: add some.")
    remember_samples(settings.model_url, new, settings.class_names)
    older = _replay(settings, new)
    _log.info("training on %d new and %d older samples", len(new), len(older))
    return new + older


def _replay(settings: TrainSettings, new: Sequence[Sample]) -> list[Sample]:
    if not settings.replay:
        return []
    index = read_index(settings.original_dataset_url, settings.class_names, is_growing=True)
    return draw_replay(settings.model_url, index, new, settings.replay, settings.seed)
