"""The tutorial on Sedna's own SDK, run against that SDK."""

import os
from pathlib import Path

import pytest

from tests.docs.reading import DOCS
from tests.docs.running import commands, draw_shades, run, write_files
from tests.sedna_sdk import needs_sedna, serve_sednas_local_controller
from workers.contract import WorkerKind, WorkerStatus

_TUTORIALS = DOCS / "tutorials"


@needs_sedna
@pytest.mark.e2e
def test_an_estimator_of_ones_own_trains_evaluates_and_infers_in_the_sdk(tmp_path: Path) -> None:
    write_files(_TUTORIALS / "another-estimator.md", tmp_path)
    write_files(_TUTORIALS / "sedna-sdk.md", tmp_path)
    picture = draw_shades(tmp_path / "data").parent / "1.png"

    with serve_sednas_local_controller() as controller:
        page = commands(_TUTORIALS / "sedna-sdk.md", **{"http://127.0.0.1:9100": controller.url})
        environment = {"PYTHONPATH": f"{DOCS.parent}:{os.environ['PYTHONPATH']}"}
        output = run("\n".join(page), tmp_path, environment)
        training, evaluation = controller.next_message(), controller.next_message()

    url = "/output/train/1/model_finetune_tinyms.ckpt"
    assert (training.kind, training.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    assert [result.url for result in training.results] == [url]
    assert (evaluation.kind, evaluation.status) == (WorkerKind.EVAL, WorkerStatus.COMPLETED)
    candidate, first = evaluation.results
    assert (candidate.url, first.url) == (url, "/initial.ckpt")
    assert candidate.metrics["accuracy"] == [1.0]
    assert candidate.metrics["loss"] < first.metrics["loss"]
    answer = output.splitlines()[-1]
    assert answer.startswith(f"{picture} [")
    assert answer.endswith("easy")
