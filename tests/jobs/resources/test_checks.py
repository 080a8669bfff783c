from typing import Any

import pytest

from backend.errors import SettingsError
from jobs.resources.checks import warnings
from jobs.resources.loader import load_job
from tests.jobs.conftest import Job, resource


def mistake(job: Job) -> str:
    with pytest.raises(SettingsError) as error:
        load_job([job.manifests])
    _, told = str(error.value).split("IncrementalLearningJob/dogs: ")
    return told


def run_the_projects_worker(job: Job, **variables: str) -> None:
    container: dict[str, Any] = job.spec["trainSpec"]["template"]["spec"]["containers"][0]
    del container["command"]
    job.environment("train", **variables)


@pytest.mark.parametrize("metric", ["accuracy_delta", "accuracy[]", "accuracy[-1]", "[0]"])
def test_a_deploy_metric_needs_an_index(job: Job, metric: str) -> None:
    job.spec["deploySpec"]["trigger"]["condition"]["metric"] = metric
    assert mistake(job).startswith(f"spec.deploySpec.trigger.condition.metric: {metric} has no")


def test_training_is_triggered_by_the_number_of_samples_only(job: Job) -> None:
    job.spec["trainSpec"]["trigger"]["condition"]["metric"] = "samples"
    assert mistake(job).endswith("samples never fires: write num_of_samples")


def test_a_trigger_that_needs_no_sample_is_a_mistake(job: Job) -> None:
    job.spec["trainSpec"]["trigger"]["condition"]["threshold"] = 0
    assert "num_of_samples >= 0 holds without a sample" in mistake(job)


def test_initial_and_deployed_model_are_different_files(job: Job) -> None:
    job.resources["deploy"]["spec"]["url"] = "/m/../m/initial.ckpt"
    assert "are the same file" in mistake(job)


def test_the_model_to_hold_to_at_first_is_not_the_initial_models_file(job: Job) -> None:
    url = {"url": "/m/initial.ckpt", "format": "ckpt"}
    job.resources["held"] = resource("Model", "held", url)
    job.spec["evalSpec"]["initialEvalModel"] = {"name": "held"}
    assert mistake(job).endswith("deploying overwrites it: give it a copy")


@pytest.mark.parametrize("spec", ["trainSpec", "evalSpec", "deploySpec"])
def test_every_worker_is_on_the_datasets_node(job: Job, spec: str) -> None:
    job.spec[spec]["template"]["spec"]["nodeName"] = "cloud"
    assert mistake(job).startswith(f"spec.{spec}.template.spec.nodeName: cloud, but the dataset")


def put_everything_in_s3(job: Job) -> None:
    job.spec["outputDir"] = "s3://bucket/out"
    for name in ("dataset", "initial", "deploy"):
        spec = job.resources[name]["spec"]
        spec["url"] = f"s3://bucket{spec['url']}"


def test_with_everything_in_s3_each_worker_may_be_on_another_node(job: Job) -> None:
    put_everything_in_s3(job)
    job.spec["deploySpec"]["model"]["hotUpdateEnabled"] = False
    job.spec["evalSpec"]["template"]["spec"]["nodeName"] = "cloud"
    del job.spec["trainSpec"]["template"]["spec"]["nodeName"]
    job.spec["deploySpec"]["template"]["spec"]["nodeName"] = "second-edge"
    assert load_job([job.manifests])


def test_hot_updates_are_written_on_the_datasets_node_wherever_the_models_are(job: Job) -> None:
    put_everything_in_s3(job)
    job.spec["evalSpec"]["template"]["spec"]["nodeName"] = "cloud"
    job.spec["deploySpec"]["template"]["spec"]["nodeName"] = "cloud"
    assert mistake(job).startswith("spec.deploySpec.template.spec.nodeName: cloud, but")


@pytest.mark.parametrize("name", ["dataset", "initial", "deploy"])
def test_one_file_on_the_node_keeps_every_worker_there(job: Job, name: str) -> None:
    url = job.resources[name]["spec"]["url"]
    put_everything_in_s3(job)
    job.resources[name]["spec"]["url"] = url
    job.spec["trainSpec"]["template"]["spec"]["nodeName"] = "cloud"
    assert mistake(job).startswith("spec.trainSpec.template.spec.nodeName: cloud, but")


@pytest.mark.parametrize(("share", "told"), [(0, "ever trained on"), (1, "to evaluate a model on")])
def test_samples_go_both_to_training_and_to_evaluation(job: Job, share: int, told: str) -> None:
    job.spec["dataset"]["trainProb"] = share
    assert mistake(job).startswith(f"spec.dataset.trainProb: with {share} no sample is ")
    assert told in mistake(job)


def test_a_node_selector_stands_for_a_node_name(job: Job) -> None:
    pod = job.spec["trainSpec"]["template"]["spec"]
    del pod["nodeName"]
    pod["nodeSelector"] = {"edge": "yes"}
    assert load_job([job.manifests])


def test_a_mount_needs_its_volume(job: Job) -> None:
    container = job.spec["deploySpec"]["template"]["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "inbox", "mountPath": "/inbox"}]
    assert "there is no volume inbox" in mistake(job)


def test_training_reports_the_formats_that_models_have(job: Job) -> None:
    run_the_projects_worker(job, model_formats="ckpt")
    assert mistake(job) == (
        "spec.deploySpec.model.name: Model deploy has format onnx, but training reports ckpt:"
        " name it in model_formats"
    )


@pytest.mark.parametrize("name", ["class_names", "CLASS_NAMES"])
def test_class_names_are_found_as_the_worker_finds_them(job: Job, name: str) -> None:
    job.environment("infer", **{name: "croissant, dog,"})
    assert load_job([job.manifests]).class_names == ["croissant", "dog"]


def test_training_reports_checkpoints_and_onnx_unless_told_otherwise(job: Job) -> None:
    run_the_projects_worker(job)
    assert load_job([job.manifests])


def test_the_formats_of_the_eval_model_count_too(job: Job) -> None:
    spec = {"url": "/m/eval.mindir", "format": "mindir"}
    job.resources["eval"] = resource("Model", "eval", spec)
    job.spec["evalSpec"]["initialEvalModel"] = {"name": "eval"}
    run_the_projects_worker(job)
    assert mistake(job).startswith("spec.evalSpec.initialEvalModel.name: Model eval has format")


def test_what_another_worker_reports_is_its_own_business(job: Job) -> None:
    job.environment("train", model_formats="pb")
    assert load_job([job.manifests])


def deploy_in_int8(job: Job, url: str = "/m/deploy/model.int8.onnx") -> None:
    job.resources["deploy"]["spec"] |= {"format": "int8", "url": url}
    run_the_projects_worker(job, model_formats="ckpt,onnx,int8")


def test_a_model_in_int8_can_be_deployed(job: Job) -> None:
    deploy_in_int8(job)
    assert load_job([job.manifests]).deploy_model.spec.format == "int8"


@pytest.mark.parametrize("name", ["model.onnx", "model.ckpt", "int8.onnx"])
def test_what_is_deployed_has_a_file_name_of_its_format(job: Job, name: str) -> None:
    deploy_in_int8(job, f"/m/deploy/{name}")
    assert mistake(job) == (
        f"spec.deploySpec.model.name: Model deploy has format int8, but its file /m/deploy/{name}"
        " is of another by its name: name it like model.int8.onnx"
    )


def test_the_file_of_the_model_to_hold_to_at_first_has_its_formats_name_too(job: Job) -> None:
    spec = {"url": "/m/eval/model.int8.onnx", "format": "onnx"}
    job.resources["eval"] = resource("Model", "eval", spec)
    job.spec["evalSpec"]["initialEvalModel"] = {"name": "eval"}
    run_the_projects_worker(job)
    assert mistake(job).startswith("spec.evalSpec.initialEvalModel.name: Model eval has format")


def test_int8_cannot_be_trained_on(job: Job) -> None:
    job.resources["initial"]["spec"] |= {"format": "int8", "url": "/m/initial/model.int8.onnx"}
    run_the_projects_worker(job, model_formats="onnx,int8")
    assert mistake(job).startswith("spec.initialModel.name: Model initial has format int8, which")


KEPT = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("changes", "is_safe"),
    [
        ({}, True),
        ({"effect": ""}, True),
        ({"key": ""}, True),
        ({"operator": "Equal"}, True),
        ({"tolerationSeconds": 600}, False),
        ({"effect": "NoSchedule"}, False),
        ({"operator": "Equal", "value": "true"}, False),
        ({"key": "node.kubernetes.io/disk-pressure"}, False),
    ],
)
def test_a_pod_that_an_outage_would_cost_is_a_warning(
    job: Job, changes: dict[str, Any], is_safe: bool
) -> None:
    spec = job.spec["evalSpec"]["template"]["spec"]
    spec["tolerations"] = [spec["tolerations"][0], {**KEPT, **changes}]
    found = list(warnings(load_job([job.manifests])))
    assert [sentence.partition(":")[0] for sentence in found] == (
        [] if is_safe else ["spec.evalSpec.template.spec.tolerations"]
    )
