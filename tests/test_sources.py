"""What no module of the project may do with bytes from outside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("backend", "workers", "jobs", "demo", "upstream")
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

RUNS_WHAT_IT_READS = {
    "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve", "torch",
}  # fmt: skip
UNPACKS = {"extract", "extractall", "unpack_archive"}
UNSAFE_YAML = {"full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}


def findings(source: str) -> Iterator[str]:
    """Yield what a module does that it must not."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names if _root(name.name) in RUNS_WHAT_IT_READS)
            case ast.ImportFrom(module=str(module)) if _root(module) in RUNS_WHAT_IT_READS:
                yield module
            case ast.Attribute(attr=name) if name in UNPACKS | UNSAFE_YAML:
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name("np" | "numpy"), attr="load")):
                if not any(_forbids_pickle(keyword) for keyword in node.keywords):
                    yield "np.load"


def _root(module: str) -> str:
    return module.partition(".")[0]


def _forbids_pickle(keyword: ast.keyword) -> bool:
    return ast.unparse(keyword) == "allow_pickle=False"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_runs_and_unpacks_nothing_that_it_reads(module: Path) -> None:
    assert list(findings(module.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import torch.serialization",
        "from pickle import loads",
        "def f():\n    from dill import load",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "numpy.load(file, allow_pickle=is_trusted)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(file)",
        "yaml.unsafe_load(text)",
    ],
)
def test_it_would_be_found(source: str) -> None:
    assert len(list(findings(source))) == 1
