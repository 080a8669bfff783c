import subprocess
from pathlib import Path

import pytest

from backend.errors import SettingsError
from jobs.resources.loader import load_job
from jobs.standalone.conditions import StageInput, StageModel
from jobs.standalone.containers import ContainerEngine, InContainers
from jobs.standalone.paths import JobFiles, Node
from jobs.standalone.workers import EVAL, INFER, TRAIN, WorkerFactory
from tests.jobs.conftest import Job

ROUND_2 = StageInput(
    models=[
        StageModel(format="ckpt", url="/out/train/1/model.ckpt"),
        StageModel(format="ckpt", url="/m/initial.ckpt"),
    ],
    data_url="/out/data/train/2/data.txt",
    output_dir="/out/train/2",
)


def factory(job: Job) -> WorkerFactory:
    resources, node = load_job([job.manifests]), Node(job.root)
    files = JobFiles.of(resources, node)
    place = InContainers(node, files, ContainerEngine("podman"))
    return WorkerFactory(resources, place)


def run(
    job: Job, kind: str, input_: StageInput | None = ROUND_2
) -> tuple[dict[str, str], dict[str, list[str]], list[str]]:
    """Return a worker's environment, the options of its container by name, and the rest."""
    workers = factory(job)
    worker = workers.new(kind, 1)
    environment = workers.environment(worker, "http://127.0.0.1:4711", input_)
    words = iter(workers.command(worker, environment))
    assert list(zip(range(4), words, strict=False))[3][1] == worker.name
    assert [next(words) for _ in range(3)] == ["podman", "run", "--rm"]
    options: dict[str, list[str]] = {}
    for word in words:
        if not word.startswith("--"):
            return environment, options, [word, *words]
        options.setdefault(word, []).append(next(words))
    raise AssertionError("no image")


def bound(job: Job, path: str, target: str) -> str:
    return f"type=bind,source={job.root}{path},target={target}"


def test_a_container_sees_the_folders_of_its_urls_where_the_contract_says(job: Job) -> None:
    environment, options, _ = run(job, TRAIN)
    assert environment["MODEL_URL"] == "/home/data/out/train/2"
    assert environment["BASE_MODEL_URL"] == "/home/data/out/train/1/model.ckpt"
    assert environment["DATA_PATH_PREFIX"] == "/home/data"
    assert sorted(options["--mount"]) == [
        bound(job, path, f"/home/data{path}")
        for path in ("/data", "/out/data/train/2", "/out/train", "/out/train/1")
    ]


def test_every_model_to_evaluate_is_mounted(job: Job) -> None:
    environment, options, _ = run(job, EVAL)
    assert environment["MODEL_URLS"] == (
        "/home/data/out/train/1/model.ckpt;/home/data/m/initial.ckpt"
    )
    assert bound(job, "/m", "/home/data/m") in options["--mount"]
    assert bound(job, "/out/train/1", "/home/data/out/train/1") in options["--mount"]


def test_an_inference_container_sees_hot_updates_and_its_own_volumes(job: Job) -> None:
    pod = job.spec["deploySpec"]["template"]["spec"]
    pod["volumes"] = [
        {"name": "inbox", "hostPath": {"path": "/srv/inbox", "type": "DirectoryOrCreate"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    pod["containers"][0]["volumeMounts"] = [
        {"name": "inbox", "mountPath": "/inbox", "subPath": "a", "readOnly": True},
        {"name": "tmp", "mountPath": "/scratch"},
    ]
    job.environment("infer", infer_url="/inbox")
    environment, options, _ = run(job, INFER, None)
    assert environment["infer_url"] == "/inbox"
    assert environment["MODEL_HOT_UPDATE_CONFIG"] == "/model-hot-update/model_config.json"
    hot_update = "/var/lib/sedna/model-hot-update/farm/incrementallearningjob/dogs"
    assert options["--mount"] == [
        bound(job, "/m", "/home/data/m"),
        bound(job, hot_update, "/model-hot-update"),
        bound(job, "/srv/inbox/a", "/inbox") + ",readonly",
    ]
    assert options["--tmpfs"] == ["/scratch"]


def test_values_do_not_appear_on_the_command_line(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    job.environment("train", OWN="hidden", LANG="de_DE.UTF-8")
    environment, options, rest = run(job, TRAIN)
    assert environment["OWN"] == "hidden"
    assert {"OWN", "LANG", "WORKER_NAME", "LC_SERVER"} <= set(options["--env"])
    assert not {"PATH", "HOME", "LC_ALL"} & set(options["--env"])
    assert "hidden" not in str((options, rest))


def test_the_containers_command_replaces_the_images(job: Job) -> None:
    container = job.spec["trainSpec"]["template"]["spec"]["containers"][0]
    container["image"], container["command"], container["args"] = "i:1", ["python", "-c"], ["1"]
    _, options, rest = run(job, TRAIN)
    assert options["--entrypoint"] == ["python"]
    assert rest == ["i:1", "-c", "1"]


def test_without_a_command_the_image_gets_the_arguments(job: Job) -> None:
    container = job.spec["trainSpec"]["template"]["spec"]["containers"][0]
    del container["command"]
    job.environment("train", class_names="croissant,dog")
    _, options, rest = run(job, TRAIN)
    assert "--entrypoint" not in options
    assert rest == ["scripted:1", "train"]


# Says that it was called; answers what is asked.
ENGINE = """#!/bin/sh
echo "$*" >>"$0.calls"
case "$1" in
info) exit {info} ;;
image) exit {image} ;;
ps) echo one; echo two ;;
esac
"""


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, info: int = 0, image: int = 0
) -> Path:
    path = folder / name
    path.write_text(ENGINE.format(info=info, image=image))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin", prepend=None)
    return path.with_name(f"{name}.calls")


def test_a_docker_without_a_daemon_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "docker", info=1)
    install(tmp_path, monkeypatch, "podman")
    assert ContainerEngine.find().name == "podman"
    with pytest.raises(SettingsError, match="no docker answers here"):
        ContainerEngine.find("docker")


def test_without_an_image_nothing_is_started(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "podman", image=1)
    resources = load_job([job.manifests])
    with pytest.raises(SettingsError, match="there is no image scripted:1 here"):
        factory(job).place.check(resources.pods.values())


def test_what_is_left_of_a_job_is_removed(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = install(tmp_path, monkeypatch, "podman")
    factory(job).place.remove()
    listed, removed = calls.read_text().splitlines()
    assert listed.endswith("--filter label=io.sedna-tinyms.job=farm/dogs")
    assert removed == "rm --force one two"


def test_a_container_of_that_name_is_removed_before_it_starts_again(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = install(tmp_path, monkeypatch, "podman")
    workers = factory(job)
    worker = workers.new(TRAIN, 1)
    environment = workers.environment(worker, "http://127.0.0.1:4711", ROUND_2)
    subprocess.run(workers.command(worker, environment), env=environment, check=True)
    first, second = calls.read_text().splitlines()
    assert first == f"rm --force {worker.name}"
    assert second.startswith(f"run --rm --name {worker.name} ")
