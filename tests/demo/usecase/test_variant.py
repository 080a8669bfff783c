from pathlib import Path

import pytest

from backend.errors import SettingsError
from demo.usecase.variant import MANIFESTS, Variant
from jobs.resources.checks import JobResources
from jobs.resources.loader import load_job


def _variables(job: JobResources) -> list[dict[str, str]]:
    return [pod.containers[0].environment for pod in job.pods.values()]


def test_no_change_is_the_projects_own_job(tmp_path: Path) -> None:
    assert load_job([Variant().write(tmp_path)]) == load_job([MANIFESTS])


def test_a_variable_changes_wherever_it_is_set(tmp_path: Path) -> None:
    job = load_job([Variant({"BACKEND_TYPE": "MINDSPORE", "epochs": "3"}).write(tmp_path)])
    assert [each["BACKEND_TYPE"] for each in _variables(job)] == ["MINDSPORE"] * 3
    assert [each.get("epochs") for each in _variables(job)] == ["3", None, None]


def test_triggers_change(tmp_path: Path) -> None:
    job = load_job([Variant(train_prob=0.75, train_samples=180).write(tmp_path)])
    assert job.job.spec.dataset.train_prob == 0.75
    assert str(job.job.spec.train_spec.trigger.condition) == "num_of_samples >= 180"


def test_a_variable_that_no_template_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"job\.yaml sets no epoch\."):
        Variant({"epoch": "3"}).write(tmp_path)
