import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docker" / "build"
LEFT_OUT = (ROOT / "docker" / "left-out.txt").read_text().split()
TRAIN, INFER = (ROOT / "requirements" / f"{name}.txt" for name in ("train", "infer"))

names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True)


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPTS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def pinned(lock: str) -> list[str]:
    return re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE)


def test_what_is_left_out_of_the_lock_file_is_all_that_goes() -> None:
    done = script("locked.py", TRAIN, *LEFT_OUT)
    assert done.returncode == 0, done.stderr
    whole = TRAIN.read_text()
    assert pinned(done.stdout) == [name for name in pinned(whole) if name not in LEFT_OUT]
    kept = done.stdout.splitlines()
    assert kept == [line for line in whole.splitlines() if line in set(kept)]


@given(st.lists(names, min_size=2, max_size=6, unique=True), st.data())
def test_each_entry_keeps_its_hashes(
    tmp_path_factory: pytest.TempPathFactory, packages: list[str], data: st.DataObject
) -> None:
    without = runpy.run_path(str(SCRIPTS / "locked.py"))["without"]
    gone = data.draw(st.sets(st.sampled_from(packages)))
    entries = {
        name: f"{name}==1.{number} \\\n    --hash=sha256:{number:064x}\n"
        for number, name in enumerate(packages)
    }
    text = without("# head\n" + "".join(entries.values()), gone)
    assert text == "# head\n" + "".join(e for name, e in entries.items() if name not in gone)


def test_a_package_that_is_not_locked_cannot_be_left_out() -> None:
    done = script("locked.py", TRAIN, "no-such-package")
    assert done.returncode != 0
    assert "no-such-package: not in the lock file" in done.stderr


def test_the_inference_image_leaves_out_nothing_that_it_needs() -> None:
    assert not set(LEFT_OUT) & set(pinned(INFER.read_text()))


GPU = "mindspore/lib/plugin/gpu11.6/libx.so"
ASCEND = "mindspore/lib/plugin/ascend/libx.so"
STATS = "scipy/stats/_stats.so"
TESTS = "numpy/core/tests/test_x.py"
DYNAMODB = "botocore/data/dynamodb/service.json"
S3 = "botocore/data/s3/service.json"
QUANTISATION = "onnxruntime/quantization/quantize.py"
ONNX = "onnx/helper.py"
FILES = {GPU, ASCEND, STATS, TESTS, DYNAMODB, S3, "mindspore/lib/libx.so", "botocore/data/x.json"}


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
    [("cpu", {GPU, ASCEND, STATS, TESTS, DYNAMODB}), ("ascend", {GPU, TESTS, DYNAMODB})],
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
