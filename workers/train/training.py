"""Trains a round: its new samples, what earlier rounds missed, and a repetition of older ones."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backend.errors import DatasetError
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models import model_file
from workers.contract import Variable
from workers.data.dataset import DATA_INDEX_FILE, DatasetImages
from workers.data.fixed_test_set import FixedTestSet
from workers.data.held_out import carry_held_out
from workers.data.index_file import BadLine, Sample, read_index
from workers.data.quarantine import Quarantine
from workers.data.round_folder import RoundFolder
from workers.data.screening import Screen
from workers.learning.estimators import make_backend, make_estimator
from workers.learning.replay import Replay, draw_replay, record_samples, recorded_labels
from workers.learning.sampling import draw_share, number_kinds, repeats_of_rare
from workers.sedna.session import Session
from workers.sedna.settings import TrainTask
from workers.train.settings import TrainSettings

__all__ = ["RoundImages", "claim_samples", "round_images", "train"]

_FEWEST_JUDGES = 10
"""Fewer samples for validation than this would choose an epoch by chance."""

_log = logging.getLogger(__name__)


class RoundImages(NamedTuple):
    """What a round trains on."""

    images: LabelledImages
    repeats: list[int] | None
    """How often each is trained on in an epoch; None: once."""
    validation: frozenset[int]
    """The positions of those that judge the epochs instead."""


def train(session: Session) -> None:
    """Train on from BASE_MODEL_URL, save into MODEL_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if storage is away or the report cannot be delivered now.
    """
    folder = claim_samples(session)
    settings = session.settings(TrainSettings)
    backend = make_backend(make_estimator(settings), settings)
    quarantine = Quarantine(folder.train_quarantine, folder, share=settings.unreadable_share)
    images, repeats, validation = round_images(session, settings, folder, quarantine)
    session.load(backend, settings.base_model_url, Variable.BASE_MODEL_URL)
    metrics: Metrics = backend.train(
        images,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        optimizer=settings.optimizer,
        label_smoothing=settings.label_smoothing,
        mixup=settings.mixup_parameter,
        fine_tune=settings.trained_part,
        backbone_rate=settings.rate_of_backbone,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        repeats=repeats,
        validation=validation,
        patience=settings.patience,
        state_file=folder.training_state,
        cache_folder=settings.cache,
        cache_size=settings.cache_size,
        on_unreadable=quarantine.add,
        quantise="int8" in settings.model_formats,
    )
    quarantine.record()
    session.report_trained(backend, settings, metrics | quarantine.metrics)
    folder.training_state.unlink(missing_ok=True)


def claim_samples(session: Session) -> RoundFolder:
    """Record what the LocalController has given to the round: it will not give it again.

    The first thing that a worker does, before its own settings can be wrong. Raises
    SettingsError or TemporaryError if a URL cannot be read or MODEL_URL cannot be written, and
    DatasetError if the index file cannot be read.
    """
    task = session.settings(TrainTask)
    folder = RoundFolder(task.model_url, session.mirror)
    folder.make()
    record_samples(folder, session.mirror.fetch(task.train_dataset_url, Variable.TRAIN_DATASET_URL))
    return folder


def round_images(
    session: Session, settings: TrainSettings, folder: RoundFolder, quarantine: Quarantine
) -> RoundImages:
    """Return what the round trains on; what earlier rounds missed is this round's from now on.

    Raises DatasetError if an index file cannot be read, there are too many bad lines or nothing
    to train on, ImageError if too many images are not to be opened, and SettingsError or
    TemporaryError if a URL cannot be read or MODEL_URL cannot be written.
    """
    folder.pull_records()
    dataset = DatasetImages(
        settings.original_dataset_url, session.mirror, data_indexes=_data_indexes(settings)
    )
    index = session.mirror.fetch(settings.train_dataset_url, Variable.TRAIN_DATASET_URL)
    new = read_index(
        index,
        settings.class_names,
        renamed=settings.renamed_classes,
        on_bad_line=_unless_gone(session, settings, quarantine),
    )
    older = _replay(settings, folder, dataset, new)
    record_samples(folder, index, older.missed, settings.class_names)
    carry_held_out(folder)
    _log.info(
        "training on %d new, %d missed and %d older samples",
        len(new),
        len(older.missed),
        len(older.repeated),
    )
    rounds = dict.fromkeys(new + older.missed, folder.number) | older.repeated
    test_set = FixedTestSet(
        settings, dataset, session.mirror, settings.class_names, settings.renamed_classes
    )
    samples = test_set.without(list(rounds), dataset.images(list(rounds)))
    screen = Screen(dataset.folders, settings.image_limit_mib)
    images = quarantine.screened(samples, dataset.images(samples), screen.check)
    if not new and not older.missed:
        raise DatasetError(f"{settings.train_dataset_url}: contains no samples: add some.")
    readable = [sample for sample in samples if sample.path not in quarantine.paths]
    kinds = number_kinds((rounds[sample], sample.label) for sample in readable)
    return RoundImages(
        images,
        repeats_of_rare(kinds).tolist() if settings.balance else None,
        _validation(readable, rounds, folder.number, settings),
    )


def _validation(
    samples: Sequence[Sample], rounds: Mapping[Sample, int], number: int, settings: TrainSettings
) -> frozenset[int]:
    """Draw the positions of some of the new samples, or none if they would be too few to judge."""
    new = [position for position, sample in enumerate(samples) if rounds[sample] == number]
    labels = np.array([samples[position].label for position in new], np.int64)
    drawn = draw_share(labels, settings.validation_share, settings.seed)
    return frozenset(new[place] for place in drawn if len(drawn) >= _FEWEST_JUDGES)


def _unless_gone(
    session: Session, settings: TrainSettings, quarantine: Quarantine
) -> Callable[[BadLine], None]:
    """Return what adds bad lines to the quarantine, except for classes that are gone.

    The base model still knows those.
    """

    @cache
    def former_classes() -> tuple[str, ...]:
        base = session.mirror.fetch(settings.base_model_url, Variable.BASE_MODEL_URL)
        card = model_file.read(base).card
        return card.class_names if card else ()

    def add(line: BadLine) -> None:
        if not line.label or line.label not in former_classes():
            quarantine.add_line(line)

    return add


def _data_indexes(settings: TrainSettings) -> list[Path]:
    """Return where the LocalController writes ``dataIndex.txt``: next to the round's index file.

    Of an output in S3 the init container downloads the index file alone.
    """
    output, number = settings.model_url.parent.parent, settings.model_url.name
    return [
        settings.train_dataset_url.parent / DATA_INDEX_FILE,
        output / "data" / "train" / number / DATA_INDEX_FILE,
    ]


def _replay(
    settings: TrainSettings, folder: RoundFolder, dataset: DatasetImages, new: list[Sample]
) -> Replay:
    labels = dataset.read_labels(settings.class_names, settings.renamed_classes)
    if labels is None:
        labels = recorded_labels(folder, settings.class_names, settings.renamed_classes)
    drawn = draw_replay(folder, labels, new, settings.replay_count, settings.seed)
    repeated = dataset.available(list(drawn.repeated))
    return Replay(
        missed=dataset.available(drawn.missed),
        repeated={sample: drawn.repeated[sample] for sample in repeated},
    )
