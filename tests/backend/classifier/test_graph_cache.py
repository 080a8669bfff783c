"""Each training is a process of its own: MindSpore takes one cache folder for a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.classifier.graph_cache import MOST_GRAPHS
from backend.models.npz import read_npz

TRAINS = """
import hashlib
import json
import logging
import sys

import numpy as np

from backend.classifier import MindSporeClassifier, TinyMSClassifier
from backend.images.preprocessing import LabelledImages

logging.basicConfig(level=logging.INFO)
frameworks = {"tinyms": TinyMSClassifier, "mindspore": MindSporeClassifier}
for training in json.loads(sys.argv[1]):
    seed, count = training["seed"], training.pop("images", 16)
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)
    estimator = frameworks[training.pop("framework", "tinyms")](("croissant", "dog"), 32, seed=seed)
    metrics = estimator.train(LabelledImages(list(pixels), [0, 1] * (count // 2)), **training)
    digest = hashlib.sha256(b"".join(value for _, value in sorted(estimator.get_weights().items())))
    print(json.dumps([digest.hexdigest(), metrics["loss"]]))
"""

FAILS = """
import sys
from pathlib import Path

from backend.mindspore.runtime import prepare_mindspore

prepare_mindspore()
import mindspore
from backend.classifier.graph_cache import kept_graph


class Doubling(mindspore.nn.Cell):
    def construct(self, number):
        return number + number


mindspore.set_context(mode=mindspore.GRAPH_MODE)
with kept_graph(Path(sys.argv[1]), "doubling"):
    Doubling()(mindspore.Tensor([1.0]))
    if sys.argv[2:]:
        raise RuntimeError
"""


class Trained(NamedTuple):
    """What a process's trainings gave."""

    results: list[Any]
    """Digest of the weights, and losses, of each."""
    log: str


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "trains.py"
    path.write_text(TRAINS, encoding="utf-8")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def plan(**others: Any) -> dict[str, Any]:
    return {"seed": 0, "epochs": 2, "batch_size": 8, "fine_tune": "head"} | others


def run(how: list[str], *plans: dict[str, Any], cache: Path | None = None) -> Trained:
    """Let a process train once for each plan, with ``cache`` as its cache folder."""
    folder = {"cache_folder": str(cache)} if cache else {}
    command = [sys.executable, *how, json.dumps([each | folder for each in plans])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Trained([json.loads(line) for line in done.stdout.splitlines()], done.stderr)


def graphs(cache: Path) -> set[Path]:
    return set(cache.glob("graph-*.npz"))


@pytest.mark.parametrize(("framework", "fine_tune"), [("tinyms", "full"), ("mindspore", "head")])
def test_a_kept_graph_trains_other_weights_and_images_as_a_new_one_would(
    script: Path, cache: Path, framework: str, fine_tune: str
) -> None:
    which = {"framework": framework, "fine_tune": fine_tune}
    run([str(script)], plan(**which), cache=cache)
    [kept] = graphs(cache)
    other = plan(
        seed=7, images=24, epochs=3, learning_rate=0.02, warmup_epochs=0.5, mixup=0.4, **which
    )
    with_graph = run([str(script)], other, cache=cache)
    assert f"{kept}: the compiled graph is taken from here" in with_graph.log
    assert with_graph.results == run([str(script)], other).results
    assert graphs(cache) == {kept}


def test_mindspore_does_run_the_graph_that_is_kept(script: Path, cache: Path) -> None:
    free, held = plan(weight_decay=0.0), plan(weight_decay=0.5)
    run([str(script)], free, cache=cache)
    [of_free] = graphs(cache)
    decayed = run([str(script)], held, cache=cache)
    [of_held] = graphs(cache) - {of_free}
    of_held.replace(of_free)
    assert run([str(script)], free, cache=cache).results == decayed.results


def test_a_damaged_graph_is_compiled_again_and_replaced(script: Path, cache: Path) -> None:
    trained = run([str(script)], plan(), cache=cache)
    [file] = graphs(cache)
    file.write_bytes(file.read_bytes()[:1000])
    again = run([str(script)], plan(), cache=cache)
    assert f"{file}: cannot be read" in again.log
    assert again.results == trained.results
    assert read_npz(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user, as root may")
def test_a_graph_of_another_user_is_passed_over(script: Path, cache: Path) -> None:
    trained = run([str(script)], plan(), cache=cache)
    [file] = graphs(cache)
    os.chown(file, 12345, 12345)
    again = run([str(script)], plan(), cache=cache)
    assert f"{file}: is another user's" in again.log
    assert again.results == trained.results


def test_a_graph_with_which_a_process_fails_is_not_met_again(script: Path, cache: Path) -> None:
    script.write_text(FAILS, encoding="utf-8")
    subprocess.run([sys.executable, str(script), str(cache)], check=True)
    assert len(graphs(cache)) == 1
    failing = [sys.executable, str(script), str(cache), "fail"]
    assert subprocess.run(failing, capture_output=True, check=False).returncode != 0
    assert not graphs(cache)


def test_a_changed_script_compiles_again_and_keeps_that(script: Path, cache: Path) -> None:
    run([str(script)], plan(), cache=cache)
    [file] = graphs(cache)
    before = file.stat().st_mtime_ns
    script.write_text(f"{TRAINS}\n# changed", encoding="utf-8")
    run([str(script)], plan(), cache=cache)
    kept = file.read_bytes()
    run([str(script)], plan(), cache=cache)
    assert file.stat().st_mtime_ns > before
    assert file.read_bytes() == kept


def test_only_a_processs_first_training_uses_the_cache(script: Path, cache: Path) -> None:
    free, held = plan(weight_decay=0.0), plan(weight_decay=0.5)
    both = run([str(script)], free, held, cache=cache)
    assert len(graphs(cache)) == 1
    turned = run([str(script)], held, free, cache=cache)
    assert turned.results == both.results[::-1]


def test_a_process_without_a_script_keeps_nothing(cache: Path) -> None:
    run(["-c", TRAINS], plan(), cache=cache)
    assert not graphs(cache)


def test_the_longest_unused_graphs_make_way(script: Path, cache: Path) -> None:
    cache.mkdir()
    older = [cache / f"graph-{number}.npz" for number in range(MOST_GRAPHS)]
    for hours, file in enumerate(older):
        file.touch()
        os.utime(file, (3600 * hours, 3600 * hours))
    run([str(script)], plan(), cache=cache)
    assert len(graphs(cache)) == MOST_GRAPHS
    assert [file for file in older if not file.exists()] == older[:1]


def test_a_folder_that_cannot_be_made_is_done_without(script: Path, cache: Path) -> None:
    cache.write_bytes(b"a file where the folder should be")
    trained = run([str(script)], plan(), cache=cache)
    assert "the compiled graph is not kept" in trained.log
    assert trained.results == run([str(script)], plan()).results
