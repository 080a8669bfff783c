"""Reports on a job in one self-contained HTML page that opens from disk."""

import base64
import io
import math
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from backend.errors import ImageError
from backend.files import write_atomically
from backend.images.opening import opened
from backend.metrics import Metrics
from jobs.status import JobStatus, Outcome, Round, Stage, WorkerState
from workers.data.answers import HardExample

__all__ = ["write_report"]

_CONFUSION_MATRIX = "confusion_matrix"
_ACCURACY = "accuracy"
_TEST, _TEST_SAMPLES = "test_accuracy", "test_compared_samples"
_CURVES = {
    _TEST: "Accuracy on the test set",
    _ACCURACY: "Accuracy on each round's evaluation file",
}
_STOPPED = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit statuses of a worker that was told to end."""
_FORGETTING = "forgetting"
_FRACTIONS = {"accuracy", "precision", "recall", "f1", "probability", _FORGETTING}
"""Words in the names of metrics that are shares."""
_LESS_IS_BETTER = ("loss", _FORGETTING)
_EXAMPLES = 60
_EXAMPLE_PIXELS = 160


def write_report(status: JobStatus, target: Path) -> Path:
    """Write the report of ``status`` to ``target`` atomically, and return ``target``.

    The page contains its styles, its charts and at most 60 hard examples (the most uncertain ones,
    as thumbnails of at most 160 pixels); it loads nothing and runs no script. Hard examples whose
    picture or sidecar cannot be read are left out. Raises OSError if ``target`` cannot be written.
    """
    metric = status.accuracy_metric
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            status=status,
            updated=_last_moment(status),
            summary=_summary(status),
            accuracy=_newest_accuracy(status.rounds, metric),
            is_tested=metric == _TEST,
            stages=list(Stage),
            timeline=_timeline(status.rounds),
            charts=[
                (title, chart)
                for each, title in _CURVES.items()
                if (chart := _chart(status.rounds, each))
            ],
            rounds=[_round_section(round_, status) for round_ in status.rounds],
            inference_workers=[worker for worker in status.workers if worker.kind == "infer"],
            examples=_hard_examples(status.hard_examples) if status.hard_examples else [],
        )
    )
    write_atomically(target, page.encode(errors="replace"))
    return target


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("jobs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["stopped"] = _STOPPED
    environment.filters.update(
        utc=_utc, clock=_clock, duration=_duration, percent=_percent, file_link=_file_link
    )
    return environment


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%H:%M:%S}"


def _duration(seconds: float) -> str:
    """Return seconds in words: `0.4 s`, `42 s`, `2 min 05 s`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"  # noqa: PLR2004 - one digit
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02} min" if hours else f"{minutes} min {rest:02} s"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _file_link(path: Path) -> str:
    return path.absolute().as_uri()


def _last_moment(status: JobStatus) -> datetime:
    """Return the latest time in the status."""
    times = [status.started, *(condition.time for condition in status.conditions)]
    times += [round_.ended or round_.started for round_ in status.rounds]
    times += [worker.ended or worker.started for worker in status.workers]
    return max(times)


def _fraction(metrics: Metrics, name: str) -> float | None:
    """Return the metric if it is one number between 0 and 1."""
    value = next(iter(metrics.get(name, ())), math.nan)
    return value if 0 <= value <= 1 else None


def _newest_accuracy(rounds: list[Round], metric: str) -> float | None:
    """Return the deployed model's accuracy as measured by the newest round that did so."""
    for round_ in reversed(rounds):
        deployed = round_.outcome is Outcome.DEPLOYED
        value = _fraction(round_.candidate_metrics if deployed else round_.deployed_metrics, metric)
        if value is not None:
            return value
    return None


def _summary(status: JobStatus) -> str:
    """Return the outcome of the whole job in a sentence or two."""
    if not status.rounds:
        return f"No round has started: {status.samples.train_waiting} samples wait for training."
    outcomes = [round_.outcome for round_ in status.rounds]
    counts = [f"{outcomes.count(each)} {each}" for each in Outcome if each in outcomes]
    rounds = "1 round" if len(outcomes) == 1 else f"{len(outcomes)} rounds"
    return f"{rounds}: {', '.join(counts)}.{_gain(status.rounds, status.accuracy_metric)}"


def _gain(rounds: list[Round], metric: str) -> str:
    """Compare models on the same samples only: those of the test set, or of one round."""
    deployed = [each for each in rounds if each.outcome is Outcome.DEPLOYED]
    if not deployed:
        return ""
    measured = (_fraction(each.deployed_metrics, metric) for each in rounds)
    last = deployed[-1]
    before = (
        next((value for value in measured if value is not None), None)
        if metric == _TEST
        else _fraction(last.deployed_metrics, metric)
    )
    after = _fraction(last.candidate_metrics, metric)
    if before is None or after is None:
        return ""
    change = f"from {_percent(before)} to {_percent(after)}"
    if metric == _TEST:
        return f" The deployed model's accuracy on the test set went {change}."
    return f" Round {last.number} took it {change}, on the same held-out samples."


@dataclass(frozen=True)
class _Segment:
    """A stage of a round on the timeline; positions are percentages of the longest round."""

    stage: Stage
    started: datetime
    seconds: float
    width: float


def _timeline(rounds: list[Round]) -> list[list[_Segment]]:
    """Lay each round's stages end to end; all rounds share one scale."""
    longest = max((sum(each.seconds.values()) for each in rounds), default=0.0)
    return [list(_segments(each, longest)) for each in rounds]


def _segments(round_: Round, longest: float) -> Iterator[_Segment]:
    started = round_.started
    for stage in Stage:
        seconds = round_.seconds.get(stage, 0.0)
        if seconds > 0:
            yield _Segment(stage, started, seconds, 100 * seconds / longest)
            started += timedelta(seconds=seconds)


class _Point(NamedTuple):
    x: float
    y: float
    round: Round
    judged: int
    value: float


class _Column(NamedTuple):
    """A round on the chart's axis; ``x`` is its middle."""

    x: float
    round: Round
    judged: int
    """How many samples the accuracy is of."""
    forgetting: str
    """Empty if it was not measured."""


@dataclass(frozen=True)
class _Chart:
    """The accuracy chart, in the SVG's own units."""

    width: float
    left: float
    bottom: float
    columns: list[_Column]
    ticks: list[tuple[float, float]]
    deployed: list[_Point]
    candidate: list[_Point]
    forgets: bool


_TOP, _BOTTOM, _LEFT, _RIGHT = 24.0, 204.0, 80.0, 8.0
_LEAST_WIDTH, _LEAST_COLUMN = 460.0, 62.0
_TICK_STEPS = (0.02, 0.05, 0.1, 0.2)


def _chart(rounds: list[Round], metric: str) -> _Chart | None:
    """Return the chart of a metric of both models, or None if no round has any."""
    deployed = [_fraction(round_.deployed_metrics, metric) for round_ in rounds]
    candidate = [_fraction(round_.candidate_metrics, metric) for round_ in rounds]
    values = [value for value in deployed + candidate if value is not None]
    if not values:
        return None
    ticks = _ticks(min(values), max(values))
    width = max(_LEAST_COLUMN, (_LEAST_WIDTH - _LEFT - _RIGHT) / len(rounds))
    columns = [
        _Column(
            _LEFT + (place + 0.5) * width,
            round_,
            _judged(round_, metric),
            _forgetting(round_, metric),
        )
        for place, round_ in enumerate(rounds)
    ]
    return _Chart(
        width=_LEFT + len(rounds) * width + _RIGHT,
        left=_LEFT,
        bottom=_BOTTOM,
        columns=columns,
        ticks=[(tick, _height(tick, ticks)) for tick in ticks],
        deployed=_points(columns, deployed, ticks),
        candidate=_points(columns, candidate, ticks),
        forgets=any(column.forgetting for column in columns),
    )


def _points(columns: list[_Column], values: list[float | None], ticks: list[float]) -> list[_Point]:
    return [
        _Point(column.x, _height(value, ticks), column.round, column.judged, value)
        for column, value in zip(columns, values, strict=True)
        if value is not None
    ]


def _height(value: float, ticks: list[float]) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _ticks(least: float, most: float) -> list[float]:
    """Return two to six round fractions from 0 to 1 that enclose both values."""
    span = most - least
    step = next((each for each in _TICK_STEPS if span <= 3 * each), _TICK_STEPS[-1])
    first, last = math.floor(least / step), math.ceil(most / step)
    if last == first:
        first, last = max(first - 1, 0), min(last + 1, round(1 / step))
    return [min(index * step, 1.0) for index in range(first, last + 1)]


def _judged(round_: Round, metric: str) -> int:
    if metric == _ACCURACY:
        return round_.eval_samples
    return int(next(iter(round_.candidate_metrics.get(_TEST_SAMPLES, ())), 0))


def _forgetting(round_: Round, metric: str) -> str:
    """Return it for the chart of the evaluation files: the test set tells it by itself."""
    values = round_.candidate_metrics.get(_FORGETTING, ()) if metric == _ACCURACY else ()
    return next(map(_forgotten, values), "")


def _forgotten(value: float) -> str:
    """Return what of the earlier rounds was lost, or learnt in addition."""
    return f"{_percent(-value)} gained" if value < 0 else _percent(value)


@dataclass(frozen=True)
class _Row:
    """One number of a metric, for both models, ready to be shown."""

    name: str
    deployed: str
    candidate: str
    difference: str
    trend: str


@dataclass(frozen=True)
class _Cell:
    count: str
    share: float


@dataclass(frozen=True)
class _Matrix:
    """A confusion matrix; a row's shares add up to 1 unless it is empty."""

    model: str
    rows: list[list[_Cell]]


@dataclass(frozen=True)
class _RoundSection:
    round: Round
    class_names: list[str]
    rows: list[_Row]
    class_rows: list[tuple[str, list[_Row]]]
    matrices: list[_Matrix]
    workers: list[WorkerState]


def _round_section(round_: Round, status: JobStatus) -> _RoundSection:
    """Group a round's metrics into single figures, figures per class, and confusion matrices."""
    classes = round_.class_names or status.class_names
    matrices = list(_matrices(round_, len(classes)))
    rows: list[_Row] = []
    class_rows: list[tuple[str, list[_Row]]] = []
    for name in dict.fromkeys([*round_.deployed_metrics, *round_.candidate_metrics]):
        deployed = round_.deployed_metrics.get(name, [])
        candidate = round_.candidate_metrics.get(name, [])
        size = max(len(deployed), len(candidate))
        if name == _CONFUSION_MATRIX and matrices:
            continue
        if size == len(classes) > 1:
            class_rows.append((name, _metric_rows(name, classes, deployed, candidate)))
        else:
            rows += _metric_rows(name, _indexed(name, size), deployed, candidate)
    workers = _workers_of(round_, status.workers)
    return _RoundSection(round_, classes, rows, class_rows, matrices, workers)


def _indexed(name: str, size: int) -> list[str]:
    return [name] if size == 1 else [f"{name}[{index}]" for index in range(size)]


def _metric_rows(
    metric: str, labels: Iterable[str], deployed: list[float], candidate: list[float]
) -> list[_Row]:
    pairs = zip_longest(labels, deployed, candidate)
    return [_row(metric, label, before, after) for label, before, after in pairs]


def _row(metric: str, label: str, deployed: float | None, candidate: float | None) -> _Row:
    fraction = not _FRACTIONS.isdisjoint(metric.split("_"))
    difference, trend = "—", ""
    if deployed is not None and candidate is not None:
        change = candidate - deployed
        difference = f"{100 * change:+.1f} pp" if fraction else f"{change:+.4g}"
        trend = _trend(metric, change) if fraction or metric in _LESS_IS_BETTER else ""
    before, after = _figure(metric, deployed, fraction), _figure(metric, candidate, fraction)
    return _Row(label, before, after, difference, trend)


def _trend(metric: str, change: float) -> str:
    gain = -change if metric in _LESS_IS_BETTER else change
    return "better" if gain > 0 else "worse" if gain < 0 else ""


def _figure(metric: str, value: float | None, fraction: bool) -> str:
    if value is None:
        return "—"
    if metric == _FORGETTING:
        return _forgotten(value)
    if fraction:
        return _percent(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def _matrices(round_: Round, classes: int) -> Iterator[_Matrix]:
    models = (("Deployed", round_.deployed_metrics), ("Candidate", round_.candidate_metrics))
    for model, metrics in models:
        counts = metrics.get(_CONFUSION_MATRIX, [])
        if counts and len(counts) == classes**2:
            starts = range(0, len(counts), classes)
            yield _Matrix(model, [_matrix_row(counts[at : at + classes]) for at in starts])


def _matrix_row(counts: list[float]) -> list[_Cell]:
    total = sum(counts)
    return [_Cell(f"{each:,.0f}", each / total if total > 0 else 0.0) for each in counts]


def _workers_of(round_: Round, workers: list[WorkerState]) -> list[WorkerState]:
    """Return the train and eval workers that started while the round ran."""
    return [
        worker
        for worker in workers
        if worker.kind != "infer"
        and round_.started <= worker.started
        and (round_.ended is None or worker.started <= round_.ended)
    ]


@dataclass(frozen=True)
class _Example:
    name: str
    sidecar: HardExample
    picture: str


def _hard_examples(folder: Path) -> list[_Example]:
    """Return the most uncertain hard examples that can be read, most uncertain first."""
    read = ((path, _read_sidecar(path)) for path in sorted(folder.glob("*.json")))
    hard = [(path, sidecar) for path, sidecar in read if sidecar is not None and sidecar.hard]
    hard.sort(key=lambda pair: pair[1].certainty)
    examples = (
        _Example(path.stem, sidecar, picture)
        for path, sidecar in hard
        if (picture := _thumbnail_or_none(path.parent / Path(sidecar.image).name))
    )
    return list(islice(examples, _EXAMPLES))


def _read_sidecar(path: Path) -> HardExample | None:
    try:
        return HardExample.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _thumbnail_or_none(picture: Path) -> str | None:
    try:
        return _thumbnail(picture)
    except ImageError:
        return None


def _thumbnail(picture: Path) -> str:
    """Return ``picture`` as the data URI of a small JPEG."""
    buffer = io.BytesIO()
    with opened(picture, at_least=_EXAMPLE_PIXELS) as image:
        image.thumbnail((_EXAMPLE_PIXELS, _EXAMPLE_PIXELS))
        image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
