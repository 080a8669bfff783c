"""Trains a round: its new samples, what earlier rounds missed, and a repetition of older ones."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import DatasetError
from backend.images.preprocessing import LabelledImages
from workers.contract import Variable
from workers.data.dataset import DATA_INDEX_FILE, Dataset
from workers.data.held_out import HELD_OUT_FILE, carry_held_out
from workers.data.index_file import Sample, read_index
from workers.data.quarantine import TRAIN_QUARANTINE_FILE, Quarantine
from workers.data.screening import Screen
from workers.environment import TrainSettings
from workers.learning.estimators import make_estimator
from workers.learning.replay import (
    SAMPLES_FILE,
    Replay,
    draw_replay,
    recorded_labels,
    remember_samples,
)
from workers.sedna.incremental import IncrementalLearning
from workers.sedna.outbox import TRAIN_REPORT_FILE
from workers.storage import Mirror, make_folder

__all__ = ["STATE_FILE", "quarantine_of", "round_images", "train"]

STATE_FILE = "training-state.npz"
"""In MODEL_URL: where a training that was killed goes on from, saved after each epoch."""

_OF_EARLIER_ROUNDS = {SAMPLES_FILE, TRAIN_REPORT_FILE, TRAIN_QUARANTINE_FILE}

_log = logging.getLogger(__name__)


def train(environment: Mapping[str, str]) -> None:
    """Train on from BASE_MODEL_URL, save into MODEL_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if storage is away or the report cannot be delivered now.
    """
    mirror = Mirror(environment)
    settings = TrainSettings.from_environment(mirror.localise(environment))
    incremental = IncrementalLearning(make_estimator(settings), settings=settings, mirror=mirror)
    state = settings.model_url / STATE_FILE
    quarantine = quarantine_of(settings, mirror)
    incremental.train(
        round_images(settings, mirror, quarantine),
        amend=quarantine.counted,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
        label_smoothing=settings.label_smoothing,
        fine_tune=settings.fine_tune,
        seed=settings.seed,
        state_file=state,
        cache_folder=settings.cache,
        cache_size=settings.cache_size,
        on_unreadable=quarantine.add,
        quantise="int8" in settings.model_formats,
    )
    state.unlink(missing_ok=True)


def quarantine_of(settings: TrainSettings, mirror: Mirror) -> Quarantine:
    """Return where the round's unreadable images are counted."""
    file = settings.model_url / TRAIN_QUARANTINE_FILE
    return Quarantine(file, mirror, share=settings.unreadable_share)


def round_images(settings: TrainSettings, mirror: Mirror, quarantine: Quarantine) -> LabelledImages:
    """Return what the round trains on; all but the repeated samples is remembered.

    Raises DatasetError if an index file is wrong or there is nothing new, ImageError if too many
    images are not to be opened, and SettingsError or TemporaryError if a URL cannot be read or
    MODEL_URL cannot be written.
    """
    make_folder(settings.model_url, Variable.MODEL_URL)
    mirror.pull(settings.model_url.parent, _OF_EARLIER_ROUNDS, Variable.MODEL_URL)
    dataset = Dataset(settings.original_dataset_url, mirror, data_indexes=_data_indexes(settings))
    new = read_index(
        mirror.fetch(settings.train_dataset_url, Variable.TRAIN_DATASET_URL),
        settings.class_names,
    )
    older = _replay(settings, dataset, new)
    if not new and not older.missed:
        raise DatasetError(f"{settings.train_dataset_url}: holds no sample: add some.")
    _remember(settings, mirror, new + older.missed)
    _log.info(
        "training on %d new, %d missed and %d older samples",
        len(new),
        len(older.missed),
        len(older.repeated),
    )
    samples = new + older.missed + older.repeated
    screen = Screen(dataset.folders, settings.image_limit_mib)
    return quarantine.screened(samples, dataset.images(samples), screen.check)


def _data_indexes(settings: TrainSettings) -> list[Path]:
    """Return where the LocalController writes ``dataIndex.txt``: beside the round's index file.

    Of an output in S3 the init container downloads the index file alone.
    """
    output, round_ = settings.model_url.parent.parent, settings.model_url.name
    return [
        settings.train_dataset_url.parent / DATA_INDEX_FILE,
        output / "data" / "train" / round_ / DATA_INDEX_FILE,
    ]


def _replay(settings: TrainSettings, dataset: Dataset, new: Sequence[Sample]) -> Replay:
    labels = dataset.read_labels(settings.class_names)
    if labels is None:
        labels = recorded_labels(settings.model_url, settings.class_names)
    drawn = draw_replay(settings.model_url, labels, new, settings.replay, settings.seed)
    return Replay(dataset.available(drawn.missed), dataset.available(drawn.repeated))


def _remember(settings: TrainSettings, mirror: Mirror, samples: Sequence[Sample]) -> None:
    remember_samples(settings.model_url, samples, settings.class_names)
    carry_held_out(settings.model_url, mirror)
    for name in (SAMPLES_FILE, HELD_OUT_FILE):
        mirror.publish(settings.model_url / name, Variable.MODEL_URL)
