"""The inference worker that is measured."""

from pathlib import Path
from typing import Literal

import psutil
import pytest

from bench.load import Target, ask_often
from bench.measure import SubjectError
from bench.workers import inference_worker
from tests.brightness_model import SIDE, write_model

pytestmark = pytest.mark.timeout(60)


class _MeasuringFailsError(Exception):
    pass


@pytest.mark.parametrize("form", ["binary", "json"])
def test_a_client_is_answered(tmp_path: Path, form: Literal["binary", "json"]) -> None:
    model = write_model(tmp_path / "model.onnx")

    with inference_worker(model, SIDE) as worker:
        assert ask_often(Target(worker.model_url, SIDE, form), 3) == 0
        assert ask_often(Target(worker.model_url, SIDE + 1, form), 3) == 3


def test_a_worker_ends_when_its_measuring_fails(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    pids = []

    def measure() -> None:
        with inference_worker(model, SIDE) as worker:
            pids.append(worker.pid)
            raise _MeasuringFailsError

    with pytest.raises(_MeasuringFailsError):
        measure()

    assert not psutil.pid_exists(pids[0])


def test_a_worker_that_cannot_serve_says_why(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no model")

    with pytest.raises(SubjectError, match=r"model\.onnx"), inference_worker(model, SIDE):
        pass
