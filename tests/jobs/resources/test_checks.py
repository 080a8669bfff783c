from typing import Any

import pytest

from backend.errors import SettingsError
from jobs.resources.checks import warnings
from jobs.resources.loader import load_job
from tests.jobs.conftest import SPECS, Job, resource


def mistake(job: Job) -> str:
    with pytest.raises(SettingsError) as error:
        load_job([job.manifests])
    _, told = str(error.value).split("IncrementalLearningJob/dogs: ")
    return told


def run_the_projects_worker(job: Job, kind: str = "train", **variables: str) -> None:
    container: dict[str, Any] = job.spec[SPECS[kind]]["template"]["spec"]["containers"][0]
    del container["command"]
    container["env"] = []
    job.environment(kind, **{"class_names": "croissant,dog", "input_shape": "96,96"} | variables)


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


@pytest.mark.parametrize(
    ("kind", "variables", "told"),
    [
        ("train", {"learning_rate": "0,001"}, "learning_rate='0,001': Input should be a valid num"),
        ("train", {"fine_tune": "heads"}, "fine_tune='heads': expected head, full or the number"),
        ("train", {"epochs": "0"}, "epochs='0': Input should be greater than 0"),
        ("eval", {"batch_size": "many"}, "batch_size='many': Input should be a valid integer"),
        ("eval", {"class_names": ""}, "class_names is not set"),
        ("infer", {"input_shape": "97"}, "input_shape='97': input_size=97: for mobilenetv2"),
        ("infer", {"report_margin_seconds": "-1"}, "report_margin_seconds='-1': Input should be"),
    ],
)
def test_a_value_that_a_worker_would_refuse_is_a_mistake(
    job: Job, kind: str, variables: dict[str, str], told: str
) -> None:
    run_the_projects_worker(job, kind, **variables)
    assert mistake(job).startswith(f"spec.{SPECS[kind]}.template.spec.containers.0.env: {told}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("class_names", "dog,croissant"),
        ("class_names", "croissant,dog,cat"),
        ("input_shape", "64"),
        ("test_index", "test.txt"),
    ],
)
def test_the_workers_of_a_job_have_the_same_network(job: Job, variable: str, value: str) -> None:
    for kind in SPECS:
        run_the_projects_worker(job, kind, **({variable: value} if kind == "eval" else {}))
    assert mistake(job) == (
        f"spec.evalSpec.template.spec.containers.0.env: {variable} differs from that of"
        " spec.trainSpec: the workers share one model, write the same"
    )


def test_the_same_network_may_be_written_in_two_ways(job: Job) -> None:
    run_the_projects_worker(job, "train", class_names="croissant, dog", input_shape="96")
    run_the_projects_worker(job, "eval")
    assert load_job([job.manifests])


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("cross-entropy", [], "HEM_NAME='cross-entropy': is not a hard example miner: use one of"),
        ("IBT", [("threshold", "0.9")], "HEM_PARAMETERS: 'threshold' is not a parameter of IBT"),
        ("IBT", [("threshold_img", "90")], "threshold_img='90': expected a number from 0 to 1"),
    ],
)
def test_a_miner_that_a_worker_would_refuse_is_a_mistake(
    job: Job, name: str, parameters: list[tuple[str, str]], told: str
) -> None:
    run_the_projects_worker(job, "infer")
    mining = job.spec["deploySpec"]["hardExampleMining"]
    mining |= {"name": name, "parameters": [{"key": k, "value": v} for k, v in parameters]}
    assert mistake(job).startswith("spec.deploySpec.hardExampleMining: ")
    assert told in mistake(job)


@pytest.mark.parametrize("variable", ["class_names", "http_token", "input_shape"])
def test_a_value_that_comes_from_elsewhere_is_not_judged(job: Job, variable: str) -> None:
    run_the_projects_worker(job, "infer")
    container = job.spec["deploySpec"]["template"]["spec"]["containers"][0]
    written = [each for each in container["env"] if each["name"] != variable]
    source = {"secretKeyRef": {"name": "secret", "key": "k"}}
    container["env"] = [*written, {"name": variable, "valueFrom": source}]
    assert load_job([job.manifests])
    container["env"] = [*written, {"name": variable, "value": "$(OTHER)"}]
    assert load_job([job.manifests])
    container["env"] = written
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    assert load_job([job.manifests])


def told_of(job: Job, **variables: str) -> list[str]:
    """Return the warnings of variables of the train worker."""
    run_the_projects_worker(job, "train", **variables)
    field = "spec.trainSpec.template.spec.containers.0.env: "
    told = [each for each in warnings(load_job([job.manifests])) if each.startswith(field)]
    return [each.removeprefix(field) for each in told]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("epoch", "epochs"), ("learning_rat", "learning_rate"), ("Epochs", "epochs"),
     ("BACKEND_TYP", "BACKEND_TYPE"), ("batchsize", "batch_size")],
)  # fmt: skip
def test_a_variable_that_is_not_read_is_told_with_the_nearest_that_is(
    job: Job, variable: str, meant: str
) -> None:
    assert told_of(job, **{variable: "5"}) == [f"{variable} is not read: did you mean {meant}?"]


def test_a_parameter_like_no_other_is_told(job: Job) -> None:
    assert told_of(job, zzz="1") == ["zzz is not read by the train worker"]


@pytest.mark.parametrize(
    "variable", ["EPOCHS", "DEBUG", "https_proxy", "HTTPS_PROXY", "OMP_NUM_THREADS", "GLOG_v"]
)
def test_a_variable_that_is_read_or_is_anothers_is_not_told(job: Job, variable: str) -> None:
    assert told_of(job, **{variable: "1"}) == []


def test_variables_of_another_worker_are_not_judged(job: Job) -> None:
    job.environment("eval", epoch="0,5", class_names="one")
    told = warnings(load_job([job.manifests]))
    assert not [each for each in told if "env" in each]


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
        " is named for another format: name it like model.int8.onnx"
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
