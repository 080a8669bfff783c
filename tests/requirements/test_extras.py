"""What `pip install .` and its extras name is enough for what they are for."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SETS = {name: ROOT / "requirements" / f"{name}.in" for name in ("jobs", "infer", "train")}

# Hides packages, as if they were not installed, and imports modules with all that is in them.
IMPORT = """
import importlib
import pkgutil
import sys
from importlib.abc import MetaPathFinder

hidden, *packages = sys.argv[1:]


class Hide(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden.split(","):
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Hide())
for package in packages:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if found.name != "jobs.__main__":
            importlib.import_module(found.name)
"""


def named(*sets: str) -> set[str]:
    """Return the distributions that these sets name, with what those require."""
    lines = "\n".join(SETS[name].read_text() for name in sets)
    found: set[str] = set()
    waiting = [Requirement(text) for text in re.findall(r"^[^#\s]+", lines, re.MULTILINE)]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if name not in found:
            found.add(name)
            waiting += map(Requirement, _requires(name))
    return found


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def outside(*sets: str) -> set[str]:
    """Return the modules that belong to none of these sets' distributions."""
    inside = named(*sets) | {"sedna-tinyms"}
    return {
        module
        for module, distributions in packages_distributions().items()
        if not inside & set(map(canonicalize_name, distributions))
    }


@pytest.mark.parametrize(
    ("sets", "packages"),
    [
        (["jobs"], ["jobs"]),
        (["jobs", "infer"], [f"workers.{name}" for name in ("infer", "label", "prepare", "clean")]),
        (["jobs", "infer", "train"], ["workers", "backend"]),
    ],
)
def test_an_extra_names_all_that_its_modules_import(sets: list[str], packages: list[str]) -> None:
    hidden = outside(*sets)
    assert "pytest" in hidden
    assert ("mindspore" in hidden) == ("train" not in sets)
    command = [sys.executable, "-W", "ignore", "-c", IMPORT, ",".join(hidden), *packages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
