import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docker" / "build"


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPTS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


GPU = "mindspore/lib/plugin/gpu11.6/libx.so"
ASCEND = "mindspore/lib/plugin/ascend/libx.so"
STATS = "scipy/stats/_stats.so"
TESTS = "numpy/core/tests/test_x.py"
RECORD = "mindspore-2.dist-info/RECORD"
METADATA = "mindspore-2.dist-info/METADATA"
DYNAMODB = "botocore/data/dynamodb/service.json"
S3 = "botocore/data/s3/service.json"
QUANTISATION = "onnxruntime/quantization/quantize.py"
ONNX = "onnx/helper.py"
FILES = {
    *(GPU, ASCEND, STATS, TESTS, RECORD, METADATA, DYNAMODB, S3),
    *("mindspore/lib/libx.so", "botocore/data/x.json"),
}


def pruned(folder: Path, files: set[str], flavor: str) -> set[str]:
    """Return which of these files pruning leaves."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    done = script("prune.py", folder, flavor)
    assert done.returncode == 0, done.stderr
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flavor", "gone"),
    [
        ("cpu", {GPU, ASCEND, STATS, TESTS, RECORD, DYNAMODB}),
        ("ascend", {GPU, TESTS, RECORD, DYNAMODB}),
    ],
)
def test_a_flavor_keeps_what_it_loads(tmp_path: Path, flavor: str, gone: set[str]) -> None:
    assert pruned(tmp_path, FILES, flavor) == FILES - gone


@pytest.mark.parametrize("flavor", ["cpu", "ascend"])
def test_quantisation_stays_where_models_are_trained(tmp_path: Path, flavor: str) -> None:
    assert pruned(tmp_path / "train", {ONNX, QUANTISATION}, flavor) == {ONNX, QUANTISATION}
    assert pruned(tmp_path / "infer", {QUANTISATION}, flavor) == set()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    files = sorted((ROOT / "docker").glob("*.Dockerfile"))
    assert len(files) == 3
    done = subprocess.run([hadolint, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_ignored_finding_is_explained() -> None:
    for file in (ROOT / "docker").glob("*.Dockerfile"):
        for line in file.read_text().splitlines():
            if "hadolint ignore" in line:
                assert re.fullmatch(r"# hadolint ignore=DL\d+ # .{20,}", line), line
