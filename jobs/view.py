"""Shows a job while it runs: a live display on a terminal, one line per change elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TextIO

from pydantic_core import to_json
from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.runner import OnStatus
from jobs.status import (
    Condition,
    ConditionType,
    JobStatus,
    Outcome,
    Round,
    Samples,
    Stage,
    WorkerState,
)

__all__ = ["open_view", "render"]

_ROUNDS_SHOWN = 6
_WORKERS_SHOWN = 3
_BAR_COLUMNS = 24
_ROUND_FIELDS = {
    *("outcome", "reason", "train_samples", "eval_samples", "seconds"),
    *("deployed_metrics", "candidate_metrics"),
}
_STAGE_WORKER = {Stage.TRAIN: "train", Stage.EVAL: "eval", Stage.DEPLOY: "infer"}
_STARTED = (ConditionType.STARTING, ConditionType.RUNNING)
_MARKS = {
    ConditionType.COMPLETED: ("✓", "green"),
    ConditionType.FAILED: ("✗", "bold red"),
    ConditionType.RUNNING: ("●", "bold cyan"),
}
_OUTCOME_STYLE = {
    Outcome.RUNNING: "cyan",
    Outcome.DEPLOYED: "green",
    Outcome.REJECTED: "yellow",
    Outcome.FAILED: "red",
}


@contextmanager
def open_view(*, json: bool, stream: TextIO | None = None) -> Iterator[OnStatus]:
    """Yield what shows a job, status by status, as suits ``stream`` (default: standard output).

    A terminal gets a live display. Anything else gets one plain line for each new condition,
    round end, restart, problem and note. With ``json`` each of those is one JSON object on a line:

    - all: ``event`` (``condition``, ``round``, ``restart``, ``problem``, ``note``), ``time``
      (RFC 3339, UTC), ``job``, ``namespace``, ``round`` (from 1);
    - ``condition``: ``stage``, ``type``, ``worker`` (name, or empty), ``message``, and ``data``,
      Sedna's JSON text;
    - ``round``: ``outcome``, ``reason``, ``train_samples``, ``eval_samples``, ``seconds`` (stage
      to seconds), ``deployed_metrics`` and ``candidate_metrics`` (name to list of numbers);
    - ``restart``: ``worker``, ``restarts`` (so far) and ``exit_status`` (or null);
    - ``problem``: ``sentence``, what keeps the job from continuing;
    - ``note``: ``sentence``, what to know about the job, which continues.

    The first status of a job that is already running gives its whole history.
    """
    out = stream if stream is not None else sys.stdout
    if out.isatty() and not json:
        console = Console(file=out, highlight=False)
        with _Display(console=console, refresh_per_second=2) as display:
            yield display.show
        return
    changes, to_line = _Changes(), _Change.json if json else _Change.line

    def write(status: JobStatus) -> None:
        out.writelines(f"{to_line(change)}\n" for change in changes.of(status))
        out.flush()

    yield write


def render(status: JobStatus, now: datetime) -> RenderableType:
    """Return the live display of ``status``: always at most about twenty lines."""
    parts = [_heading(status, now), Text(), _progress(status, now)]
    if status.rounds:
        parts += [Text(), _rounds_table(status, now), Text(), _verdict(status.rounds)]
    return Padding(Group(*parts), (1, 2, 0, 2))


class _Change(NamedTuple):
    fields: dict[str, object]
    """As `open_view` describes them."""
    words: tuple[str, ...]
    """The fields that a person needs."""
    time: datetime

    def json(self) -> str:
        return to_json(self.fields, inf_nan_mode="null").decode()

    def line(self) -> str:
        parts = (f"{self.time:%Y-%m-%dT%H:%M:%SZ}", f"round {self.fields['round']}", *self.words)
        return "  ".join(_one_line(part) for part in parts if part)


class _Changes:
    """Finds what is new in a status compared with the previous ones."""

    def __init__(self) -> None:
        self._conditions = 0
        self._rounds: set[int] = set()
        self._restarts: dict[str, int] = {}
        self._sentences: dict[str, tuple[str, int]] = {}

    def of(self, status: JobStatus) -> list[_Change]:
        """Return the changes in order of time; each is returned once."""
        changes = [*self._new_conditions(status), *self._new_ends(status), *self._restarted(status)]
        changes.sort(key=lambda change: change.time)
        return [*changes, *self._new_sentences(status)]

    def _new_conditions(self, status: JobStatus) -> Iterator[_Change]:
        new = _numbered(status.conditions)[self._conditions :]
        self._conditions = len(status.conditions)
        for number, each in new:
            worker = _worker_of(each, status.workers)
            words = (each.stage, each.type, worker, each.message)
            fields = each.model_dump(include={"stage", "type", "message", "data"})
            yield _change("condition", status, each.time, number, words, worker=worker, **fields)

    def _new_ends(self, status: JobStatus) -> Iterator[_Change]:
        for each in status.rounds:
            if each.ended is None or each.number in self._rounds:
                continue
            self._rounds.add(each.number)
            deployed, candidate, points = _accuracies(each, status.accuracy_metric)
            name = _metric_name(status)
            accuracy = f"{name} {deployed} -> {candidate} ({points} points)" if points else ""
            seconds = f"{sum(each.seconds.values()):.0f} s"
            words = (each.outcome, seconds, accuracy, each.reason)
            fields = each.model_dump(include=_ROUND_FIELDS)
            yield _change("round", status, each.ended, each.number, words, **fields)

    def _restarted(self, status: JobStatus) -> Iterator[_Change]:
        for each in status.workers:
            if each.restarts <= self._restarts.get(each.name, 0):
                continue
            self._restarts[each.name] = each.restarts
            exited = "" if each.exit_status is None else f"exit status {each.exit_status}"
            words = ("restart", each.name, f"restarts {each.restarts}", exited)
            fields = each.model_dump(include={"restarts", "exit_status"})
            number = _current_round(status)
            yield _change(
                "restart", status, each.started, number, words, worker=each.name, **fields
            )

    def _new_sentences(self, status: JobStatus) -> Iterator[_Change]:
        """Report a sentence that comes and goes again only when the job has advanced."""
        for event, sentence in {"note": status.note, "problem": status.problem}.items():
            told, conditions = self._sentences.get(event, ("", 0))
            if not sentence and len(status.conditions) > conditions:
                self._sentences.pop(event, None)
            if not sentence or sentence == told:
                continue
            self._sentences[event] = (sentence, len(status.conditions))
            words, now = (event, sentence), datetime.now(UTC)
            number = _current_round(status)
            yield _change(event, status, now, number, words, sentence=sentence)


def _change(
    event: str,
    status: JobStatus,
    time: datetime,
    number: int,
    words: tuple[str, ...],
    **fields: object,
) -> _Change:
    utc = time.astimezone(UTC)
    job = {"job": status.name, "namespace": status.namespace, "round": number}
    return _Change({"event": event, "time": utc, **job, **fields}, words, utc)


class _Display(Live):
    """A live display that survives a resize.

    A terminal that becomes narrower wraps the lines already shown, so that Live, which moves the
    cursor up by the lines it wrote, would leave some of them behind.
    """

    _drawn_at: ConsoleDimensions | None = None
    _status: JobStatus | None = None

    def show(self, status: JobStatus) -> None:
        """Show a status."""
        self._status = status
        self.refresh()

    def get_renderable(self) -> RenderableType:
        """Return the newest status as it looks now: its clocks go on."""
        return render(self._status, datetime.now(UTC)) if self._status else Text()

    def refresh(self) -> None:
        """Redraw; on an empty screen if the terminal's size has changed."""
        size = self.console.size
        if self._drawn_at not in (None, size):
            self.console.clear()
        self._drawn_at = size
        super().refresh()


def _numbered(conditions: list[Condition]) -> list[tuple[int, Condition]]:
    """Pair each condition with its round: each (repeated) Train Waiting begins one."""
    number, waiting, numbered = 0, False, []
    for condition in conditions:
        before = waiting
        waiting = (condition.stage, condition.type) == (Stage.TRAIN, ConditionType.WAITING)
        number += waiting and not before
        numbered.append((max(number, 1), condition))
    return numbered


def _current_round(status: JobStatus) -> int:
    return _numbered(status.conditions)[-1][0] if status.conditions else 1


def _worker_of(condition: Condition, workers: list[WorkerState]) -> str:
    """Return the name of the worker that ``condition`` says is starting or running."""
    if condition.type not in _STARTED:
        return ""
    kind = _STAGE_WORKER[condition.stage]
    fitting = [each for each in workers if each.kind == kind and each.started <= condition.time]
    return max(fitting, key=lambda each: each.started).name if fitting else ""


def _one_line(text: str) -> str:
    """Return ``text``, which may come from a worker, without line ends and terminal codes."""
    words = " ".join(Text.from_ansi(text.replace("\r", "\n")).plain.split())
    return "".join(character for character in words if character.isprintable())


def _clock(elapsed: timedelta) -> str:
    """Return ``m:ss`` or ``h:mm:ss``."""
    minutes, seconds = divmod(max(int(elapsed.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _heading(status: JobStatus, now: datetime) -> RenderableType:
    heading = Table.grid(expand=True)
    heading.add_column(no_wrap=True, overflow="ellipsis")
    heading.add_column(justify="right", no_wrap=True)
    name = Text.assemble((_one_line(status.name), "bold"), f"  {_one_line(status.namespace)}")
    heading.add_row(name, Text(f"{status.runner}  {_clock(now - status.started)}", style="dim"))
    return heading


def _progress(status: JobStatus, now: datetime) -> RenderableType:
    """Return the labelled lines: stages, samples and running workers."""
    lines = Table.grid(padding=(0, 3, 0, 0))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column()
    lines.add_row(f"Round {_current_round(status)}", _stages(status.conditions))
    lines.add_row("Samples", _samples(status.samples))
    running = [worker for worker in status.workers if worker.ended is None]
    for worker in sorted(running, key=lambda each: each.started)[-_WORKERS_SHOWN:]:
        lines.add_row(worker.kind.capitalize(), _worker_line(worker, now))
    if status.problem:
        lines.add_row("Problem", Text(_one_line(status.problem), style="red"))
    if status.note:
        lines.add_row("Note", Text(_one_line(status.note), style="dim"))
    return lines


def _stages(conditions: list[Condition]) -> Text:
    numbered = _numbered(conditions)
    newest = {each.stage: each.type for number, each in numbered if number == numbered[-1][0]}
    arrow = Text.assemble(("  →  ", "dim"))
    return arrow.join(_stage(stage, newest.get(stage)) for stage in Stage)


def _stage(stage: Stage, condition: ConditionType | None) -> Text:
    if condition is None:
        return Text(f"○ {stage}", style="dim")
    mark, style = _MARKS.get(condition, ("◌", "yellow"))
    return Text.assemble((f"{mark} ", style), (stage, "default"), (f" {condition}", style))


def _samples(samples: Samples) -> RenderableType:
    line = Table.grid(padding=(0, 2, 0, 0))
    figures = Text.assemble(
        (f"{samples.eval_waiting} for evaluation, {samples.total} in the index", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
    if samples.needed <= 0:
        line.add_row(f"{samples.train_waiting} waiting", figures)
        return line
    bar = ProgressBar(
        total=samples.needed,
        completed=samples.train_waiting,
        width=_BAR_COLUMNS,
        complete_style="cyan",
        finished_style="green",
    )
    line.add_row(bar, Text(f"{samples.train_waiting} of {samples.needed:g}", no_wrap=True), figures)
    return line


def _worker_line(worker: WorkerState, now: datetime) -> Text:
    restarts = f"  restarts {worker.restarts}" if worker.restarts else ""
    return Text.assemble(
        worker.name,
        (f"  {_clock(now - worker.started)}", "cyan"),
        (restarts, "red"),
        (f"  {_one_line(worker.last_line)}", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _rounds_table(status: JobStatus, now: datetime) -> RenderableType:
    accuracy = _metric_name(status).capitalize()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for header in ("Round", "Outcome", "Samples", accuracy, "Points", "Time"):
        right = header not in ("Outcome", accuracy)
        table.add_column(header, justify="right" if right else "left", no_wrap=True)
    table.add_column("Reason")
    for round_ in status.rounds[-_ROUNDS_SHOWN:]:
        table.add_row(*_round_cells(round_, status.accuracy_metric, now))
    return table


def _round_cells(round_: Round, metric: str, now: datetime) -> Iterator[RenderableType]:
    yield str(round_.number)
    yield Text(round_.outcome, style=_OUTCOME_STYLE[round_.outcome])
    yield f"{round_.train_samples} + {round_.eval_samples}"
    deployed, candidate, points = _accuracies(round_, metric)
    yield f"{deployed} → {candidate}" if points else ""
    yield points
    yield _clock((round_.ended or now) - round_.started)
    yield Text(_one_line(round_.reason), style="dim", no_wrap=True, overflow="ellipsis")


def _metric_name(status: JobStatus) -> str:
    return status.accuracy_metric.replace("_", " ")


def _accuracies(round_: Round, metric: str) -> tuple[str, str, str]:
    """Return the accuracies and the points gained, or blanks before both are known."""
    deployed, candidate = (
        next(iter(metrics.get(metric, ())), None)
        for metrics in (round_.deployed_metrics, round_.candidate_metrics)
    )
    if deployed is None or candidate is None:
        return "", "", ""
    return f"{deployed:.1%}", f"{candidate:.1%}", f"{100 * (candidate - deployed):+.1f}"


def _verdict(rounds: list[Round]) -> Text:
    """Return how the newest ended round ended, in full, since the table may truncate it."""
    ended = [round_ for round_ in rounds if round_.ended is not None]
    if not ended:
        return Text()
    last = ended[-1]
    return Text.assemble(
        (f"Round {last.number} {last.outcome}", _OUTCOME_STYLE[last.outcome]),
        (f"  {_one_line(last.reason)}", "dim"),
    )
