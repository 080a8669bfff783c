"""The commands of the page on int8 make manifests that hold together."""

import shutil
from pathlib import Path

import pytest

from jobs.resources.loader import load_job
from tests.docs.reading import DOCS
from tests.docs.running import commands, run
from tests.manifests.reading import MANIFESTS

PAGE = DOCS / "how-to" / "int8.md"


@pytest.fixture
def switched(tmp_path: Path) -> Path:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    for command in commands(PAGE):
        run(command.replace("iljob", "python -m jobs"), tmp_path)
    return tmp_path / "manifests"


def test_the_manifests_deploy_in_int8(switched: Path) -> None:
    resources = load_job([switched])
    url = resources.deploy_model.spec.url
    assert resources.deploy_model.spec.format == "int8"
    assert url.endswith("/deploy/model.int8.onnx")
    assert resources.initial_model.spec.format == "ckpt"
    assert (switched / "prepare.yaml").read_text().count(f"value: {url}}}") == 2


def test_nothing_else_changes(switched: Path) -> None:
    added = [
        line
        for path in switched.glob("*.yaml")
        for line in set(path.read_text().splitlines())
        - set((MANIFESTS / path.name).read_text().splitlines())
    ]
    assert sorted(line.strip() for line in added) == [
        "- {name: deploy_model_url, value: /data/dog-croissants/models/deploy/model.int8.onnx}",
        '- {name: model_formats, value: "ckpt,onnx,int8"}',
        "format: int8",
        "url: /data/dog-croissants/models/deploy/model.int8.onnx",
    ]
