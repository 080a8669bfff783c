"""The inference worker that is measured."""

import io
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from bench.load import Request, ask_often
from bench.measure import SubjectError
from bench.requests import binary_tensor, json_picture, json_tensor, raw_picture
from bench.workers import inference_worker
from tests.brightness_model import SIDE, write_model

pytestmark = pytest.mark.timeout(60)


class _MeasuringFailsError(Exception):
    pass


@pytest.mark.parametrize("form", [binary_tensor, json_tensor])
def test_a_client_with_a_tensor_is_answered(
    tmp_path: Path, form: Callable[[str, int], Request]
) -> None:
    model = write_model(tmp_path / "model.onnx")

    with inference_worker(model, SIDE) as worker:
        assert ask_often(form(worker.model_url, SIDE), 3) == 0
        assert ask_often(form(worker.model_url, SIDE + 1), 3) == 3


def test_a_client_with_a_picture_is_answered(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")

    with inference_worker(model, SIDE) as worker:
        assert ask_often(raw_picture(f"{worker.url}/classify", file.getvalue()), 3) == 0
        assert ask_often(json_picture(worker.model_url, file.getvalue()), 3) == 0
        assert ask_often(raw_picture(f"{worker.url}/classify", b"no picture"), 3) == 3


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
