import io
import json
import math
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

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
from jobs.view import open_view, render

START = datetime(2026, 11, 22, 11, 45, 39, tzinfo=UTC)
FIRST_ROUND = [
    (0, Stage.TRAIN, ConditionType.WAITING),
    (10, Stage.TRAIN, ConditionType.READY),
    (12, Stage.TRAIN, ConditionType.RUNNING),
    (60, Stage.TRAIN, ConditionType.COMPLETED),
    (60, Stage.EVAL, ConditionType.WAITING),
    (62, Stage.EVAL, ConditionType.RUNNING),
    (70, Stage.EVAL, ConditionType.COMPLETED),
    (70, Stage.DEPLOY, ConditionType.WAITING),
    (71, Stage.DEPLOY, ConditionType.COMPLETED),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ResizableTerminal(Terminal):
    """Shows ``rows`` like a terminal that wraps its lines when it becomes narrower."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.rows = [""]
        self.row = 0

    def resize(self, width: int) -> None:
        ends = sum(max(1, math.ceil(len(row) / width)) for row in self.rows[: self.row + 1])
        self.rows = [
            row[start : start + width]
            for row in self.rows
            for start in range(0, max(len(row), 1), width)
        ]
        self.width, self.row = width, ends - 1

    def write(self, text: str) -> int:
        for piece in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|[^\x1b]", text):
            self._take(piece)
        return len(text)

    def _take(self, piece: str) -> None:
        if piece == "\x1b[2J":
            self.rows = [""] * len(self.rows)
        elif piece == "\x1b[2K":
            self.rows[self.row] = ""
        elif piece == "\x1b[H":
            self.row = 0
        elif piece == "\x1b[1A":
            self.row = max(self.row - 1, 0)
        elif piece == "\n":
            self.row += 1
            self.rows += [""] * (self.row == len(self.rows))
        elif len(piece) == 1 and piece != "\r":
            self.rows[self.row] += piece


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def conditions(*entries: tuple[float, Stage, ConditionType]) -> list[Condition]:
    return [Condition(time=at(second), stage=stage, type=type_) for second, stage, type_ in entries]


def worker(name: str, kind: str, second: float, **fields: object) -> WorkerState:
    return WorkerState.model_validate({"name": name, "kind": kind, "started": at(second), **fields})


def ended_round(number: int = 1, outcome: Outcome = Outcome.DEPLOYED) -> Round:
    return Round(
        number=number,
        started=at(10),
        ended=at(71.5),
        outcome=outcome,
        reason="accuracy_delta[0] is 0.255, which is > 0.02.",
        train_samples=160,
        eval_samples=40,
        seconds={Stage.TRAIN: 50.2, Stage.EVAL: 10.1, Stage.DEPLOY: 1.2},
        deployed_metrics={"accuracy": [0.61]},
        candidate_metrics={"accuracy": [0.865]},
    )


def job(**fields: object) -> JobStatus:
    """A job in its second round: training."""
    later = [(90, Stage.TRAIN, ConditionType.READY), (92, Stage.TRAIN, ConditionType.RUNNING)]
    values: dict[str, object] = {
        "name": "dog-croissants",
        "namespace": "default",
        "runner": "standalone",
        "started": START,
        "conditions": conditions(*FIRST_ROUND, (72, Stage.TRAIN, ConditionType.WAITING), *later),
        "samples": Samples(total=413, train_waiting=48, eval_waiting=12, needed=160),
        "rounds": [ended_round(), Round(number=2, started=at(90), train_samples=160)],
        "workers": [
            worker("inferworker-k3w9d", "infer", 0, last_line="dog 98.2 % in 4 ms"),
            worker("train-worker-m2x8q", "train", 11, ended=at(60), exit_status=0),
            worker("eval-worker-h7v4c", "eval", 61, ended=at(70), exit_status=0),
            worker("train-worker-b6n1s", "train", 91, last_line="epoch 3 of 5, loss 0.41"),
        ],
        "class_names": ["croissant", "dog"],
    }
    return JobStatus.model_validate(values | fields)


def lines(*statuses: JobStatus) -> list[str]:
    stream = io.StringIO()
    with open_view(json=False, stream=stream) as view:
        for status in statuses:
            view(status)
    return stream.getvalue().splitlines()


def objects(*statuses: JobStatus) -> list[dict[str, object]]:
    stream = io.StringIO()
    with open_view(json=True, stream=stream) as view:
        for status in statuses:
            view(status)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def screen(status: JobStatus, *, width: int = 100, now: datetime | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(render(status, now or at(134)))
    return console.export_text()


def test_each_condition_is_one_line_with_its_round_and_worker() -> None:
    shown = lines(job(rounds=[]))

    assert shown[:3] == [
        "2026-11-22T11:45:39Z  round 1  Train  Waiting",
        "2026-11-22T11:45:49Z  round 1  Train  Ready",
        "2026-11-22T11:45:51Z  round 1  Train  Running  train-worker-m2x8q",
    ]
    assert shown[-1] == "2026-11-22T11:47:11Z  round 2  Train  Running  train-worker-b6n1s"
    assert len(shown) == len(FIRST_ROUND) + 3


def test_only_what_is_new_is_shown() -> None:
    before, after = job(rounds=[]), job(rounds=[])
    before.conditions = before.conditions[:2]

    assert lines(before, before, after, after) == lines(after)


def test_a_status_that_its_owner_changes_in_place_is_shown_too() -> None:
    status = job(conditions=[], rounds=[])
    stream = io.StringIO()
    with open_view(json=False, stream=stream) as view:
        view(status)
        status.conditions.extend(conditions(*FIRST_ROUND[:1]))
        view(status)

    assert stream.getvalue() == "2026-11-22T11:45:39Z  round 1  Train  Waiting\n"


def test_the_end_of_a_round_is_a_line_with_the_figures_and_the_reason() -> None:
    assert lines(job(conditions=[])) == [
        "2026-11-22T11:46:50Z  round 1  deployed  62 s  accuracy 61.0% -> 86.5% (+25.5 points)"
        "  accuracy_delta[0] is 0.255, which is > 0.02."
    ]


def test_a_round_that_failed_before_it_was_judged_has_no_figures() -> None:
    failed = Round(
        number=1,
        started=START,
        ended=at(4),
        outcome=Outcome.FAILED,
        reason="train-worker-p0rtz ended with exit status 3.",
        seconds={Stage.TRAIN: 4.0},
    )

    assert lines(job(conditions=[], rounds=[failed])) == [
        "2026-11-22T11:45:43Z  round 1  failed  4 s  train-worker-p0rtz ended with exit status 3."
    ]


def test_a_restart_of_a_worker_is_shown_once() -> None:
    calm = job(rounds=[])
    restarted = calm.model_copy(deep=True)
    restarted.workers[3].restarts = 1
    restarted.workers[3].started = at(100)
    restarted.workers[3].exit_status = 75

    assert lines(calm, restarted, restarted)[-1:] == [
        "2026-11-22T11:47:19Z  round 2  restart  train-worker-b6n1s  restarts 1  exit status 75"
    ]
    assert len(lines(calm, restarted, restarted)) == len(lines(calm)) + 1


def test_a_failed_stage_ends_its_round() -> None:
    failed = conditions(
        (0, Stage.TRAIN, ConditionType.WAITING),
        (5, Stage.TRAIN, ConditionType.FAILED),
        (6, Stage.TRAIN, ConditionType.WAITING),
        (6, Stage.TRAIN, ConditionType.WAITING),
        (9, Stage.TRAIN, ConditionType.READY),
    )

    rounds = [change["round"] for change in objects(job(conditions=failed, rounds=[]))]

    assert rounds == [1, 1, 2, 2, 2]


def test_messages_cannot_break_lines_or_reach_the_terminal() -> None:
    status = job(rounds=[], conditions=conditions(FIRST_ROUND[0]))
    status.conditions[0].message = "two\nlines \x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07"

    (line,) = lines(status)

    assert line.startswith("2026-11-22T11:45:39Z  round 1  Train  Waiting  two lines red")
    assert line.isprintable()


@settings(deadline=None)
@given(message=st.text())
def test_a_change_is_always_one_printable_line(message: str) -> None:
    status = job(rounds=[], conditions=conditions(FIRST_ROUND[0]))
    status.conditions[0].message = message

    stream = io.StringIO()
    with open_view(json=False, stream=stream) as view:
        view(status)

    assert stream.getvalue()[:-1].isprintable()


def test_json_lines_carry_the_documented_fields() -> None:
    changes = objects(job())

    assert changes[2] == {
        "event": "condition",
        "time": "2026-11-22T11:45:51Z",
        "job": "dog-croissants",
        "namespace": "default",
        "round": 1,
        "stage": "Train",
        "type": "Running",
        "worker": "train-worker-m2x8q",
        "message": "",
        "data": "",
    }
    assert next(change for change in changes if change["event"] == "round") == {
        "event": "round",
        "time": "2026-11-22T11:46:50.500000Z",
        "job": "dog-croissants",
        "namespace": "default",
        "round": 1,
        "outcome": "deployed",
        "reason": "accuracy_delta[0] is 0.255, which is > 0.02.",
        "train_samples": 160,
        "eval_samples": 40,
        "seconds": {"Train": 50.2, "Eval": 10.1, "Deploy": 1.2},
        "deployed_metrics": {"accuracy": [0.61]},
        "candidate_metrics": {"accuracy": [0.865]},
    }


@pytest.mark.parametrize("kind", ["problem", "note"])
def test_a_sentence_that_comes_and_goes_is_told_again_only_when_the_job_has_advanced(
    kind: str,
) -> None:
    calm, stuck = job(), job(**{kind: "dogs-train-x: no such\nimage"})
    advanced = job(conditions=[*calm.conditions, calm.conditions[0]])
    sentence = f"  round 2  {kind}  dogs-train-x: no such image"

    told = [line.split("Z", 1)[1] for line in lines(calm, stuck, stuck, calm, stuck)]
    assert told[-1] == sentence
    assert len(told) == len(lines(calm)) + 1

    told = [line.split("Z", 1)[1] for line in lines(stuck, advanced, stuck)]
    assert told.count(sentence) == 2
    assert "dogs-train-x: no such image" in screen(stuck)
    assert objects(stuck)[-1]["sentence"] == "dogs-train-x: no such\nimage"


def test_json_tells_of_restarts() -> None:
    status = job(rounds=[])
    status.workers[0].restarts = 2

    (restart,) = [change for change in objects(status) if change["event"] == "restart"]

    assert (restart["worker"], restart["restarts"], restart["exit_status"]) == (
        "inferworker-k3w9d",
        2,
        None,
    )


def test_json_has_null_for_what_json_cannot_say() -> None:
    status = job(conditions=[])
    status.rounds[0].candidate_metrics = {"accuracy": [math.nan]}

    assert objects(status)[0]["candidate_metrics"] == {"accuracy": [None]}


def test_changes_come_in_order_of_time() -> None:
    times = [str(change["time"])[:19] for change in objects(job())]

    assert times == sorted(times)


def test_screen_shows_the_stages_of_the_current_round() -> None:
    text = screen(job())

    assert "Round 2" in text
    assert "● Train Running  →  ○ Eval  →  ○ Deploy" in text


def test_screen_shows_samples_against_the_trigger() -> None:
    assert "48 of 160" in screen(job())
    assert "12 for evaluation, 413 in the index" in screen(job())


def test_screen_shows_samples_without_a_threshold() -> None:
    assert "48 waiting" in screen(job(samples=Samples(train_waiting=48)))


def test_screen_shows_running_workers_with_elapsed_time_and_last_line() -> None:
    text = screen(job())

    assert "train-worker-b6n1s  0:43  epoch 3 of 5, loss 0.41" in text
    assert "inferworker-k3w9d  2:14  dog 98.2 % in 4 ms" in text
    assert "train-worker-m2x8q" not in text


def test_screen_shows_rounds_with_accuracy_and_gain() -> None:
    row = next(line for line in screen(job()).splitlines() if "deployed" in line)

    assert row.split()[:10] == [
        "1",
        "deployed",
        "160",
        "+",
        "40",
        "61.0%",
        "→",
        "86.5%",
        "+25.5",
        "1:01",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_screen_keeps_to_twenty_lines_and_its_width(width: int) -> None:
    status = job(rounds=[ended_round(number) for number in range(1, 100)])
    status.workers = [
        worker(f"train-worker-{index:05}", "train", index, last_line="long " * 100)
        for index in range(9)
    ]

    shown = screen(status, width=width).splitlines()

    assert len(shown) <= 20
    assert max(map(len, shown)) <= width


def test_screen_has_the_whole_reason_of_the_round_that_ended_last() -> None:
    assert "Round 1 deployed  accuracy_delta[0] is 0.255, which is > 0.02." in screen(job())


def test_screen_of_a_job_that_has_only_just_begun() -> None:
    text = screen(JobStatus(name="fresh", namespace="default", runner="standalone", started=START))

    assert "fresh  default" in text
    assert "○ Train  →  ○ Eval  →  ○ Deploy" in text


def test_names_and_reasons_are_no_markup() -> None:
    status = job(name="[bold]x[/nothing]")
    status.rounds[0].reason = "[red]because[/oops]"

    assert "[bold]x[/nothing]" in screen(status, width=200)
    assert "[red]because[/oops]" in screen(status, width=200)


def test_a_terminal_gets_the_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with open_view(json=False, stream=stream) as view:
        view(job(rounds=[]))
        view(job())

    shown = stream.getvalue()
    assert "\x1b[?25l" in shown
    assert shown.rstrip().endswith("\x1b[?25h")
    assert "61.0%" in shown
    assert "2026-11-22T" not in shown


def test_a_narrower_terminal_shows_the_display_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    stream = ResizableTerminal(width=120)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((stream.width, 40)))

    with open_view(json=False, stream=stream) as view:
        view(job())
        for width in (60, 45):
            stream.resize(width)
            view(job())

    shown = "\n".join(stream.rows)
    assert shown.count("standalone") == 1
    assert shown.count("Infer") == 1


def test_json_on_a_terminal_is_json() -> None:
    stream = Terminal()
    with open_view(json=True, stream=stream) as view:
        view(job())

    assert all(json.loads(line) for line in stream.getvalue().splitlines())


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view(json=False) as view:
        view(job(rounds=[], conditions=conditions(FIRST_ROUND[0])))

    assert capsys.readouterr().out == "2026-11-22T11:45:39Z  round 1  Train  Waiting\n"
