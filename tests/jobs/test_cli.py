"""The command as a process of its own, and what a next one finds when it was killed."""

import asyncio
import errno
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import main
from jobs.standalone.processes import wait_for_end
from jobs.standalone.state import StateFile
from jobs.status import JobStatus, Outcome
from tests.jobs.conftest import WHOLE_ROUND, Job

SECONDS = 30.0


def arguments(job: Job, command: str, *options: str) -> list[str]:
    return [command, str(job.manifests), "--root", str(job.root), *options]


async def start(job: Job, command: str, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jobs", *arguments(job, command, *options),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    output, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    return process.returncode, output.decode(), errors.decode()


async def at_gate(gate: Path) -> int:
    """Wait until a worker waits at the gate; it continues once the descriptor is closed."""
    return await asyncio.to_thread(os.open, gate, os.O_WRONLY)


def worker_lines(job: Job, kind: str) -> list[str]:
    [log] = job.node("out/iljob/logs").glob(f"{kind}-*.log")
    return log.read_text().splitlines()


def workers(status: JobStatus) -> dict[str, int | None]:
    return {worker.name: worker.pid for worker in status.workers}


async def killed_at(job: Job, gate: Path) -> int:
    """Run the job until a worker waits at the gate, kill the runner; return the gate."""
    process = await start(job, "run", "--rounds", "1")
    descriptor = await at_gate(gate)
    process.kill()
    await process.communicate()
    return descriptor


async def next_event(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return what a command with --json says next."""
    line = await asyncio.wait_for((process.stdout or asyncio.StreamReader()).readline(), SECONDS)
    event: dict[str, Any] = json.loads(line)
    return event


async def kill_workers(job: Job) -> None:
    for process in job.processes():
        process.kill()
        await wait_for_end(process.pid)


@pytest.mark.parametrize("kind", ["train", "eval"])
async def test_a_next_run_adopts_the_workers_of_a_killed_runner(job: Job, kind: str) -> None:
    gate = job.gate(kind)
    job.append(10)
    descriptor = await killed_at(job, gate)
    before = job.runner().status()
    os.close(descriptor)
    status = await job.runner().run(rounds=1, timeout=SECONDS)
    assert status.rounds[0].outcome is Outcome.DEPLOYED
    assert worker_lines(job, kind)[0] == f"{kind} begins: complete"
    assert worker_lines(job, kind)[-1] == f"{kind} ends"
    assert sum(line.startswith(f"{kind} begins") for line in worker_lines(job, kind)) == 1
    assert workers(before).items() <= workers(status).items()
    assert status.conditions[: len(before.conditions)] == before.conditions


async def test_a_next_run_starts_a_worker_again_that_died_meanwhile(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    descriptor = await killed_at(job, gate)
    await kill_workers(job)
    os.close(descriptor)
    running = asyncio.create_task(job.runner().run(rounds=1, timeout=SECONDS))
    os.close(await at_gate(gate))
    status = await running
    assert status.rounds[0].outcome is Outcome.DEPLOYED
    assert worker_lines(job, "train") == ["train begins: complete"] * 2 + ["train ends"]
    assert len(status.rounds) == 1


async def test_a_report_that_a_killed_runner_has_taken_is_not_asked_for_again(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    os.close(await killed_at(job, gate))
    file = job.node("out/iljob/state.json")
    await kill_workers(job)
    state = StateFile.read(file)
    assert state is not None
    for name in ("model.ckpt", "model.onnx"):
        job.node("out/train/1").mkdir(parents=True, exist_ok=True)
        job.node(f"out/train/1/{name}").touch()
    results = [{"format": f, "url": f"/out/train/1/model.{f}"} for f in ("ckpt", "onnx")]
    report = {"name": state.worker("train").name, "kind": "train", "status": "completed"}
    content = json.loads(file.read_text())
    content["report"] = {**report, "results": results}
    file.write_text(json.dumps(content))

    status = await job.runner().run(rounds=1, timeout=SECONDS)
    assert status.rounds[0].outcome is Outcome.DEPLOYED
    assert worker_lines(job, "train") == ["train begins: complete"]


@pytest.mark.parametrize(
    "condition",
    ["Train Waiting", "Train Ready", "Train Starting", "Train Completed", "Eval Ready",
     "Eval Running", "Deploy Ready", "Deploy Running", "Deploy Completed"],
)  # fmt: skip
async def test_wherever_a_runner_is_killed_the_round_is_the_same(job: Job, condition: str) -> None:
    lines = job.append(10)
    process = await start(job, "run", "--rounds", "1", "--json")
    stage, type_ = condition.split()
    while True:
        event = await next_event(process)
        if event["event"] == "condition" and (event["stage"], event["type"]) == (stage, type_):
            break
    process.kill()
    await process.communicate()

    status = await job.runner().run(rounds=1, timeout=SECONDS)
    assert [f"{c.stage} {c.type}" for c in status.conditions] == [*WHOLE_ROUND, "Train Waiting"]
    assert [round_.outcome for round_ in status.rounds] == [Outcome.DEPLOYED]
    assert sorted(path.name for path in job.node("out/train").iterdir()) == ["1"]
    assert job.lines("out/data/train/1/data.txt") == lines[:8]
    for kind in ("train", "eval"):
        assert worker_lines(job, kind)[0] == f"{kind} begins: complete"
        assert worker_lines(job, kind).count(f"{kind} begins: complete") == 1


async def test_a_run_whose_rounds_have_ended_succeeds(job: Job) -> None:
    job.append(10)
    status, output, _ = await ended(await start(job, "run", "--rounds", "1", "--json"))
    assert status == 0
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["job"] for event in events]


async def test_a_failed_round_is_an_exit_status_of_1_and_a_sentence(job: Job) -> None:
    job.environment("train", behaviour="silent")
    job.append(10)
    status, _, errors = await ended(await start(job, "run", "--rounds", "1"))
    assert status == 1
    assert errors.startswith("iljob: round 1 failed: train-worker-")
    assert "Traceback" not in errors


async def test_a_round_that_failed_in_an_earlier_run_is_not_judged_again(job: Job) -> None:
    job.environment("train", behaviour="silent")
    job.append(10)
    assert (await ended(await start(job, "run", "--rounds", "1")))[0] == 1
    job.environment("train", behaviour="complete")
    job.append(10, "later")
    status, _, errors = await ended(await start(job, "run", "--rounds", "2"))
    assert (status, errors) == (0, "")
    outcomes = [round_.outcome for round_ in job.runner().status().rounds]
    assert outcomes == [Outcome.FAILED, Outcome.DEPLOYED]


async def test_a_run_without_a_round_left_is_judged_by_the_last_one_asked_for(job: Job) -> None:
    job.environment("train", behaviour="silent")
    job.append(10)
    assert (await ended(await start(job, "run", "--rounds", "1")))[0] == 1
    status, _, errors = await ended(await start(job, "run", "--rounds", "1"))
    assert status == 1
    assert errors.startswith("iljob: round 1 failed: train-worker-")


async def test_when_the_time_is_up_the_exit_status_is_1(job: Job) -> None:
    status, _, errors = await ended(await start(job, "run", "--timeout", "0.3"))
    assert (status, errors) == (1, "iljob: the 0.3 seconds have passed\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_runner_and_its_workers(job: Job, number: signal.Signals) -> None:
    gate = job.gate("train")
    job.append(10)
    process = await start(job, "run", "--rounds", "1")
    descriptor = await at_gate(gate)
    process.send_signal(number)
    status, _, errors = await ended(process)
    os.close(descriptor)
    assert (status, errors) == (1, "iljob: stopped after 0 of 1 rounds\n")
    assert job.processes() == []


async def test_stop_ends_the_runner_and_watch_with_it(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    run = await start(job, "run")
    descriptor = await at_gate(gate)
    watch = await start(job, "watch", "--json")
    assert (await next_event(watch))["job"]
    status, _, errors = await ended(await start(job, "stop"))
    os.close(descriptor)
    assert (status, errors) == (0, "")
    assert (await ended(run))[0] == 0
    assert (await ended(watch))[0] == 0


async def test_a_second_runner_names_the_first(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    first = await start(job, "run", "--rounds", "1")
    descriptor = await at_gate(gate)
    status, _, errors = await ended(await start(job, "run", "--rounds", "1"))
    assert status == 2
    assert f"already run by process {first.pid}:" in errors
    os.close(descriptor)
    assert (await ended(first))[0] == 0


def test_right_manifests_are_valid(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(job.manifests)]) == 0
    assert capsys.readouterr().out == "farm/dogs: valid\n"


def test_a_pod_that_an_outage_would_cost_is_a_warning(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    del job.spec["deploySpec"]["template"]["spec"]["tolerations"]
    assert main(["validate", str(job.manifests)]) == 0
    warning, verdict = capsys.readouterr().out.splitlines()
    assert warning.startswith("farm/dogs: warning: spec.deploySpec.template.spec.tolerations: ")
    assert verdict == "farm/dogs: valid, with 1 warning"


def test_wrong_manifests_are_an_exit_status_of_2(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    job.spec["dataset"]["trainProb"] = 2.0
    assert main(["validate", str(job.manifests)]) == 2
    errors = capsys.readouterr().err
    assert "spec.dataset.trainProb" in errors
    assert "Traceback" not in errors


async def test_other_classes_than_a_running_jobs_are_explained(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    job.environment("infer", class_names="croissant,dog")
    job.append(10)
    await job.runner().run(rounds=1, timeout=SECONDS)
    assert main(arguments(job, "validate")) == 0
    assert "class_names has changed" not in capsys.readouterr().out
    job.environment("infer", class_names="croissant,dog,cat")
    assert main(arguments(job, "validate")) == 0
    assert "warning: class_names has changed (cat new): " in capsys.readouterr().out


def test_a_file_that_may_not_be_read_is_told_in_a_sentence(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert main(arguments(job, "status")) == 1
    state = job.node("out/iljob/state.json")
    told = f"iljob: {state}: Permission denied: run iljob as a user who may use it\n"
    assert capsys.readouterr().err == told


def test_debug_shows_where_an_error_came_from(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.spec["dataset"]["trainProb"] = 2.0
    assert main(["validate", str(job.manifests), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "sentence"),
    [("status", "never ran here"), ("watch", "never ran here"), ("stop", "is not being run"),
     ("report", "never ran here")],
)  # fmt: skip
def test_a_job_that_never_ran_says_so(
    job: Job, capsys: pytest.CaptureFixture[str], command: str, sentence: str
) -> None:
    assert main(arguments(job, command)) == 2
    assert sentence in capsys.readouterr().err


async def test_status_and_report_tell_of_a_job_that_ran(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    job.append(10)
    await job.runner().run(rounds=1, timeout=SECONDS)
    assert main(arguments(job, "status")) == 0
    assert "Train" in capsys.readouterr().out
    assert main(arguments(job, "report")) == 0
    report = job.node("out/iljob/report.html")
    assert capsys.readouterr().out == f"{report}\n"
    assert "<html" in report.read_text()


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_rounds_are_1_or_more(job: Job, rounds: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments(job, "run", "--rounds", rounds))
    assert exit_.value.code == 2
