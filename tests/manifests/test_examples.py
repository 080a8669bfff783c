"""The examples' manifests fit the CRDs of Sedna."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.manifests.reading import ROOT
from tests.manifests.test_manifests import closed, crd_schema

MANIFESTS = sorted((ROOT / "examples").glob("*/*.yaml"))


def test_each_paradigm_has_a_manifest() -> None:
    kinds = {each["kind"] for manifest in MANIFESTS for each in documents(manifest)}
    assert kinds > {"FederatedLearningJob", "JointInferenceService", "LifelongLearningJob"}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.parent.name)
def test_it_fits_the_crds(manifest: Path) -> None:
    for each in documents(manifest):
        validator = Draft202012Validator(closed(crd_schema(f"{each['kind'].lower()}s")))
        assert [error.message for error in validator.iter_errors(each)] == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.parent.name)
def test_what_it_names_is_there(manifest: Path) -> None:
    text = manifest.read_text(encoding="utf-8")
    scripts = {word.rstrip(",]") for word in text.split() if word.startswith("examples/")}
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def documents(manifest: Path) -> list[dict[str, str]]:
    return list(yaml.safe_load_all(manifest.read_text(encoding="utf-8")))
