"""Evaluates a round's models on its held-out samples."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from backend import BackendBase
from backend.errors import ImageError, ProjectError
from backend.images.decoding import DecodedOnce
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models import model_file
from workers.contract import Variable
from workers.data.dataset import DATA_INDEX_FILE, DatasetImages
from workers.data.fixed_test_set import FixedTestSet
from workers.data.index_file import BadLine, Sample, read_index
from workers.data.quarantine import Quarantine
from workers.data.round_folder import RoundFolder
from workers.data.screening import Screen
from workers.eval.settings import EvalSettings
from workers.learning.deciding import Answered, decision_metrics, outcomes
from workers.learning.estimators import make_backend, make_estimator
from workers.learning.forgetting import Forgetting
from workers.sedna.session import Session

__all__ = ["evaluate"]

_ANSWERS = "answers"
_CONFIDENCE = "confidence"
_SAMPLES = "samples"
_TEST = "test_"

_log = logging.getLogger(__name__)


class _Asked(NamedTuple):
    """What the models of a round are asked."""

    samples: list[Sample]
    """The round's own held-out ones that pass the screen."""
    images: LabelledImages
    forgetting: Forgetting
    earlier: LabelledImages
    """The images of ``forgetting``."""
    test_set: FixedTestSet
    test_images: LabelledImages


class _Answers(NamedTuple):
    """What one model answers: class numbers, below 0 for an image that cannot be read."""

    samples: list[float]
    earlier: list[float]
    """To the samples of `Forgetting`."""
    test_set: list[float]
    metrics: Metrics
    """Of the round's own samples."""
    confidence: list[float]


def evaluate(session: Session) -> None:
    """Evaluate each of MODEL_URLS on TEST_DATASET_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if storage is away or the report cannot be delivered now.
    """
    settings = session.settings(EvalSettings)
    candidate = settings.model_urls[0]
    # The one folder of the round that is the worker's to write, on a cluster too.
    folder = RoundFolder(candidate.parent, session.mirror, Variable.MODEL_URLS)
    quarantine = Quarantine(folder.eval_quarantine, folder, share=settings.unreadable_share)
    asked = _asked(session, settings, folder, quarantine)
    _log.info("evaluating %d models on %d samples", len(settings.model_urls), len(asked.samples))
    backend = make_backend(make_estimator(settings), settings)
    answers = []
    for model in settings.model_urls:
        session.load(backend, model, Variable.MODEL_URLS)
        answers.append(_ask(backend, asked, settings.batch_size, quarantine))
    _record_confidence(folder, candidate, answers[0].confidence)
    asked.forgetting.record(asked.samples, answers[0].samples)
    quarantine.record()
    judged = _judged(asked, answers)
    for model, metrics in zip(settings.model_urls, judged, strict=True):
        _log.info("%s: %s", model, metrics)
    session.report_evaluated(
        settings.model_urls, [metrics | quarantine.metrics for metrics in judged]
    )


def _asked(
    session: Session, settings: EvalSettings, folder: RoundFolder, quarantine: Quarantine
) -> _Asked:
    """Find the images of the round, of earlier rounds and of the fixed test set."""
    classes, renamed = settings.class_names, settings.renamed_classes
    index = session.mirror.fetch(settings.test_dataset_url, Variable.TEST_DATASET_URL)
    dataset = DatasetImages(
        settings.original_dataset_url,
        session.mirror,
        data_indexes=[index.parent / DATA_INDEX_FILE],
    )
    screen = Screen(dataset.folders, settings.image_limit_mib)
    forgetting = Forgetting(
        folder, dataset, screen, classes, settings.forgetting_samples, renamed=renamed
    )
    judged_before = forgetting.paths

    def on_bad_line(line: BadLine) -> None:
        # An earlier round's sample, which is repeated, of a class that is gone since.
        if line.path not in judged_before:
            quarantine.add_line(line)

    samples = read_index(index, classes, renamed=renamed, on_bad_line=on_bad_line)
    images = quarantine.screened(samples, dataset.images(samples), screen.check)
    passed = [sample for sample in samples if sample.path not in quarantine.paths]
    test_set = FixedTestSet(settings, dataset, session.mirror, classes, renamed)
    return _Asked(
        passed,
        _decoded_once(images),
        forgetting,
        _decoded_once(forgetting.images),
        test_set,
        _decoded_once(test_set.images),
    )


def _decoded_once(images: LabelledImages) -> LabelledImages:
    return LabelledImages(DecodedOnce(images.x), images.y)


def _ask(backend: BackendBase, asked: _Asked, batch_size: int, quarantine: Quarantine) -> _Answers:
    """Ask the model that the backend has loaded."""
    evaluate_on = partial(backend.evaluate, batch_size=batch_size, with_answers=True)
    metrics: Metrics = evaluate_on(asked.images, with_confidence=True, on_unreadable=quarantine.add)
    earlier = evaluate_on(asked.earlier, on_unreadable=_leave_out)
    test_set = evaluate_on(asked.test_images, on_unreadable=_leave_out)
    samples, confidence = metrics.pop(_ANSWERS), metrics.pop(_CONFIDENCE)
    return _Answers(samples, earlier[_ANSWERS], test_set[_ANSWERS], metrics, confidence)


def _judged(asked: _Asked, answers: Sequence[_Answers]) -> list[Metrics]:
    """Return each model's figures: on the test set, its own, and those of the comparison."""
    forgetting = asked.forgetting
    tested = [outcomes(asked.test_set.samples, each.test_set) for each in answers]
    own = [_meaningful(each.metrics) | forgetting.measure(each.earlier) for each in answers]
    compared = [
        outcomes(forgetting.samples, each.earlier) | outcomes(asked.samples, each.samples)
        for each in answers
    ]
    figures = zip(_test_metrics(tested), own, decision_metrics(compared), strict=True)
    return [test | mine | paired for test, mine, paired in figures]


def _test_metrics(tested: Sequence[Mapping[str, Answered]]) -> list[Metrics]:
    """Return each model's figures on the fixed test set, nothing without one."""
    shared = set.intersection(*map(set, tested))
    if not shared:
        return [{} for _ in tested]
    accuracies = [fmean(answers[path].is_right for path in shared) for answers in tested]
    figures = zip(accuracies, decision_metrics(tested), strict=True)
    return [
        {f"{_TEST}{name}": values for name, values in ({"accuracy": [own]} | paired).items()}
        for own, paired in figures
    ]


def _leave_out(_: int, error: ImageError) -> None:
    _log.info("a sample of another round or the test set is left out: %s", error)


def _record_confidence(folder: RoundFolder, model: Path, confidence: Sequence[float]) -> None:
    """Write it on the candidate's card before the LocalController copies it: drift needs it."""
    if not any(confidence):
        return
    try:
        model_file.add_confidence(model, list(map(int, confidence)))
        folder.publish(model)
    except (ProjectError, OSError) as error:
        _log.warning("drift will be measured from the first answers instead: %s", error)


def _meaningful(metrics: Metrics) -> Metrics:
    """Without a sample nothing was judged: a zero would be a figure that a trigger compares."""
    return metrics if any(metrics[_SAMPLES]) else {_SAMPLES: metrics[_SAMPLES]}
