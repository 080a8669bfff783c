import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from jobs.resources.checks import warnings
from jobs.resources.loader import load_job
from tests.manifests.reading import (
    MANIFESTS,
    OVERLAYS,
    ROOT,
    containers,
    document,
    documents,
    kustomized,
    pods,
    resources,
    sorted_documents,
    variables,
)
from workers.prepare.folders import prepare_folders

CRDS = ROOT.parent / "shared" / "crds"
WORKER_UID = 10001

PODS = dict(pods(documents()))
CONTAINERS = dict(containers(documents()))
WORKER_PODS = {name: pod for name, pod in PODS.items() if name.startswith("Incremental")}


def closed(schema: Any) -> Any:
    """Return ``schema`` with what it does not name forbidden, as the API server warns of it."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        copy.setdefault("additionalProperties", False)
    return copy


def crd_schema(plural: str) -> Any:
    """Return the schema of a CRD; skip where the CRDs are not."""
    file = CRDS / f"sedna.io_{plural}.yaml"
    if not file.exists():
        pytest.skip(f"{CRDS} is not here: Sedna's CRDs are not part of the project")
    definition = yaml.load(file.read_text(), yaml.CSafeLoader)
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize("kind", ["Dataset", "Model", "IncrementalLearningJob"])
def test_sednas_resources_fit_their_crds(kind: str) -> None:
    validator = Draft202012Validator(closed(crd_schema(f"{kind.lower()}s")))
    found = [each for each in documents() if each["kind"] == kind]
    assert found
    assert [error.message for each in found for error in validator.iter_errors(each)] == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda overlay: str(overlay.name))
def test_the_variants_fit_the_crds(overlay: Path) -> None:
    for each in sorted_documents(kustomized(overlay)):
        if each["apiVersion"].startswith("sedna.io/"):
            validator = Draft202012Validator(closed(crd_schema(f"{each['kind'].lower()}s")))
            assert not list(validator.iter_errors(each))


def test_every_pod_fits_the_pod_templates_schema() -> None:
    schema = crd_schema("incrementallearningjobs")
    template = schema["properties"]["spec"]["properties"]["trainSpec"]["properties"]["template"]
    validator = Draft202012Validator(closed(template["properties"]["spec"]))
    errors = {name: [e.message for e in validator.iter_errors(pod)] for name, pod in PODS.items()}
    assert errors == {name: [] for name in PODS}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_has_limits_and_a_fixed_image(name: str) -> None:
    container = CONTAINERS[name]
    assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    repository, _, tag = container["image"].partition(":")
    assert repository.startswith("sedna-tinyms/")
    assert tag not in {"", "latest"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_can_do_more_than_it_must(name: str) -> None:
    context = CONTAINERS[name]["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"]["drop"] == ["ALL"]
    assert "privileged" not in context
    added = context["capabilities"].get("add", [])
    assert added == (["CHOWN", "DAC_OVERRIDE"] if name.endswith("/folders") else [])


@pytest.mark.parametrize("name", PODS)
def test_every_pod_runs_as_the_workers_user(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = pod["securityContext"] | container["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (WORKER_UID, WORKER_UID)
        assert context["runAsNonRoot"] is True


@pytest.mark.parametrize("name", [*WORKER_PODS, "Job/dog-croissants-prepare"])
def test_a_read_only_root_comes_with_a_writable_tmp(name: str) -> None:
    pod = PODS[name]
    [volume] = [each["name"] for each in pod["volumes"] if "emptyDir" in each]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert {"name": volume, "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108 - in a pod


def test_only_the_cleaner_has_an_account() -> None:
    mounted = [name for name, pod in PODS.items() if pod["automountServiceAccountToken"]]
    assert mounted == ["CronJob/sedna-tinyms-cleaner"]


def test_hazard_6_deploying_overwrites_no_file_that_is_needed_again() -> None:
    job = resources()
    assert job.initial_model.spec.url != job.deploy_model.spec.url
    assert job.job.spec.eval_spec.initial_eval_model is None


def test_hazard_7_the_model_is_updated_while_it_serves() -> None:
    assert resources().job.spec.deploy_spec.model.hot_update_enabled


def test_hazard_8_ended_pods_are_deleted_by_an_account_that_can_do_nothing_else() -> None:
    role = document("Role")
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "delete"]}
    ]
    binding = document("RoleBinding")
    [subject] = binding["subjects"]
    assert (binding["roleRef"]["name"], subject["name"]) == (
        role["metadata"]["name"],
        document("ServiceAccount")["metadata"]["name"],
    )
    pod = PODS["CronJob/sedna-tinyms-cleaner"]
    assert pod["serviceAccountName"] == subject["name"]
    assert CONTAINERS["CronJob/sedna-tinyms-cleaner/cleaner"]["args"] == ["clean"]


def test_hazard_9_everything_stays_on_the_datasets_node() -> None:
    node = resources().dataset.spec.node_name
    on_node = {name: pod["nodeName"] for name, pod in PODS.items() if "CronJob" not in name}
    assert on_node == dict.fromkeys([*WORKER_PODS, "Job/dog-croissants-prepare"], node)


OFFLINE = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute"}
    for taint in ("unreachable", "not-ready")
]


@pytest.mark.parametrize("name", [*WORKER_PODS, "Job/dog-croissants-prepare"])
def test_hazard_12_an_offline_node_keeps_its_pods(name: str) -> None:
    assert PODS[name]["tolerations"] == OFFLINE


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda overlay: str(overlay.name))
def test_hazard_12_the_variants_keep_the_tolerations(overlay: Path) -> None:
    found = dict(pods(sorted_documents(kustomized(overlay))))
    assert {name for name, pod in found.items() if pod.get("tolerations") == OFFLINE} == {
        name for name in found if "CronJob" not in name
    }


def test_hazard_12_the_loader_has_no_warning_for_the_manifests() -> None:
    assert list(warnings(resources())) == []


def test_hazard_12_sednas_example_keeps_its_pods() -> None:
    example = next((ROOT / "upstream").rglob("dog_croissants*.yaml"))
    assert list(warnings(load_job([example]))) == []


def test_hazard_10_every_folder_of_the_workers_is_made_beforehand(tmp_path: Path) -> None:
    prepare = CONTAINERS["Job/dog-croissants-prepare/folders"]
    environment = {
        name: ",".join(f"{tmp_path}{path}" for path in value.split(","))
        for name, value in variables(prepare).items()
    }
    prepare_folders({**environment, "worker_uid": str(os.getuid())})
    job = resources()
    output = job.job.spec.output_dir
    volumes = job.job.spec.deploy_spec.template.spec.volumes
    needed = [
        *(f"{output}/{name}" for name in ("data/train", "data/eval", "train", "eval")),
        *(str(Path(m.spec.url).parent) for m in (job.initial_model, job.deploy_model)),
        *(volume.host_path.path for volume in volumes if volume.host_path),
    ]
    assert [path for path in needed if not Path(f"{tmp_path}{path}").is_dir()] == []
    assert Path(f"{tmp_path}{job.dataset.spec.url}").read_text() == ""


def test_the_preparation_writes_the_models_that_the_job_names() -> None:
    job = resources()
    for name in ("folders", "models"):
        told = variables(CONTAINERS[f"Job/dog-croissants-prepare/{name}"])
        assert told["initial_model_url"] == job.initial_model.spec.url
        assert told["deploy_model_url"] == job.deploy_model.spec.url


def test_the_preparation_mounts_every_path_that_it_is_told() -> None:
    pod = PODS["Job/dog-croissants-prepare"]
    [host] = [each["hostPath"]["path"] for each in pod["volumes"] if "hostPath" in each]
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert {"name": "data", "mountPath": host} in container["volumeMounts"]
        paths = [path for value in variables(container).values() for path in value.split(",")]
        assert all(path.startswith(f"{host}/") for path in paths if path.startswith("/"))


@pytest.mark.parametrize("variable", ["class_names", "input_shape"])
def test_the_network_is_the_same_everywhere(variable: str) -> None:
    told = {variables(each).get(variable) for each in CONTAINERS.values() if "env" in each}
    assert len(told - {None}) == 1


def test_what_a_user_edits_is_said_at_the_top_of_the_job() -> None:
    text = (MANIFESTS / "job.yaml").read_text()
    head = text[: text.index("apiVersion")]
    job = resources()
    conditions = [
        spec.trigger.condition for spec in (job.job.spec.train_spec, job.job.spec.deploy_spec)
    ]
    edited = [
        job.dataset.spec.node_name,
        str(Path(job.dataset.spec.url).parents[1]),
        "sedna-tinyms/*:" + CONTAINERS["CronJob/sedna-tinyms-cleaner/cleaner"]["image"][-5:],
        variables(CONTAINERS["Job/dog-croissants-prepare/models"])["class_names"],
        *(f"threshold: {condition.threshold:g}" for condition in conditions),
    ]
    assert [word for word in edited if word not in head] == []
