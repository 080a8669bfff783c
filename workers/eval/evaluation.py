"""Evaluates a round's models on its held-out samples."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from backend.errors import ImageError, ProjectError
from backend.metrics import Metrics
from backend.models import model_file
from workers.contract import Variable
from workers.data.dataset import DATA_INDEX_FILE, DatasetImages
from workers.data.fixed_test_set import FixedTestSet
from workers.data.index_file import BadLine, read_index
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

Answers = dict[str, Answered]

_log = logging.getLogger(__name__)


def evaluate(session: Session) -> None:
    """Evaluate each of MODEL_URLS on TEST_DATASET_URL and report.

    Raises SettingsError, DatasetError, ImageError or ModelFileError for what is wrong, and
    TemporaryError if storage is away or the report cannot be delivered now.
    """
    settings = session.settings(EvalSettings)
    candidate = settings.model_urls[0]
    # The one folder of the round that is the worker's to write, on a cluster too.
    folder = RoundFolder(candidate.parent, session.mirror, Variable.MODEL_URLS)
    index = session.mirror.fetch(settings.test_dataset_url, Variable.TEST_DATASET_URL)
    dataset = DatasetImages(
        settings.original_dataset_url,
        session.mirror,
        data_indexes=[index.parent / DATA_INDEX_FILE],
    )
    screen = Screen(dataset.folders, settings.image_limit_mib)
    quarantine = Quarantine(folder.eval_quarantine, folder, share=settings.unreadable_share)
    forgetting = Forgetting(
        folder,
        dataset,
        screen,
        settings.class_names,
        settings.forgetting_samples,
        renamed=settings.renamed_classes,
    )

    test_set = FixedTestSet(
        settings, dataset, session.mirror, settings.class_names, settings.renamed_classes
    )
    judged_before = forgetting.paths

    def on_bad_line(line: BadLine) -> None:
        # An earlier round's sample, which is repeated, of a class that is gone since.
        if line.path not in judged_before:
            quarantine.add_line(line)

    samples = read_index(
        index,
        settings.class_names,
        renamed=settings.renamed_classes,
        on_bad_line=on_bad_line,
    )
    images = quarantine.screened(samples, dataset.images(samples), screen.check)
    samples = [sample for sample in samples if sample.path not in quarantine.paths]
    backend = make_backend(make_estimator(settings), settings)
    _log.info("evaluating %d models on %d samples", len(settings.model_urls), len(samples))
    judged: list[Metrics] = []
    answered: list[Answers] = []
    tested: list[Answers] = []
    for model in settings.model_urls:
        session.load(backend, model, Variable.MODEL_URLS)
        evaluate_on = partial(backend.evaluate, batch_size=settings.batch_size, with_answers=True)
        metrics: Metrics = evaluate_on(images, with_confidence=True, on_unreadable=quarantine.add)
        answers, confidence = metrics.pop(_ANSWERS), metrics.pop(_CONFIDENCE)
        again = evaluate_on(forgetting.images, on_unreadable=_leave_out)[_ANSWERS]
        answered.append(outcomes(forgetting.samples, again) | outcomes(samples, answers))
        test = evaluate_on(test_set.images, on_unreadable=_leave_out)[_ANSWERS]
        tested.append(outcomes(test_set.samples, test))
        if model == candidate:
            _record_confidence(folder, candidate, confidence)
            forgetting.record(samples, answers)
        judged.append(_meaningful(metrics) | forgetting.measure(again))
    figures = zip(_test_metrics(tested), judged, decision_metrics(answered), strict=True)
    judged = [test | own | paired for test, own, paired in figures]
    for model, metrics in zip(settings.model_urls, judged, strict=True):
        _log.info("%s: %s", model, metrics)
    quarantine.record()
    session.report_evaluated(
        settings.model_urls, [metrics | quarantine.metrics for metrics in judged]
    )


def _test_metrics(tested: Sequence[Answers]) -> list[Metrics]:
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
