"""The how-to pages' own commands, files and names."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from jobs.resources.checks import JobResources
from jobs.resources.loader import load_job
from jobs.status import Outcome
from tests.brightness_model import SIDE, write_model
from tests.docs.reading import DOCS, blocks
from tests.docs.running import (
    commands,
    draw_cups_and_spoons,
    free_port,
    run,
    save_weights,
    started,
    write_files,
)
from tests.jobs.conftest import Job, job
from tests.local_controller import FakeLocalController, serve_local_controller
from tests.manifests.reading import MANIFESTS, document, kustomized
from tests.workers.infer.http.worker import Worker, running, wait_until_ready
from tests.workers.label.conftest import fill, folder
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.sedna.hot_update import REPORTED_UPDATE_FILE

__all__ = ["fill", "folder", "job"]

HOW_TO = DOCS / "how-to"
JOB = "dog-croissants"
_HTTP, _LABEL = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
_METRIC = re.compile(r"\binference_\w+")


def _file(page: Path, title: str) -> Any:
    [text] = [block.text for block in blocks(page) if block.title == title]
    return yaml.safe_load(text)


# S3 storage


@pytest.mark.e2e
def test_a_round_is_trained_with_everything_in_s3(tmp_path: Path) -> None:
    page, ports = HOW_TO / "storage.md", {"5555": free_port(), "9100": free_port()}
    for kind in ("cup", "spoon"):
        draw_cups_and_spoons(tmp_path / "photos", kind, 12, seed=1)
    save_weights(tmp_path)
    write_files(page, tmp_path, **ports)

    run("\n".join(commands(page, **ports)), tmp_path)

    [line] = (tmp_path / "reports.log").read_text().splitlines()
    report = WorkerMessage.model_validate_json(line)
    assert (report.kind, report.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    urls = {f"s3://cups/output/train/1/model.{suffix}" for suffix in ("ckpt", "onnx")}
    assert {result.url for result in report.results} == urls


def _overlaid(page: Path, secret: str, folder: Path) -> JobResources:
    """Return the job of the project's manifests with the page's overlay."""
    shutil.copytree(MANIFESTS, folder / "manifests")
    overlay = folder / "overlays" / "s3"
    overlay.mkdir(parents=True)
    write_files(page, overlay)
    (overlay / "secret.yaml").write_text(secret)
    applied = folder / "applied.yaml"
    applied.write_text(kustomized(overlay))
    return load_job([applied])


def _secret() -> str:
    return next(
        block.text for block in blocks(HOW_TO / "storage.md") if "kind: Secret" in block.text
    )


needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="there is no kubectl here"
)


@needs_kubectl
def test_the_overlay_for_several_nodes_is_a_job_that_the_loader_takes(tmp_path: Path) -> None:
    resources = _overlaid(HOW_TO / "several-nodes.md", _secret(), tmp_path)

    nodes = {field: pod.node_name for field, pod in resources.pods.items()}
    assert len(set(nodes.values())) == 2
    assert nodes["spec.deploySpec"] == resources.dataset.spec.node_name
    assert {url.partition("//")[0] for url in resources.urls.values()} == {"s3:"}


@needs_kubectl
def test_the_overlay_for_s3_is_a_job_that_the_loader_takes(tmp_path: Path) -> None:
    secret = _secret()

    resources = _overlaid(HOW_TO / "storage.md", secret, tmp_path)

    name = yaml.safe_load(secret)["metadata"]["name"]
    assert resources.dataset.spec.url == "s3://lamps/dataset/index.txt"
    assert resources.dataset.spec.credential_name == name
    assert resources.job.spec.output_dir == "s3://lamps/output"
    assert resources.job.spec.credential_name == name


# Moving a job, and a failed round


def test_a_job_is_moved(job: Job) -> None:
    folder = job.manifests.parent
    job.append(10)
    run("iljob run manifests --root node --rounds 1", folder)
    job.append(10, "later")

    run("\n".join(commands(HOW_TO / "move-a-job.md")), folder)

    status = job.runner(folder / "elsewhere").status()
    assert [round_.outcome for round_ in status.rounds] == [Outcome.DEPLOYED] * 2
    assert not job.root.exists()


def test_the_reason_of_a_failed_round_is_shown(job: Job) -> None:
    job.environment("train", behaviour="fail")
    job.append(10)
    run("! iljob run manifests --root node --rounds 1", job.manifests.parent)

    status, retry = commands(HOW_TO / "failed-round.md")
    shown = run(status, job.manifests.parent)
    assert re.search(r"round 1 .*failed .*/out/iljob/logs/train-1-", shown)

    run(retry, job.manifests.parent)
    job.environment("train", behaviour="complete")
    run("iljob run manifests --root node --rounds 2", job.manifests.parent)
    assert [each.outcome for each in job.runner().status().rounds][-1] is Outcome.DEPLOYED


# Rollback and monitoring, with one inference worker


@pytest.fixture
def local_controller() -> Iterator[FakeLocalController]:
    with serve_local_controller() as controller:
        yield controller


class Node:
    """A node on which rounds 2 and 3 have been deployed."""

    def __init__(self, root: Path, local_controller: FakeLocalController) -> None:
        self.data = root / "node" / "data" / JOB
        self.hot_update = (
            root / "node/var/lib/sedna/model-hot-update/default/incrementallearningjob" / JOB
        )
        self.deployed = write_model(self.data / "models" / "deploy" / "model.onnx", sharpness=1)
        self.hot_update.mkdir(parents=True)
        for number in (2, 3):
            self._trained(number, "onnx")
            self._trained(number, "ckpt")
        self._controller = local_controller

    def _trained(self, number: int, suffix: str) -> None:
        write_model(self.data / f"output/train/{number}/model.{suffix}", sharpness=number)

    def deploy(self, number: int) -> None:
        """Do what the LocalController does, and wait for the worker's report."""
        model = self.hot_update / "model.onnx"
        for target in (model, self.deployed):
            shutil.copy(self.data / f"output/train/{number}/model.onnx", target)
        update = {"model_path": str(model), "model_update_time": f"2026-11-22 11:45:3{number}"}
        config = {"model_config": update}
        (self.hot_update / "model_config.json").write_text(json.dumps(config))
        message = self._controller.next_message()
        assert (message.kind, message.status) == (WorkerKind.DEPLOY, WorkerStatus.COMPLETED)

    @contextmanager
    def serving(self) -> Iterator[Worker]:
        variables = {
            "JOB_NAME": JOB,
            "WORKER_NAME": "inferworker-abcde",
            "LC_SERVER": self._controller.url,
            "class_names": "croissant,dog",
            "input_shape": str(SIDE),
            "MODEL_URL": str(self.deployed),
            "MODEL_HOT_UPDATE": "true",
            "MODEL_HOT_UPDATE_CONFIG": str(self.hot_update / "model_config.json"),
            "MODEL_POLL_PERIOD_SECONDS": "1",
        }
        with running(variables) as worker:
            wait_until_ready(worker)
            yield worker


@pytest.fixture
def node(tmp_path: Path, local_controller: FakeLocalController) -> Node:
    return Node(tmp_path, local_controller)


def _version(worker: Worker) -> str:
    with worker.client() as client:
        [version] = client.get(f"/v2/models/{JOB}").json()["versions"]
    return str(version)


def test_a_rollback_at_once_and_one_for_good(
    node: Node, tmp_path: Path, local_controller: FakeLocalController
) -> None:
    page = HOW_TO / "rollback.md"
    with node.serving() as worker:
        node.deploy(2)
        good = _version(worker)
        node.deploy(3)
        bad = _version(worker)
        at_once, for_good = commands(page, **{_HTTP: worker.url})
        output = run(at_once, tmp_path)
        assert re.findall(rf"{good}|{bad}", output) == [bad, good, good]
    with node.serving() as worker:
        assert _version(worker) == bad

    run(for_good, tmp_path)

    with node.serving() as worker:
        assert _version(worker) == good
    trained = node.data / "output" / "train"
    assert node.deployed.read_bytes() == (trained / "2/model.onnx").read_bytes()
    assert (trained / "3/model.ckpt").read_bytes() == (trained / "2/model.ckpt").read_bytes()
    assert (node.hot_update / REPORTED_UPDATE_FILE).exists()
    assert local_controller.messages.empty()


def test_the_metrics_are_asked_for_by_hand(node: Node, tmp_path: Path) -> None:
    with node.serving() as worker:
        [command] = commands(HOW_TO / "monitoring.md", **{_HTTP: worker.url})
        lines = run(command, tmp_path).splitlines()

    assert {_METRIC.match(line)[0] for line in lines} == {  # type: ignore[index]  # each does
        "inference_model_info",
        "inference_queue_images",
        "inference_hard_images_total",
    }


def test_each_metric_on_the_page_is_one_of_the_workers(node: Node) -> None:
    with node.serving() as worker, worker.client() as client:
        text = client.get("/metrics").text
    # Before 500 answers there is no drift to show, but its type is listed.
    real = set(_METRIC.findall(text))

    named = set(_METRIC.findall((HOW_TO / "monitoring.md").read_text()))

    assert len(named) > 5
    assert named - real == set()


def test_each_rule_says_when_and_what() -> None:
    rules = _file(HOW_TO / "monitoring.md", "inference-rules.yml")["groups"][0]["rules"]
    scraped = _file(HOW_TO / "monitoring.md", "prometheus.yml")["scrape_configs"][0]

    assert len(rules) > 4
    for rule in rules:
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert rule["annotations"]["summary"]
        assert set(re.findall(r'\bjob="(\w+)"', rule["expr"])) <= {scraped["job_name"]}
        outcomes = set(re.findall(r'outcome="(\w+)"', rule["expr"]))
        assert outcomes <= set(WorkerStatus)


def test_the_page_explains_every_panel_of_the_dashboard() -> None:
    dashboard = json.loads((DOCS / "grafana" / "inference.json").read_text())
    page = (HOW_TO / "monitoring.md").read_text()

    titles = [panel["title"] for panel in dashboard["panels"]]

    assert titles
    assert [title for title in titles if title not in page] == []


# Labelling


@contextmanager
def _labelling(root: Path, command: str) -> Iterator[str]:
    with started(command, root, {"http_port": "0"}) as process:
        assert process.stdout
        for line in process.stdout:
            if match := re.search(r"open (http://\S+)/", line):
                yield match[1]
                return
        raise AssertionError("the worker ended before it listened")


def test_hard_examples_are_labelled_and_go_through_label_studio(
    tmp_path: Path, folder: Path, fill: Any
) -> None:
    page, data = HOW_TO / "labelling.md", tmp_path / "node" / "data" / JOB
    names = fill(3)
    (data / "dataset").mkdir(parents=True)
    shutil.move(folder, data / "hard-examples")
    start = commands(page)[0]

    with _labelling(tmp_path, start) as url:
        _, count, exchange = commands(page, **{_LABEL: url})
        counted = json.loads(run(count, tmp_path))
        export, import_ = exchange.strip().splitlines()
        run(export, tmp_path)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        tasks[0]["annotations"] = [
            {"result": [{"from_name": "label", "value": {"choices": ["croissant"]}}]}
        ]
        (tmp_path / "labelled.json").write_text(json.dumps(tasks))
        imported = json.loads(run(import_, tmp_path))
        gone = httpx.post(f"{url}/label", json={"name": names[0], "label": "dog"}, trust_env=False)

    assert (counted["waiting"], counted["pending"]) == (3, 0)
    assert [Path(task["data"]["image"]).name for task in tasks] == names
    assert (imported["result"]["taken"], imported["waiting"], imported["saved"]) == (1, 2, 1)
    index = (data / "dataset" / "index.txt").read_text()
    assert index == f"hard-examples/{names[0]} croissant\n"
    assert gone.status_code == httpx.codes.CONFLICT


def test_the_labelling_pod_is_as_guarded_as_the_inference_pod() -> None:
    [manifest] = [_file(HOW_TO / "labelling.md", "label.yaml")]
    pod = manifest["spec"]["template"]["spec"]
    spec = document("IncrementalLearningJob")["spec"]
    infer = spec["deploySpec"]["template"]["spec"]

    [label], [serving] = pod["containers"], infer["containers"]
    for key in ("nodeName", "tolerations", "securityContext", "automountServiceAccountToken"):
        assert pod[key] == infer[key]
    for key in ("image", "imagePullPolicy", "securityContext"):
        assert label[key] == serving[key]
    environment = {each["name"]: each["value"] for each in label["env"]}
    given = {each["name"]: each["value"] for each in serving["env"]}
    assert environment["class_names"] == given["class_names"]
    paths = {each["hostPath"]["path"] for each in pod["volumes"] if "hostPath" in each}
    hard = {each["hostPath"]["path"] for each in infer["volumes"] if "hostPath" in each}
    dataset = Path(document("Dataset")["spec"]["url"]).parent
    assert paths - hard == {str(dataset)}
    assert len(paths & hard) == 1
    mounts = {each["name"] for each in label["volumeMounts"]}
    assert mounts == {each["name"] for each in pod["volumes"]}
    assert (
        manifest["spec"]["selector"]["matchLabels"]
        == manifest["spec"]["template"]["metadata"]["labels"]
    )
