import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.errors import SettingsError
from jobs.resources.checks import JobResources
from jobs.resources.loader import load_documents, load_job, load_jobs
from tests.jobs.conftest import Job

PROJECT_MANIFESTS = Path(__file__).parents[3] / "manifests"


def problems(job: Job) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_job([job.manifests])
    return str(error.value).splitlines()


def test_the_projects_own_manifests_are_right() -> None:
    assert load_job([PROJECT_MANIFESTS]).name == "dog-croissants"


def test_a_job_comes_with_the_resources_that_it_names(job: Job) -> None:
    resources = load_job([job.manifests])
    assert resources.dataset.spec.url == "/data/index.txt"
    assert resources.initial_model.spec.format == "ckpt"
    assert resources.deploy_model is resources.eval_model
    assert resources.namespace == "farm"


def test_files_may_be_named_one_by_one(job: Job) -> None:
    assert load_job([job.manifests / "job.yaml"]).name == "dogs"


def test_other_kinds_are_ignored(job: Job) -> None:
    job.resources["role"] = {"apiVersion": "rbac/v1", "kind": "Role", "whatever": 1}
    job.resources["foreign"] = {"apiVersion": "data.fluid.io/v1", "kind": "Dataset"}
    assert load_job([job.manifests]).name == "dogs"


def test_a_misspelt_field_is_told_with_its_place_and_a_suggestion(job: Job) -> None:
    job.spec["deploySpec"]["trigger"]["condition"]["metrc"] = "x"
    assert problems(job) == [
        f"{job.manifests}/job.yaml: IncrementalLearningJob/dogs:"
        " spec.deploySpec.trigger.condition.metrc: unknown field: did you mean metric?"
    ]


def test_a_misspelt_field_of_a_container_is_told(job: Job) -> None:
    container = job.spec["trainSpec"]["template"]["spec"]["containers"][0]
    container["imagePulPolicy"] = "Always"
    assert problems(job)[0].endswith(
        "template.spec.containers.0.imagePulPolicy: unknown field: did you mean imagePullPolicy?"
    )


def test_a_field_like_no_other_is_told_with_the_known_ones(job: Job) -> None:
    job.resources["initial"]["spec"]["zzz"] = 1
    assert "the known ones are url, format, device_soc_versions, credentialName" in problems(job)[0]


def test_pod_fields_that_the_runner_does_not_use_are_kept(job: Job) -> None:
    job.spec["trainSpec"]["template"]["spec"]["hostAliases"] = [{"ip": "10.0.0.1"}]
    pod = load_job([job.manifests]).job.spec.train_spec.template.spec
    assert pod.other == {"hostAliases": [{"ip": "10.0.0.1"}]}


def test_everything_wrong_is_told_at_once(job: Job) -> None:
    job.spec["dataset"]["trainProb"] = 1.5
    job.resources["dataset"]["spec"]["format"] = "csv"
    job.spec["deploySpec"]["model"]["pollPeriodSeconds"] = 0
    del job.spec["deploySpec"]["hardExampleMining"]
    told = "\n".join(problems(job))
    assert "Dataset/samples: spec.format: " in told
    assert "spec.dataset.trainProb: " in told
    assert "spec.deploySpec.model.pollPeriodSeconds: " in told
    assert "spec.deploySpec.hardExampleMining: is missing: add it" in told
    assert len(told.splitlines()) == 4


@pytest.mark.parametrize("value", [5, True, 0.5])
def test_an_environment_value_that_is_not_text_is_told(job: Job, value: object) -> None:
    env = job.spec["trainSpec"]["template"]["spec"]["containers"][0]["env"]
    env[:] = [{"name": "epochs", "value": value}]
    assert problems(job)[0].endswith(f"env.0.value: {value!r} is not text: put it in quotes")


def loaded_with(job: Job, spec: dict[str, Any], field: str, value: str) -> JobResources:
    """Load the job with ``value`` as YAML text for a field of ``spec``."""
    spec[field] = "TEXT"
    file = job.manifests / "job.yaml"
    file.write_text(file.read_text().replace(f"{field}: TEXT", f"{field}: {value}"))
    return load_job([file])


@pytest.mark.parametrize("time", ["20:00", "00:00", "'09:30'", "23:59"])
def test_a_time_is_text_with_or_without_quotes_as_it_is_to_kubectl(job: Job, time: str) -> None:
    timer = job.spec["trainSpec"]["trigger"]["timer"] = {"end": "10:00"}
    loaded = loaded_with(job, timer, "start", time).job.spec.train_spec.trigger.timer
    assert loaded is not None
    assert loaded.start == time.strip("'")


@pytest.mark.parametrize("time", ["24:00", "'24:00'", "9:00", "12:60", "noon", "1440", "1200"])
def test_a_time_that_sedna_would_compare_wrongly_is_told_with_one_that_works(
    job: Job, time: str
) -> None:
    timer = job.spec["trainSpec"]["trigger"]["timer"] = {"start": "10:00"}
    with pytest.raises(SettingsError, match=r'timer\.end: .*like "09:00"; the latest is "23:59"'):
        loaded_with(job, timer, "end", time)


@pytest.mark.parametrize(
    ("text", "number"), [("1e2", 100.0), ("1.5e+1", 15.0), (".5", 0.5), ("0x10", 16.0), ("010", 8)]
)
def test_numbers_are_read_as_kubectl_reads_them(job: Job, text: str, number: float) -> None:
    condition = job.spec["trainSpec"]["trigger"]["condition"]
    trigger = loaded_with(job, condition, "threshold", text).job.spec.train_spec.trigger
    assert trigger.condition.threshold == number


@pytest.mark.parametrize("text", ["y", "no", "On", "2026-11-22x", "2026-11-22", "1:30", "=", "<<x"])
def test_words_are_read_as_kubectl_reads_them(job: Job, text: str) -> None:
    env = job.spec["trainSpec"]["template"]["spec"]["containers"][0]["env"]
    env.append({"name": "word"})
    if text in {"y", "no", "On"}:
        with pytest.raises(SettingsError, match="is not text: put it in quotes"):
            loaded_with(job, env[-1], "value", text)
        return
    container = loaded_with(job, env[-1], "value", text).job.spec.train_spec.template.spec
    assert container.containers[0].environment["word"] == text


@pytest.mark.parametrize("text", ["null", "~", ""])
def test_a_field_that_is_null_is_one_that_is_not_there(job: Job, text: str) -> None:
    template = job.spec["trainSpec"]["template"]
    template["metadata"] = {"creationTimestamp": None}
    job.spec["evalSpec"]["template"]["metadata"] = None
    template["spec"]["containers"][0]["env"].append({"name": "x", "value": None})
    assert loaded_with(job, job.spec, "credentialName", text).job.spec.credential_name == ""
    job.spec["outputDir"] = None
    assert problems(job)[0].endswith("spec.outputDir: is missing: add it")


def test_a_limit_may_be_a_number(job: Job) -> None:
    container = job.spec["trainSpec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"limits": {"nvidia.com/gpu": 1}}
    assert load_job([job.manifests])


def test_a_number_in_quotes_is_told(job: Job) -> None:
    job.spec["dataset"]["trainProb"] = "0.8"
    assert problems(job)[0].endswith("trainProb: '0.8' is text: write it without quotes")


@pytest.mark.parametrize("has_kinds", [True, False])
def test_lists_are_read_like_the_resources_in_them(job: Job, has_kinds: bool) -> None:
    wanted = [*job.resources.values()]
    lists = [
        {"apiVersion": "sedna.io/v1alpha1", "kind": f"{kind}List", "metadata": {}, "items": items}
        for kind in ("Dataset", "Model", "IncrementalLearningJob")
        if (items := [each for each in wanted if each["kind"] == kind])
    ]
    plain = {"apiVersion": "v1", "kind": "List", "items": lists}
    if not has_kinds:
        for each in wanted:
            del each["kind"], each["apiVersion"]
    file = job.folder / "list.json"
    file.write_text(json.dumps(plain, indent="\t"))
    assert load_job([file]).name == "dogs"
    assert [each["kind"] for each in load_documents([file])] == [
        "Dataset", "Model", "Model", "IncrementalLearningJob",
    ]  # fmt: skip


def test_what_is_wrong_in_a_list_is_told(job: Job) -> None:
    job.resources["deploy"]["spec"]["frmat"] = "onnx"
    items = [*job.resources.values()]
    job.resources = {"list": {"apiVersion": "v1", "kind": "List", "items": items}}
    assert "Model/deploy: spec.frmat: unknown field: did you mean format?" in problems(job)[0]


def test_a_folders_json_files_are_read_too(tmp_path: Path, job: Job) -> None:
    for name, each in job.resources.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(each))
    assert load_job([tmp_path]).name == "dogs"


@pytest.mark.parametrize("text", ["- kind: Dataset\n", "Dataset\n", "5\n"])
def test_a_document_that_is_not_a_mapping_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(SettingsError, match=r"x\.yaml: a document is .*, not a resource"):
        load_jobs([tmp_path])


@pytest.mark.parametrize("kind", ["Datset", "dataset", "IncrementalLearningjob", "Modell"])
def test_a_misspelt_kind_is_told(job: Job, kind: str) -> None:
    job.resources["more"] = {"apiVersion": "sedna.io/v1alpha1", "kind": kind}
    assert f"{kind}/?: kind: did you mean " in problems(job)[0]


@pytest.mark.parametrize("kind", ["FederatedLearningJob", "JointInferenceService"])
def test_sednas_other_kinds_are_ignored(job: Job, kind: str) -> None:
    job.resources["other"] = {"apiVersion": "sedna.io/v1alpha1", "kind": kind}
    assert load_job([job.manifests]).name == "dogs"


def test_an_unknown_operator_is_told_with_the_known_ones(job: Job) -> None:
    job.spec["trainSpec"]["trigger"]["condition"]["operator"] = "=>"
    assert "'>='" in problems(job)[0]


def test_a_resource_that_is_not_there_is_told(job: Job) -> None:
    del job.resources["deploy"]
    assert problems(job) == [
        f"{job.manifests}/job.yaml: IncrementalLearningJob/dogs: spec.deploySpec.model.name:"
        " Model deploy is not in namespace farm of these manifests: add it, or correct the name"
    ]


def test_a_resource_that_is_wrong_is_not_told_to_be_missing_too(job: Job) -> None:
    job.resources["deploy"]["spec"]["url"] = "models/deploy.onnx"
    assert len(problems(job)) == 1


def test_a_resource_of_another_namespace_does_not_count(job: Job) -> None:
    job.resources["dataset"]["metadata"]["namespace"] = "other"
    assert "Dataset samples is not in namespace farm" in problems(job)[0]


def test_a_resource_that_is_there_twice_is_told(job: Job) -> None:
    job.resources["again"] = job.resources["initial"]
    assert "Model/initial: is also in" in problems(job)[0]


def test_a_repeated_key_is_told(tmp_path: Path) -> None:
    file = tmp_path / "model.yaml"
    file.write_text("kind: Model\nkind: Dataset\n")
    with pytest.raises(SettingsError, match="the key kind occurs twice"):
        load_jobs([file])


def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "model.yaml"
    file.write_text("kind: Model\nspec: [\n")
    with pytest.raises(SettingsError, match=r"model\.yaml: this is not YAML: .*line 3"):
        load_jobs([file])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_jobs([tmp_path / "no such file"])


def test_manifests_without_a_job_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no IncrementalLearningJob"):
        load_jobs([tmp_path])


def test_of_two_jobs_one_must_be_chosen(job: Job) -> None:
    text = (job.manifests / "job.yaml").read_text()
    (job.manifests / "second.yaml").write_text(text.replace("farm", "zoo"))
    assert len(load_jobs([job.folder / "manifests"])) == 2
    with pytest.raises(SettingsError, match="2 jobs"):
        load_job([job.folder / "manifests"])


def test_what_kubectl_prints_can_be_read(job: Job) -> None:
    job.resources["job"]["status"] = {"conditions": []}
    job.resources["job"]["metadata"]["resourceVersion"] = "12"
    assert load_job([job.manifests]).name == "dogs"


def test_yaml_merge_keys_are_no_repeated_keys(tmp_path: Path, job: Job) -> None:
    file = tmp_path / "merged.yaml"
    text = (job.manifests / "job.yaml").read_text()
    file.write_text(f"base: &a {{x: 1}}\nother: {{<<: *a, y: 2}}\n---\n{text}")
    assert yaml.safe_load(file.read_text().split("---")[0])["other"] == {"x": 1, "y": 2}
    assert load_job([file]).name == "dogs"


def test_documents_of_every_kind_are_returned_as_they_are_written(job: Job) -> None:
    role = {"apiVersion": "v1", "kind": "Role", "metadata": {"name": "r"}, "rules": [1]}
    job.resources["role"] = role
    assert load_documents([job.manifests]) == list(job.resources.values())


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "metadata"])
def test_a_document_that_is_no_resource_is_told(job: Job, missing: str) -> None:
    del job.resources["deploy"][missing]
    with pytest.raises(SettingsError, match="a resource needs apiVersion, kind"):
        load_documents([job.manifests])
