from pathlib import Path

import pytest
import yaml

from backend.errors import SettingsError
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


def test_other_kinds_are_passed_over(job: Job) -> None:
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
    assert "known here are url, format, device_soc_versions, credentialName" in problems(job)[0]


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


def test_an_unquoted_time_is_told_as_it_was_written(job: Job) -> None:
    file = job.manifests / "job.yaml"
    timer = "trigger:\n      timer: {start: 20:30, end: '06:00'}"
    file.write_text(file.read_text().replace("trigger:", timer))
    with pytest.raises(SettingsError, match='unquoted time: write "20:30"'):
        load_job([file])


@pytest.mark.parametrize("time", ["24:00", "9:00", "12:60", "noon"])
def test_a_time_that_is_none_is_told(job: Job, time: str) -> None:
    job.spec["trainSpec"]["trigger"]["timer"] = {"start": time, "end": "10:00"}
    assert "timer.start: " in problems(job)[0]


def test_an_unknown_operator_is_told_with_the_known_ones(job: Job) -> None:
    job.spec["trainSpec"]["trigger"]["condition"]["operator"] = "=>"
    assert "'>='" in problems(job)[0]


def test_a_resource_that_is_not_there_is_told(job: Job) -> None:
    del job.resources["deploy"]
    assert problems(job) == [
        f"{job.manifests}/job.yaml: IncrementalLearningJob/dogs: spec.deploySpec.model.name:"
        " Model deploy is not in namespace farm of these manifests: add it, or mend the name"
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
    with pytest.raises(SettingsError, match="the key kind is there twice"):
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
    with pytest.raises(SettingsError, match="what makes a resource: add them"):
        load_documents([job.manifests])
