"""Whole rounds, with processes that speak the true protocol."""

import asyncio
import errno
import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.errors import SettingsError
from jobs.standalone import evaluation, runner
from jobs.standalone.state import StateFile
from jobs.status import ConditionType, JobStatus, Outcome, Stage, WorkerState
from tests.jobs.conftest import WHOLE_ROUND, Job, resource
from workers.contract import message_path

SECONDS = 30.0
DEPLOYING = (Stage.DEPLOY, ConditionType.RUNNING)
HOT_UPDATE = "var/lib/sedna/model-hot-update/farm/incrementallearningjob/dogs"
WORSE = '[{"accuracy": [0.5]}, {"accuracy": [0.6]}]'


async def run(
    job: Job, rounds: int = 1, on_status: Callable[[JobStatus], None] | None = None
) -> JobStatus:
    return await job.runner().run(rounds=rounds, timeout=SECONDS, on_status=on_status)


def conditions(status: JobStatus) -> list[str]:
    return [f"{condition.stage} {condition.type}" for condition in status.conditions]


def workers(status: JobStatus, kind: str) -> list[WorkerState]:
    return [worker for worker in status.workers if worker.kind == kind]


def read(job: Job, path: str) -> Any:
    return json.loads(job.node(path).read_text())


def log(worker: WorkerState) -> list[str]:
    return Path(worker.log or "").read_text().splitlines()


def append_after_each_round(job: Job, count: int) -> Callable[[JobStatus], None]:
    """Return a callback that appends samples whenever another round has ended."""
    ended = 0

    def on_status(status: JobStatus) -> None:
        nonlocal ended
        if status.rounds_ended > ended:
            ended = status.rounds_ended
            job.append(count, f"after{ended}-")

    return on_status


async def test_a_better_model_is_deployed(job: Job) -> None:
    lines = job.append(10)
    status = await run(job)
    assert conditions(status) == [*WHOLE_ROUND, "Train Waiting"]
    [round_] = status.rounds
    assert round_.outcome is Outcome.DEPLOYED
    assert round_.reason == "accuracy_delta[0] = 0.3 > 0.02: deploy"
    assert (round_.train_samples, round_.eval_samples) == (8, 2)
    assert round_.candidate_metrics == {"accuracy": [0.9]}
    assert round_.deployed_metrics == {"accuracy": [0.6]}
    assert round_.model_urls == ["/out/train/1/model.ckpt", "/out/train/1/model.onnx"]
    assert set(round_.seconds) == set(Stage)
    assert job.lines("out/data/train/1/data.txt") == lines[:8]
    assert job.lines("out/data/eval/1/data.txt") == lines[8:]
    assert read(job, "m/deploy.onnx") == read(job, "out/train/1/model.onnx")
    assert read(job, "m/deploy.onnx")["samples"] == lines[:8]


async def test_the_conditions_data_is_sednas(job: Job) -> None:
    job.append(10)
    status = await run(job)
    data = {f"{c.stage} {c.type}": json.loads(c.data) for c in status.conditions if c.data}
    assert data["Train Ready"]["input"] == {
        "models": [{"format": "ckpt", "url": "/m/initial.ckpt", "classes": None}],
        "dataURL": "/out/data/train/1/data.txt",
        "outputDir": "/out/train/1",
    }
    trained, deployed = "/out/train/1/model.onnx", "/m/deploy.onnx"
    for stage in ("Eval", "Deploy"):
        models = data[f"{stage} Ready"]["input"]["models"]
        assert [model["url"] for model in models] == [trained, deployed]
    assert data["Eval Completed"]["output"]["models"][0]["metrics"] == {"accuracy": [0.9]}


async def test_the_inference_worker_loads_the_new_model_without_a_restart(job: Job) -> None:
    job.append(10)
    status = await run(job)
    [worker] = workers(status, "infer")
    assert worker.restarts == 0
    assert json.loads(log(worker)[-1].removeprefix("serving "))["samples"]
    assert job.processes() == []


async def test_without_hot_update_the_inference_worker_is_replaced(job: Job) -> None:
    job.spec["deploySpec"]["model"]["hotUpdateEnabled"] = False
    job.append(10)
    status = await run(job)
    assert conditions(status)[-4:] == [
        "Deploy Waiting", "Deploy Ready", "Deploy Completed", "Train Waiting",
    ]  # fmt: skip
    old, new = workers(status, "infer")
    assert old.ended is not None
    assert old.ended <= new.started
    assert status.rounds[0].outcome is Outcome.DEPLOYED
    assert read(job, "m/deploy.onnx")["base"].endswith("/m/initial.ckpt")


async def test_a_worse_model_is_not_deployed(job: Job) -> None:
    job.environment("eval", metrics=WORSE)
    job.append(10)
    status = await run(job)
    assert conditions(status) == [*WHOLE_ROUND[:11], "Deploy Completed", "Train Waiting"]
    assert status.conditions[-2].data == "{}"
    assert status.rounds[0].outcome is Outcome.REJECTED
    assert status.rounds[0].reason == (
        "accuracy_delta[0] = -0.1, not > 0.02: keep the deployed model"
    )
    assert job.node("m/deploy.onnx").read_text() == ""


async def test_a_bare_number_as_metric_is_not_deployed_and_says_so(job: Job) -> None:
    job.environment("eval", metrics='[{"accuracy": 0.9}, {"accuracy": 0.1}]')
    job.append(10)
    status = await run(job)
    assert status.rounds[0].outcome is Outcome.REJECTED
    assert "accuracy is 0.9, not a list of numbers" in status.rounds[0].reason
    assert status.rounds[0].candidate_metrics == {}


async def test_one_result_instead_of_two_is_not_deployed(job: Job) -> None:
    job.environment("eval", metrics='[{"accuracy": [0.9]}]')
    job.append(10)
    status = await run(job)
    assert status.rounds[0].reason.startswith("1 evaluation results instead of 2")


@pytest.mark.parametrize(("kind", "stage"), [("train", "Train"), ("eval", "Eval")])
async def test_a_reported_failure_fails_the_stage_at_once(job: Job, kind: str, stage: str) -> None:
    job.environment(kind, behaviour="fail")
    job.append(10)
    status = await run(job)
    assert conditions(status)[-2:] == [f"{stage} Failed", "Train Waiting"]
    [worker] = workers(status, kind)
    assert worker.restarts == 0
    assert status.rounds[0].outcome is Outcome.FAILED
    told = f"{worker.name} reported that it failed: see {worker.log}, which ends with: "
    assert status.rounds[0].reason.startswith(told)
    assert status.rounds[0].reason.removeprefix(told)


async def test_a_model_that_the_inference_worker_cannot_load_fails_the_round(job: Job) -> None:
    job.environment("infer", behaviour="fail")
    job.append(10)
    status = await run(job)
    assert conditions(status)[-3:] == ["Deploy Running", "Deploy Failed", "Train Waiting"]


async def test_an_exit_without_a_report_fails_the_stage(job: Job) -> None:
    job.environment("train", behaviour="silent")
    job.append(10)
    status = await run(job)
    assert "exited with 0 but reported nothing" in status.rounds[0].reason
    assert str(workers(status, "train")[0].log) in status.rounds[0].reason


async def test_a_worker_that_crashes_is_started_again(job: Job) -> None:
    job.environment("train", behaviour="crash-once")
    job.append(10)
    status = await run(job)
    [worker] = workers(status, "train")
    assert worker.restarts == 1
    assert status.rounds[0].outcome is Outcome.DEPLOYED


async def test_a_worker_that_always_crashes_fails_the_stage_after_three_restarts(job: Job) -> None:
    job.environment("eval", behaviour="crash")
    job.append(10)
    status = await run(job)
    [worker] = workers(status, "eval")
    assert worker.restarts == 3
    assert log(worker) == ["eval begins: crash"] * 4
    assert "failed 4 times, last with exit status 3" in status.rounds[0].reason


async def test_an_inference_worker_that_ends_is_started_again(job: Job) -> None:
    job.environment("infer", behaviour="crash-once")
    job.append(10)
    told: list[str] = []
    status = await run(job, on_status=lambda status: told.append(status.problem))
    worker = workers(status, "infer")[0]
    assert worker.restarts == 1
    ended = f"{worker.name} ended with exit status 3: see {worker.log}, which ends with: "
    assert f"{ended}infer begins: crash-once" in told
    assert told[-1] == ""
    assert status.rounds[0].outcome is Outcome.DEPLOYED


async def test_an_inference_worker_that_always_crashes_fails_the_deployment(job: Job) -> None:
    job.environment("infer", behaviour="crash")
    job.append(10)
    status = await run(job)
    assert conditions(status)[-2] == "Deploy Failed"
    assert "while the new model was deployed" in status.rounds[0].reason


async def test_a_folder_that_may_not_be_written_is_told_in_a_sentence(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    job.append(10)
    monkeypatch.setattr(evaluation, "write_samples", refuse)
    status = await run(job)
    data = job.node("out/data/eval/1/data.txt")
    told = f"{data}: Permission denied: run iljob as a user who may use it"
    assert status.rounds[0].reason == told


async def test_a_command_that_is_not_there_fails_the_stage(job: Job) -> None:
    job.spec["trainSpec"]["template"]["spec"]["containers"][0]["command"] = ["/no/such/command"]
    job.append(10)
    status = await run(job)
    assert "the command /no/such/command train cannot be run" in status.rounds[0].reason


async def test_a_format_that_training_does_not_report_fails_the_stage(job: Job) -> None:
    job.resources["deploy"]["spec"]["format"] = "mindir"
    job.append(10)
    status = await run(job)
    assert conditions(status)[-2] == "Train Failed"
    assert "reported ckpt, onnx, but Model deploy needs mindir" in status.rounds[0].reason


async def test_rounds_build_on_each_other_deployed_or_not(job: Job) -> None:
    job.environment("eval", metrics=WORSE)
    job.append(10)
    status = await run(job, rounds=3, on_status=append_after_each_round(job, 10))
    assert [round_.number for round_ in status.rounds] == [1, 2, 3]
    bases = [read(job, f"out/train/{n}/model.ckpt")["base"] for n in (1, 2, 3)]
    assert [base.removeprefix(str(job.root)) for base in bases] == [
        "/m/initial.ckpt",
        "/out/train/1/model.ckpt",
        "/out/train/2/model.ckpt",
    ]


async def test_no_sample_is_trained_on_twice_and_evaluations_repeat_earlier_ones(job: Job) -> None:
    job.append(10)
    await run(job, rounds=3, on_status=append_after_each_round(job, 10))
    index = job.lines("data/index.txt")
    trained = [line for n in (1, 2, 3) for line in job.lines(f"out/data/train/{n}/data.txt")]
    assert trained == [*index[:8], *index[10:18], *index[20:28]]
    assert job.lines("out/data/eval/3/data.txt") == [*index[8:10], *index[18:20], *index[28:30]]


async def test_samples_that_come_while_a_round_runs_wait_for_the_next(job: Job) -> None:
    gate = job.gate("eval")
    job.append(10)

    def on_status(status: JobStatus) -> None:
        if "Train Running" in conditions(status) and not appended.is_set():
            job.append(5, "late")
            appended.set()
        if status.samples.total == 15:
            taken.set()

    appended, taken = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(run(job, on_status=on_status))
    await asyncio.wait_for(taken.wait(), SECONDS)
    await asyncio.to_thread(gate.write_bytes, b"")
    status = await running
    assert status.rounds[0].train_samples == 8
    assert status.samples.train_waiting == 4
    assert status.samples.total == 15


async def test_a_failed_round_uses_up_its_samples_and_the_next_begins_where_it_did(
    job: Job,
) -> None:
    job.environment("train", behaviour="fail")
    job.append(10)
    status = await run(job, rounds=2, on_status=append_after_each_round(job, 5))
    assert [round_.outcome for round_ in status.rounds] == [Outcome.FAILED, Outcome.FAILED]
    assert status.rounds[1].train_samples == 4
    ready = [c.data for c in status.conditions if (c.stage, c.type) == ("Train", "Ready")]
    urls = [json.loads(data)["input"]["models"][0]["url"] for data in ready]
    assert urls == ["/m/initial.ckpt", "/m/initial.ckpt"]


async def test_an_initial_eval_model_is_what_the_first_model_is_held_to(job: Job) -> None:
    job.resources["eval"] = resource("Model", "eval", {"url": "/m/eval.ckpt", "format": "ckpt"})
    job.spec["evalSpec"]["initialEvalModel"] = {"name": "eval"}
    job.node("m/eval.ckpt").touch()
    job.append(10)
    status = await run(job)
    [data] = [c.data for c in status.conditions if (c.stage, c.type) == ("Eval", "Ready")]
    models = json.loads(data)["input"]["models"]
    assert [model["url"] for model in models] == ["/out/train/1/model.ckpt", "/m/eval.ckpt"]
    assert read(job, "m/eval.ckpt") == read(job, "out/train/1/model.ckpt")


async def test_the_job_waits_for_samples_and_reacts_to_them(job: Job) -> None:
    assert (await append_when_waiting(job)).rounds_ended == 1


async def test_an_index_that_is_not_there_is_told_until_it_is(job: Job) -> None:
    job.node("data/index.txt").unlink()
    told: list[str] = []

    def on_status(status: JobStatus) -> None:
        if status.problem and not told:
            job.append(10)
        told.append(status.problem)

    status = await run(job, on_status=on_status)
    assert status.rounds_ended == 1
    index = job.node("data/index.txt")
    assert told[0] == f"there is no {index} yet: append the samples to it, one a line"
    assert told[-1] == ""


async def test_messages_that_nobody_waits_for_change_nothing(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    running = asyncio.create_task(run(job))
    stream = await asyncio.to_thread(gate.open, "wb")
    state = StateFile.read(job.node("out/iljob/state.json"))
    assert state is not None
    worker = state.worker("train").name
    message = {
        "name": worker, "namespace": "farm", "ownerName": "dogs", "kind": "train",
        "ownerKind": "incrementallearningjob", "status": "completed", "results": [],
    }  # fmt: skip
    foreign = [
        {"ownerName": "cats"}, {"ownerKind": "federatedlearningjob"}, {"namespace": "zoo"},
        {"kind": "eval"}, {"status": "running"}, {"name": "train-worker-aaaaa"},
    ]  # fmt: skip
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{state.port}") as client:
        for change in foreign:
            body = message | change
            name = str(body["name"])
            login = (name, state.secret(name))
            answer = await client.post(message_path(name), json=body, auth=login)
            assert answer.status_code == 200
    stream.close()
    status = await running
    assert status.rounds[0].outcome is Outcome.DEPLOYED


async def test_who_reads_port_and_names_elsewhere_cannot_report_for_a_worker(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    running = asyncio.create_task(run(job))
    stream = await asyncio.to_thread(gate.open, "wb")
    state = StateFile.read(job.node("out/iljob/state.json"))
    assert state is not None
    name = state.worker("train").name
    forged = {
        "name": name, "namespace": "farm", "ownerName": "dogs", "kind": "train",
        "ownerKind": "incrementallearningjob", "status": "completed",
        "results": [{"format": f, "url": "/m/initial.ckpt"} for f in ("ckpt", "onnx")],
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{state.port}") as client:
        for auth in (
            httpx.USE_CLIENT_DEFAULT,
            (name, ""),
            (name, state.secret("inferworker-aaaaa")),
        ):
            answer = await client.post(message_path(name), json=forged, auth=auth)
            assert answer.status_code == 401
    stream.close()
    status = await running
    assert status.rounds[0].model_urls == ["/out/train/1/model.ckpt", "/out/train/1/model.onnx"]


async def test_what_the_runner_keeps_can_only_be_read_by_its_user(job: Job) -> None:
    job.append(10)
    await run(job)
    assert job.node("out/iljob").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["ckpt", "onnx"])
@pytest.mark.parametrize(
    "url",
    ["/private/key", "/out/train/1/../../../private/key", "/out/train/1", "/out/train/1/link",
     "/out/train/10/model.onnx", "out/train/1/model.onnx", " "],
)  # fmt: skip
async def test_a_report_names_files_in_its_rounds_folder_or_fails_the_round(
    job: Job, kind: str, url: str
) -> None:
    private = job.node("private/key")
    private.parent.mkdir()
    private.write_text("secret")
    for folder in ("out/train/1", "out/train/10"):
        job.node(folder).mkdir(parents=True)
    job.node("out/train/1/link").symlink_to(private)
    job.node("out/train/10/model.onnx").touch()
    job.environment("train", **{f"{kind}_url": url})
    job.append(10)
    status = await run(job)
    assert conditions(status)[-2] == "Train Failed"
    assert "which is not in the round's folder" in status.rounds[0].reason
    assert job.node("m/deploy.onnx").read_text() == ""


async def test_a_node_that_was_moved_goes_on_where_it_is(job: Job) -> None:
    job.append(10)
    await run(job)
    moved = job.folder / "elsewhere" / "node"
    moved.parent.mkdir()
    job.root.rename(moved)
    with (moved / "data/index.txt").open("a") as index:
        index.writelines(f"later{number}.jpg dog\n" for number in range(10))
    status = await job.runner(moved).run(rounds=2, timeout=SECONDS)
    assert [round_.outcome for round_ in status.rounds] == [Outcome.DEPLOYED] * 2
    logs = {Path(worker.log or "") for worker in status.workers}
    assert {log.parent for log in logs} == {moved / "out/iljob/logs"}
    assert all(log.exists() for log in logs)
    update = json.loads((moved / HOT_UPDATE / "model_config.json").read_text())["model_config"]
    assert update["model_path"] == str(moved / HOT_UPDATE / "model.onnx")
    assert not job.root.exists()


async def test_the_last_update_of_a_node_that_was_copied_is_served_from_the_copy(job: Job) -> None:
    job.append(10)
    await run(job)
    copy = job.folder / "copy"
    shutil.copytree(job.root, copy)
    (copy / HOT_UPDATE / "model.onnx").write_text("of the copy")
    served = asyncio.Event()

    def on_status(status: JobStatus) -> None:
        if workers(status, "infer")[-1].last_line == "serving of the copy":
            served.set()

    running = asyncio.create_task(job.runner(copy).run(timeout=SECONDS, on_status=on_status))
    await asyncio.wait_for(served.wait(), SECONDS)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert str(job.root) not in (copy / "out/iljob/state.json").read_text()


@pytest.mark.parametrize("is_folder_linked", [True, False])
async def test_an_index_that_is_a_link_is_seen_to_grow(
    job: Job, monkeypatch: pytest.MonkeyPatch, is_folder_linked: bool
) -> None:
    monkeypatch.setattr(runner, "_POLL_MILLISECONDS", 1000 * int(SECONDS))
    job.node("nas").mkdir()
    job.node("nas/list.txt").touch()
    job.node("data/index.txt").unlink()
    if is_folder_linked:
        job.node("data").rmdir()
        job.node("data").symlink_to(job.node("nas"))
        job.node("nas/list.txt").rename(job.node("nas/index.txt"))
    else:
        job.node("data/index.txt").symlink_to("../nas/list.txt")
    status = await asyncio.wait_for(append_when_waiting(job), SECONDS / 2)
    assert status.rounds_ended == 1


async def test_an_index_that_changes_unseen_is_looked_at_now_and_then(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_POLL_MILLISECONDS", 50)
    for version in ("v1", "v2"):
        job.node(f"nas/{version}").mkdir(parents=True)
        job.node(f"nas/{version}/index.txt").touch()
    job.node("nas/current").symlink_to("v1")
    job.node("data/index.txt").unlink()
    job.node("data/index.txt").symlink_to("../nas/current/index.txt")

    def repoint() -> None:
        job.node("nas/v2/index.txt").write_text("".join(f"{n}.jpg dog\n" for n in range(10)))
        job.node("nas/next").symlink_to("v2")
        job.node("nas/next").rename(job.node("nas/current"))

    status = await append_when_waiting(job, repoint)
    assert status.rounds_ended == 1


async def append_when_waiting(job: Job, append: Callable[[], object] | None = None) -> JobStatus:
    """Run one round of samples that come when the job waits for them."""
    waiting = asyncio.Event()

    def on_status(status: JobStatus) -> None:
        if status.workers[0].pid:
            waiting.set()

    running = asyncio.create_task(run(job, on_status=on_status))
    await asyncio.wait_for(waiting.wait(), SECONDS)
    (append or partial(job.append, 10))()
    return await running


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a.jpg dog\rb.jpg dog\r", r"no complete line yet: end each with a line feed \(\\n\)"),
        (b"a.jpg dog", "no complete line yet"),
        (b"day\\1.jpg dog\n", r"line 1: day\\1.jpg has a backslash, which separates no folders"),
    ],
)
async def test_an_index_without_samples_is_told(job: Job, content: bytes, told: str) -> None:
    job.node("data/index.txt").write_bytes(content)
    seen: list[str] = []
    with pytest.raises(TimeoutError):
        await job.runner().run(timeout=0.3, on_status=lambda status: seen.append(status.problem))
    assert re.search(told, seen[-1])


async def test_a_path_with_a_backslash_may_be_a_files_name(job: Job) -> None:
    job.node("data/index.txt").write_bytes(b"day\\1.jpg dog\n")
    job.node("data/day\\1.jpg").touch()
    with pytest.raises(TimeoutError):
        await job.runner().run(timeout=0.3)
    assert job.runner().status().problem == ""


async def test_an_index_that_cannot_be_read_for_a_while_ends_nothing(job: Job) -> None:
    job.node("data/index.txt").unlink()
    job.node("data/index.txt").mkdir()
    told: list[str] = []

    def on_status(status: JobStatus) -> None:
        # Told for the second time, it has been looked at.
        if status.problem and len(told) == 1:
            job.node("data/index.txt").rmdir()
            job.append(10)
        told.append(status.problem)

    assert (await run(job, on_status=on_status)).rounds_ended == 1
    assert told[0] == f"{job.node('data/index.txt')} cannot be read: Is a directory"
    assert told[-1] == ""


async def test_a_class_that_comes_is_explained_until_a_model_that_knows_it_is_deployed(
    job: Job,
) -> None:
    job.environment("infer", class_names="croissant,dog")
    job.append(10)
    await run(job)
    job.environment("infer", class_names="croissant,dog,cat")
    assert (
        "(cat new): the next round keeps what the model has learned" in job.runner().status().note
    )
    job.append(10)
    status = await run(job, rounds=2)
    assert [round_.class_names for round_ in status.rounds] == [
        ["croissant", "dog"],
        ["croissant", "dog", "cat"],
    ]
    assert job.runner().status().note == ""


async def test_outside_its_hours_the_job_does_not_train(job: Job) -> None:
    now = datetime.now(UTC).astimezone()
    start, end = now + timedelta(hours=2), now + timedelta(hours=3)
    job.spec["trainSpec"]["trigger"]["timer"] = {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
    job.append(10)
    seen: list[JobStatus] = []
    with pytest.raises(TimeoutError):
        await job.runner().run(rounds=1, timeout=0.5, on_status=seen.append)
    assert seen[-1].rounds == []
    assert seen[-1].samples.train_waiting == 8


async def test_when_the_time_is_up_no_worker_is_left(job: Job) -> None:
    job.gate("train")
    job.append(10)
    with pytest.raises(TimeoutError):
        await job.runner().run(rounds=1, timeout=0.7)
    assert job.processes() == []
    assert job.runner().status().rounds[0].outcome is Outcome.RUNNING


async def test_a_cancelled_run_leaves_no_worker_and_the_next_one_continues(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    running = asyncio.create_task(run(job))
    stream = await asyncio.to_thread(gate.open, "wb")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    stream.close()
    assert job.processes() == []
    before = job.runner().status()
    assert conditions(before)[-1] == "Train Running"

    continued = asyncio.create_task(run(job))
    await asyncio.to_thread(gate.write_bytes, b"")
    status = await continued
    assert status.conditions[: len(before.conditions)] == before.conditions
    assert conditions(status) == [*WHOLE_ROUND, "Train Waiting"]
    assert [w.name for w in workers(status, "train")] == [w.name for w in workers(before, "train")]


def stop_once(when: Callable[[JobStatus], object]) -> Callable[[JobStatus], None]:
    """Return a callback that ends the run at once, the first time that ``when`` is true."""
    left = [when]

    def on_status(status: JobStatus) -> None:
        if left and left[0](status):
            left.clear()
            raise InterruptedError

    return on_status


async def test_a_runner_that_was_stopped_at_deployment_gives_the_same_update_again(
    job: Job,
) -> None:
    job.append(10)
    is_deploying = stop_once(lambda status: conditions(status)[-1] == "Deploy Running")
    with pytest.raises(InterruptedError):
        await run(job, on_status=is_deploying)
    status = await run(job)
    (began,) = (c.time for c in status.conditions if (c.stage, c.type) == DEPLOYING)
    update = read(job, f"{HOT_UPDATE}/model_config.json")["model_config"]
    assert update["model_update_time"].startswith(f"{began:%Y-%m-%d %H:%M:%S.%f}")


async def test_a_runner_that_was_stopped_at_the_replacement_makes_no_second_worker(
    job: Job,
) -> None:
    job.spec["deploySpec"]["model"]["hotUpdateEnabled"] = False
    job.append(10)
    is_replaced = stop_once(lambda status: len(workers(status, "infer")) > 1)
    with pytest.raises(InterruptedError):
        await run(job, on_status=is_replaced)
    status = await run(job)
    assert len(workers(status, "infer")) == 2
    assert status.rounds[0].outcome is Outcome.DEPLOYED


async def test_a_worker_finds_its_folder_for_temporary_files_empty(job: Job) -> None:
    job.append(10)
    job.node("out/iljob/tmp/train").mkdir(parents=True)
    job.node("out/iljob/tmp/train/left").touch()
    await run(job)
    assert list(job.node("out/iljob/tmp/train").iterdir()) == []


async def test_a_job_has_one_runner_at_a_time(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    first = asyncio.create_task(run(job))
    stream = await asyncio.to_thread(gate.open, "wb")
    with pytest.raises(SettingsError, match=r"already run by process \d+"):
        await run(job)
    stream.close()
    assert (await first).rounds_ended == 1


async def test_rounds_of_earlier_runs_count(job: Job) -> None:
    job.append(10)
    first = await run(job)
    assert (await run(job)).rounds == first.rounds


async def test_the_status_on_disk_is_the_runs(job: Job) -> None:
    job.append(10)
    status = await run(job)
    assert job.runner().status() == status
    assert status.samples.trigger == "num_of_samples >= 4"
    assert status.deploy_trigger == "accuracy_delta[0] > 0.02"
    assert workers(status, "train")[0].last_line == "train ends"


async def test_progress_is_told_as_the_log_grows(job: Job) -> None:
    gate = job.gate("train")
    job.append(10)
    told = asyncio.Event()

    def on_status(status: JobStatus) -> None:
        if any(w.last_line == "train begins: complete" for w in workers(status, "train")):
            told.set()

    running = asyncio.create_task(run(job, on_status=on_status))
    await asyncio.wait_for(told.wait(), SECONDS)
    await asyncio.to_thread(gate.write_bytes, b"")
    await running


async def test_what_the_callback_raises_ends_the_run_and_is_no_failed_round(job: Job) -> None:
    def on_status(status: JobStatus) -> None:
        if status.rounds:
            raise BrokenPipeError

    job.append(10)
    with pytest.raises(BrokenPipeError):
        await run(job, on_status=on_status)
    assert job.runner().status().rounds[0].outcome is not Outcome.FAILED
    assert job.processes() == []


async def test_class_names_and_hard_examples_come_from_the_template(job: Job) -> None:
    job.environment("infer", class_names="croissant, dog", HE_SAVED_URL="/hard")
    job.append(10)
    status = await run(job)
    assert status.class_names == ["croissant", "dog"]
    assert status.hard_examples == Path("/hard")


@pytest.mark.parametrize("path", ["m/deploy.onnx", "m/initial.ckpt"])
async def test_a_model_that_is_missing_is_told_with_its_path(job: Job, path: str) -> None:
    job.node(path).unlink()
    with pytest.raises(SettingsError, match=f"there is no file {job.node(path)}"):
        await run(job)


async def test_a_dataset_whose_folder_is_missing_is_told_with_its_path(job: Job) -> None:
    job.resources["dataset"]["spec"]["url"] = "/nowhere/index.txt"
    with pytest.raises(SettingsError, match=r"there is no folder .*/nowhere"):
        await run(job)


async def test_two_jobs_cannot_share_an_output_folder(job: Job) -> None:
    job.append(10)
    await run(job)
    job.resources["job"]["metadata"]["name"] = "cats"
    with pytest.raises(SettingsError, match="is the folder of the job farm/dogs"):
        await run(job)


async def test_a_damaged_state_is_told(job: Job) -> None:
    job.append(10)
    await run(job)
    job.node("out/iljob/state.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"state\.json is not a state of this version"):
        job.runner().status()


def test_a_job_that_never_ran_has_no_status(job: Job) -> None:
    with pytest.raises(SettingsError, match="never ran here"):
        job.runner().status()


def test_a_job_that_is_not_run_cannot_be_stopped(job: Job) -> None:
    with pytest.raises(SettingsError, match="is not being run"):
        job.runner().stop()


async def test_a_new_job_forgets_the_hot_update_of_an_old_one_of_its_name(job: Job) -> None:
    config = job.runner().files.hot_update_config
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    job.append(10)
    job.environment("eval", metrics=WORSE)
    await run(job)
    assert not config.exists()
