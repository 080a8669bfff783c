"""The version is written in several files for several readers."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_citation_names_the_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION


def test_the_manifests_name_the_images_of_the_version() -> None:
    named = re.findall(
        r"image: sedna-tinyms/[a-z-]+:(\S+)", (ROOT / "manifests/job.yaml").read_text()
    )
    assert set(named) == {VERSION}
