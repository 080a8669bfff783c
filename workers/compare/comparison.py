"""Asks each model about the samples of one index, and compares them with the first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from backend.errors import DatasetError, ImageError, SettingsError
from backend.images.decoding import DecodedOnce
from backend.images.preprocessing import LabelledImages
from backend.models import model_file
from workers.data.index_file import BadLine, Sample, read_index
from workers.data.screening import Screen
from workers.judgement import Comparison, Judgement, Share
from workers.learning.deciding import Answered, decision_metrics, gain_interval, outcomes
from workers.learning.estimators import make_backend, make_estimator
from workers.learning.settings import EstimatorSettings

__all__ = ["compare"]

_IMAGE_LIMIT_MIB = 64
_WITHOUT_FOLDER = "."

Answers = Mapping[str, Answered]


def compare(models: Sequence[Path], index: Path, environment: Mapping[str, str]) -> list[Judgement]:
    """Judge models on an index, each with its own input size and network.

    A model file says what it was trained for; of one that does not, such as ``.npz``, the
    variables ``class_names``, ``input_shape`` and ``network`` of ``environment`` do.

    Raises ModelFileError for an unusable model, SettingsError if a model's classes are not known
    or the models do not tell the same classes apart, and DatasetError if the index cannot be read
    or nothing of it can be used.
    """
    settings = [_settings(model, environment) for model in models]
    classes = settings[0].class_names
    for model, each in zip(models, settings, strict=True):
        if set(each.class_names) != set(classes):
            raise SettingsError(
                f"{model} tells apart {', '.join(each.class_names)}, but {models[0]} "
                f"{', '.join(classes)}: compare models of the same classes."
            )
    left_out: list[str] = []

    def on_bad_line(line: BadLine) -> None:
        left_out.append(f"line {line.number}: {line.reason}")

    samples = read_index(
        index, classes, renamed=settings[0].renamed_classes, on_bad_line=on_bad_line
    )
    samples = _openable(samples, index.parent, left_out)
    images = DecodedOnce([index.parent / sample.path for sample in samples])
    answers = [
        _answers(model, each, samples, images, classes)
        for model, each in zip(models, settings, strict=True)
    ]
    shared = set.intersection(*map(set, answers))
    left_out += [
        f"{sample.path}: is not an image" for sample in samples if sample.path not in shared
    ]
    if not shared:
        reason = f" ({left_out[0]})" if left_out else ""
        raise DatasetError(f"{index}: contains no sample that can be used{reason}: add some.")
    asked = [{path: each[path] for path in shared} for each in answers]
    return [
        _judgement(model, each, asked[0], classes, left_out)
        for model, each in zip(models, asked, strict=True)
    ]


def _settings(model: Path, environment: Mapping[str, str]) -> EstimatorSettings:
    card = model_file.read(model).card
    told = {}
    if card:
        told = {"class_names": ",".join(card.class_names), "input_shape": str(card.input_size)}
        if card.network:
            told["network"] = card.network
    try:
        return EstimatorSettings.from_environment({**environment, **told})
    except SettingsError as error:
        raise SettingsError(f"{model} does not say what it was trained for: {error}.") from None


def _openable(samples: Iterable[Sample], folder: Path, left_out: list[str]) -> list[Sample]:
    screen = Screen([folder], _IMAGE_LIMIT_MIB)
    passed = []
    for sample in samples:
        try:
            screen.check(folder / sample.path)
        except ImageError as error:
            left_out.append(str(error))
        else:
            passed.append(sample)
    return passed


def _answers(
    model: Path,
    settings: EstimatorSettings,
    samples: Sequence[Sample],
    images: DecodedOnce,
    classes: Sequence[str],
) -> Answers:
    """Return what the model makes of the samples, whose labels are numbers of ``classes``."""
    backend = make_backend(make_estimator(settings), settings)
    backend.load(str(model))
    own = [settings.class_names.index(name) for name in classes]
    data = LabelledImages(images, [own[sample.label] for sample in samples])
    metrics = backend.evaluate(data, with_answers=True, on_unreadable=lambda *_: None)
    numbers = {own_number: number for number, own_number in enumerate(own)}
    return outcomes(samples, [numbers.get(int(answer), -1) for answer in metrics["answers"]])


def _judgement(
    model: Path, answers: Answers, first: Answers, classes: Sequence[str], left_out: list[str]
) -> Judgement:
    is_first = answers is first
    figures = decision_metrics([answers] if is_first else [answers, first])[0]
    return Judgement(
        model=str(model),
        total=_shares(("", each) for each in answers.values())[""],
        balanced_accuracy=figures["balanced_accuracy"][0],
        worst_recall=figures["worst_recall"][0],
        classes=_shares((classes[each.label], each) for each in answers.values()),
        folders=_shares((_top_folder(path), each) for path, each in answers.items()),
        left_out=left_out,
        against_first=None
        if is_first
        else _comparison(answers, first, figures["better_probability"][0]),
    )


def _comparison(answers: Answers, first: Answers, better_probability: float) -> Comparison:
    pairs = [(answers[path].is_right, first[path].is_right) for path in answers]
    counts = [pairs.count(each) for each in ((True, True), (True, False), (False, True))]
    both, better, worse = counts
    low, high = gain_interval(both, better, worse, len(pairs) - sum(counts))
    return Comparison(
        better_probability=better_probability,
        gain=(better - worse) / len(pairs),
        gain_low=low,
        gain_high=high,
    )


def _shares(answers: Iterable[tuple[str, Answered]]) -> dict[str, Share]:
    groups = defaultdict[str, list[bool]](list)
    for name, answer in answers:
        groups[name].append(answer.is_right)
    return {
        name: Share(right=sum(groups[name]), samples=len(groups[name])) for name in sorted(groups)
    }


def _top_folder(path: str) -> str:
    parts = PurePosixPath(path).parts
    return parts[0] if len(parts) > 1 else _WITHOUT_FOLDER
