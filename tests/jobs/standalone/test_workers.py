import json
import sys
from pathlib import Path

import pytest

from backend.errors import SettingsError
from jobs.resources.loader import load_job
from jobs.standalone.conditions import StageInput, StageModel
from jobs.standalone.limits import check_limits
from jobs.standalone.paths import JobFiles, Node
from jobs.standalone.workers import (
    EVAL,
    INFER,
    TRAIN,
    Place,
    WorkerFactory,
    container_environment,
    make_host_folders,
)
from tests.jobs.conftest import Job, resource

SERVER = "http://train-worker-abcde:secret@127.0.0.1:9100"
ROUND_1 = StageInput(
    models=[
        StageModel(format="ckpt", url="/out/train/0/model.ckpt"),
        StageModel(format="ckpt", url="/m/initial.ckpt"),
    ],
    data_url="/out/data/train/1/data.txt",
    output_dir="/out/train/1",
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("SECRET", "of this machine")


def factory(job: Job, root: Path | None = None) -> WorkerFactory:
    resources, node = load_job([job.manifests]), Node(root or job.root)
    files = JobFiles.of(resources, node)
    return WorkerFactory(resources, Place(node, files))


def contract(job: Job, kind: str, input_: StageInput | None = ROUND_1) -> dict[str, str]:
    """Return a worker's environment without what is the same for all."""
    job.spec[{"train": "trainSpec", "eval": "evalSpec", "infer": "deploySpec"}[kind]]["template"][
        "spec"
    ]["containers"][0]["env"] = []
    workers = factory(job)
    worker = workers.new(kind, 1)
    environment = workers.environment(worker, SERVER, input_)
    common = {
        "PATH": "/bin",
        "NAMESPACE": "farm",
        "JOB_NAME": "dogs",
        "WORKER_NAME": worker.name,
        "LC_SERVER": SERVER,
        "DATA_PATH_PREFIX": str(job.root),
        "TMPDIR": str(job.node(f"out/iljob/tmp/{kind}")),
    }
    assert common.items() <= environment.items()
    return {name: value for name, value in environment.items() if name not in common}


def test_a_train_worker_is_given_the_contracts_variables_and_no_other(job: Job) -> None:
    assert contract(job, TRAIN) == {
        "BASE_MODEL_URL": f"{job.root}/out/train/0/model.ckpt",
        "MODEL_URL": f"{job.root}/out/train/1",
        "TRAIN_DATASET_URL": f"{job.root}/out/data/train/1/data.txt",
        "ORIGINAL_DATASET_URL": f"{job.root}/data/index.txt",
    }


def test_an_eval_worker_is_given_the_contracts_variables_and_no_other(job: Job) -> None:
    assert contract(job, EVAL) == {
        "MODEL_URLS": f"{job.root}/out/train/0/model.ckpt;{job.root}/m/initial.ckpt",
        "TEST_DATASET_URL": f"{job.root}/out/data/train/1/data.txt",
        "ORIGINAL_DATASET_URL": f"{job.root}/data/index.txt",
    }


def test_an_inference_worker_is_given_the_contracts_variables_and_no_other(job: Job) -> None:
    environment = contract(job, INFER, None)
    assert json.loads(environment.pop("HEM_PARAMETERS")) == [
        {"key": "random_ratio", "value": "0.5"}
    ]
    assert environment == {
        "MODEL_URL": f"{job.root}/m/deploy.onnx",
        "HEM_NAME": "Random",
        "MODEL_HOT_UPDATE": "true",
        "MODEL_POLL_PERIOD_SECONDS": "60",
        "MODEL_HOT_UPDATE_CONFIG": (
            f"{job.root}/var/lib/sedna/model-hot-update/farm/incrementallearningjob/dogs/"
            "model_config.json"
        ),
    }


def test_without_hot_update_an_inference_worker_hears_nothing_of_it(job: Job) -> None:
    job.spec["deploySpec"]["model"]["hotUpdateEnabled"] = False
    assert not [name for name in contract(job, INFER, None) if "UPDATE" in name or "POLL" in name]


def test_with_slash_as_root_the_prefix_is_empty(job: Job) -> None:
    workers = factory(job, Path("/"))
    environment = workers.environment(workers.new(TRAIN, 1), SERVER, ROUND_1)
    assert environment["DATA_PATH_PREFIX"] == ""
    assert environment["MODEL_URL"] == "/out/train/1"


def test_the_contracts_variables_win_over_the_templates(job: Job) -> None:
    job.environment("train", MODEL_URL="/mine", epochs="5")
    workers = factory(job)
    environment = workers.environment(workers.new(TRAIN, 1), SERVER, ROUND_1)
    assert environment["MODEL_URL"] == f"{job.root}/out/train/1"
    assert environment["epochs"] == "5"


def test_workers_are_named_as_sedna_names_them(job: Job) -> None:
    workers = factory(job)
    names = {kind: workers.new(kind, 1).name for kind in (TRAIN, EVAL, INFER)}
    for kind, prefix in ((TRAIN, "train-worker-"), (EVAL, "eval-worker-"), (INFER, "inferworker-")):
        assert names[kind].startswith(prefix)
        assert len(names[kind]) == len(prefix) + 5
    worker = workers.new(TRAIN, 7)
    assert worker.log == job.root / f"out/iljob/logs/train-7-{worker.name}.log"


def test_a_container_without_a_command_runs_the_projects_worker(job: Job) -> None:
    del job.spec["trainSpec"]["template"]["spec"]["containers"][0]["command"]
    job.environment("train", class_names="croissant,dog")
    workers = factory(job)
    assert workers.command(workers.new(TRAIN, 1), {}) == [sys.executable, "-m", "workers", "train"]


def test_a_containers_command_comes_before_its_arguments(job: Job) -> None:
    container = job.spec["evalSpec"]["template"]["spec"]["containers"][0]
    container["command"], container["args"] = ["/bin/echo", "-n"], ["a", "b"]
    workers = factory(job)
    assert workers.command(workers.new(EVAL, 1), {}) == ["/bin/echo", "-n", "a", "b"]


def mounted(job: Job, **variables: str) -> dict[str, str]:
    pod = job.spec["deploySpec"]["template"]["spec"]
    pod["volumes"] = [
        {"name": "inbox", "hostPath": {"path": "/srv/inbox", "type": "DirectoryOrCreate"}},
        {"name": "deep", "hostPath": {"path": "/srv/deep", "type": "Directory"}},
        {"name": "scratch", "emptyDir": {}},
    ]
    pod["containers"][0]["volumeMounts"] = [
        {"name": "inbox", "mountPath": "/inbox"},
        {"name": "deep", "mountPath": "/inbox/deep", "subPath": "sub"},
        {"name": "scratch", "mountPath": "/scratch"},
    ]
    pod["containers"][0]["env"] = []
    job.environment("infer", **variables)
    spec = load_job([job.manifests]).job.spec.deploy_spec.template.spec
    return container_environment(spec, Node(job.root))


def test_values_in_a_mount_are_mapped_to_the_volume_on_this_machine(job: Job) -> None:
    root = job.root
    variables = mounted(
        job, a="/inbox", b="/inbox/x/y", c="/inbox/deep/z", d="/inboxes", e="/scratch/x", f="text"
    )
    assert variables == {
        "a": f"{root}/srv/inbox",
        "b": f"{root}/srv/inbox/x/y",
        "c": f"{root}/srv/deep/sub/z",
        "d": "/inboxes",
        "e": "/scratch/x",
        "f": "text",
    }


def test_volumes_are_made_or_missed_as_their_type_says(job: Job) -> None:
    mounted(job)
    pod = load_job([job.manifests]).job.spec.deploy_spec.template.spec
    with pytest.raises(SettingsError, match=r"volume deep: the folder .*/srv/deep is missing"):
        make_host_folders(pod, Node(job.root))
    assert job.node("srv/inbox").is_dir()
    job.node("srv/deep").mkdir()
    make_host_folders(pod, Node(job.root))


def test_all_that_one_machine_cannot_do_is_told(job: Job) -> None:
    job.spec["outputDir"] = "s3://bucket/out"
    pod = job.spec["trainSpec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "first"}]
    pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": "x"}}]
    pod["containers"][0]["env"] = [{"name": "NODE", "valueFrom": {}}]
    job.spec["evalSpec"]["template"]["spec"]["containers"].append({"name": "b", "image": "b:1"})
    job.resources["eval"] = resource("Model", "eval", {"url": "http://x/y", "format": "onnx"})
    with pytest.raises(SettingsError) as error:
        check_limits(load_job([job.manifests]))
    told = str(error.value)
    assert len(told.splitlines()) == 5
    for word in ("s3://bucket/out", "initContainers", "envFrom", "NODE", "there are 2 of them"):
        assert word in told
