from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime

from backend.classifier import Classifier
from backend.classifier.engines import OnnxEngine
from backend.models.weights import read_weights
from backend.networks.mobilenetv2.onnx_graph import onnx_model
from tests.backend.classifier.conftest import SIZE

INPUTS = np.random.default_rng(0).normal(size=(3, 3, SIZE, SIZE)).astype(np.float32)


def test_it_answers_as_the_network_in_mindspore_does(
    model: Classifier, mindspore: ModuleType
) -> None:
    engine = OnnxEngine(onnx_model(model.get_weights(), SIZE), "the test's")
    expected = model._model.cell(mindspore.Tensor(INPUTS)).asnumpy()
    np.testing.assert_allclose(engine.run(INPUTS), expected, rtol=1e-3, atol=1e-3)


def test_it_is_what_mindspore_exports(
    model: Classifier, mindspore: ModuleType, tmp_path: Path
) -> None:
    from mindspore.onnx import export  # noqa: PLC0415

    path = tmp_path / "exported.onnx"
    network = model._model.cell
    export(network, mindspore.Tensor(INPUTS[:1]), file_name=str(path))
    exported = onnx.load(path)
    ours = onnx.load_from_string(onnx_model(model.get_weights(), SIZE))
    onnx.checker.check_model(ours)
    assert [node.op_type for node in ours.graph.node] == [
        node.op_type for node in exported.graph.node
    ]
    ours_says, theirs_says = (
        OnnxEngine(each.SerializeToString(), "the test's").run(INPUTS[:1])
        for each in (ours, exported)
    )
    np.testing.assert_array_equal(ours_says, theirs_says)


def test_any_number_of_images_is_taken_at_a_time(model: Classifier) -> None:
    engine = OnnxEngine(onnx_model(model.get_weights(), SIZE), "the test's")
    whole = engine.run(INPUTS)
    assert whole.shape == (3, 2)
    np.testing.assert_allclose(engine.run(INPUTS[:1]), whole[:1], atol=1e-5)


def test_the_initializers_are_the_parameters(model: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_model(model.get_weights(), SIZE))
    weights, _ = read_weights(path)
    expected = model.get_weights()
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value)


def test_the_head_of_the_backbones_features_gives_the_logits(model: Classifier) -> None:
    weights = model.get_weights()
    session = onnxruntime.InferenceSession(onnx_model(weights, SIZE))
    expected, features = session.run(["logits", "features"], {"images": INPUTS})
    assert features.shape == (3, 1280)
    logits = features @ weights["head.head.1.weight"].T + weights["head.head.1.bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
