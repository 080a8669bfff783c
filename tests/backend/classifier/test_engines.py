import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from backend.classifier import engines
from backend.classifier.engines import OnnxEngine, TimeLimit
from backend.errors import MissingPackageError, ModelFileError
from backend.models import model_file
from tests.backend.classifier.conftest import CLASSES, SIZE


def test_onnx_runtime_runs_any_batch(small_onnx: bytes) -> None:
    engine = OnnxEngine(small_onnx, "small.onnx")
    assert engine.output_size == 2
    assert engine.input_size == 2
    for count in (1, 3):
        outputs = engine.run(np.ones((count, 2), dtype=np.float32))
        assert outputs.dtype == np.float32
        assert outputs.tolist() == [[4, 6]] * count


def test_features_come_from_the_same_run_whatever_the_batch(saved: Path) -> None:
    engine = OnnxEngine(model_file.read(saved / "model.onnx").payload, "model.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)

    outputs, features = engine.run_with_features(images)
    alone = [engine.run_with_features(image[np.newaxis])[1] for image in images]

    assert features.shape == (3, 1280)
    np.testing.assert_allclose(features, np.concatenate(alone), atol=1e-5)
    np.testing.assert_allclose(outputs, engine.run(images), atol=1e-5)


def test_a_model_without_that_output_has_no_features(small_onnx: bytes) -> None:
    _, features = OnnxEngine(small_onnx, "small.onnx").run_with_features(
        np.ones((3, 2), dtype=np.float32)
    )

    assert features.shape == (3, 0)


def test_threads_share_an_engine_and_each_gets_its_own_answers(saved: Path) -> None:
    engine = OnnxEngine(model_file.read(saved / "model.onnx").payload, "model.onnx")
    images = np.random.default_rng(0).normal(size=(12, 3, 32, 32)).astype(np.float32)
    alone = np.concatenate([engine.run(image[np.newaxis]) for image in images])
    batches = [images[start : start + 1 + start % 3] for start in range(10)] * 5
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(engine.run, batches))
    for number, answer in enumerate(answers):
        start = number % 10
        np.testing.assert_allclose(answer, alone[start : start + 1 + start % 3], atol=1e-5)


def test_a_free_input_size_is_none(small_onnx: bytes) -> None:
    model = onnx.load_from_string(small_onnx)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "side"
    assert OnnxEngine(model.SerializeToString(), "free.onnx").input_size is None


@pytest.mark.parametrize("payload", [b"", b"no model", b"\x00" * 100])
def test_what_onnx_runtime_refuses_is_named(payload: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"bad\.onnx: ONNX Runtime cannot load"):
        OnnxEngine(payload, "bad.onnx")


def test_weights_in_another_file_are_not_loaded(
    small_onnx: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where ONNX Runtime looks for them
    model = onnx.load_from_string(small_onnx)
    weight = onnx.numpy_helper.from_array(np.ones((2, 64), np.float32), "w")
    model.graph.initializer[0].CopyFrom(weight)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 64
    onnx.save(model, "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(ModelFileError, match=r"model\.onnx: ONNX Runtime cannot load"):
        OnnxEngine(Path("model.onnx").read_bytes(), "model.onnx")


def endless_onnx() -> bytes:
    """A model from x (N, 2) that multiplies x by 1 forever."""
    make, info = onnx.helper, onnx.helper.make_tensor_value_info
    kind, one = onnx.TensorProto, onnx.numpy_helper.from_array
    body = make.make_graph(
        [make.make_node("Identity", ["go"], ["on"]), make.make_node("MatMul", ["v", "one"], ["w"])],
        "body",
        [info("i", kind.INT64, []), info("go", kind.BOOL, []), info("v", kind.FLOAT, ["N", 2])],
        [info("on", kind.BOOL, []), info("w", kind.FLOAT, ["N", 2])],
        [one(np.eye(2, dtype=np.float32), "one")],
    )
    graph = make.make_graph(
        [make.make_node("Loop", ["", "yes", "x"], ["y"], body=body)],
        "endless",
        [info("x", kind.FLOAT, ["N", 2])],
        [info("y", kind.FLOAT, ["N", 2])],
        [one(np.array(True), "yes")],
    )
    opset = make.make_opsetid("", 11)
    return bytes(make.make_model(graph, opset_imports=[opset], ir_version=6).SerializeToString())


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_that_never_answers_is_stopped(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(engines, "_limit", TimeLimit(0.2))
    engine = OnnxEngine(endless_onnx(), "endless.onnx")
    with pytest.raises(ModelFileError, match=r"endless\.onnx: .*it takes too long"):
        engine.run(np.ones((count, 2), np.float32))


def test_inputs_that_a_model_does_not_take_are_an_error_of_the_model(small_onnx: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"small\.onnx: ONNX Runtime cannot run the model"):
        OnnxEngine(small_onnx, "small.onnx").run(np.ones((1, 3), np.float32))


def test_a_missing_onnx_runtime_is_named(
    small_onnx: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"small\.onnx: .*onnxruntime"):
        OnnxEngine(small_onnx, "small.onnx")


def test_onnx_runtime_writes_nothing_home(saved: Path, tmp_path: Path) -> None:
    loads = "import sys; from backend.classifier import *; "
    loads += f"TinyMSClassifier({CLASSES}, {SIZE}).load(sys.argv[1])"
    command = [sys.executable, "-c", loads, str(saved / "model.onnx")]
    subprocess.run(command, check=True, env={"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_the_exported_model_is_valid_and_named_after_what_it_takes(saved: Path) -> None:
    onnx.checker.check_model(str(saved / "model.onnx"), full_check=True)
    graph = onnx.load(saved / "model.onnx").graph
    assert [value.name for value in graph.input] == ["images"]
    shape = graph.input[0].type.tensor_type.shape.dim
    assert [each.dim_param or each.dim_value for each in shape] == ["batch", 3, 32, 32]
    kinds = [node.op_type for node in graph.node]
    assert (kinds.count("Conv"), kinds.count("BatchNormalization")) == (52, 52)
