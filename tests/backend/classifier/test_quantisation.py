import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.classifier.engines import OnnxEngine
from backend.classifier.quantisation import balanced, int8_model, quantised
from backend.errors import ImageError, MissingPackageError, ModelFileError
from backend.images.decoding import InputBatch, input_batches
from backend.images.preprocessing import LabelledImages
from backend.models import model_file
from backend.models.model_file import ModelCard
from backend.models.weights import Weights
from backend.networks.mobilenetv2.architecture import HEAD_BIAS
from backend.networks.mobilenetv2.onnx_graph import onnx_model
from tests.backend.classifier.conftest import CLASSES, FORMAT, SIZE, decided_weights, new_estimator
from tests.backend.classifier.test_estimator import SERVES_WITHOUT_A_FRAMEWORK
from tests.backend.conftest import random_images

IMAGES = random_images(80, seed=3)


def is_int8(model: bytes) -> bool:
    operators = {node.op_type for node in onnx.load_from_string(model).graph.node}
    return "QuantizeLinear" in operators


def batches(images: LabelledImages) -> Iterator[InputBatch]:
    return input_batches(images.x, FORMAT, 16)


def logits(model: bytes, images: LabelledImages) -> NDArray[np.float32]:
    engine = OnnxEngine(model, "a model")
    return np.concatenate([engine.run(batch.inputs) for batch in batches(images)])


def answers(model: bytes, images: LabelledImages) -> list[int]:
    return [int(answer) for answer in logits(model, images).argmax(axis=1)]


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Weights that give half of the images to each class."""
    decided = decided_weights(new_estimator())
    first, second = logits(onnx_model(decided, SIZE), IMAGES).T
    decided[HEAD_BIAS] += np.array([np.median(second - first), 0], np.float32)
    return decided


@pytest.fixture(scope="module")
def float_model(weights: Weights) -> bytes:
    return onnx_model(weights, SIZE)


@pytest.fixture(scope="module")
def easy(float_model: bytes) -> LabelledImages:
    """The half of the images of which the float model is surest, as it classes them."""
    first, second = logits(float_model, IMAGES).T
    sure = np.argsort(abs(second - first))[len(IMAGES) // 2 :]
    labels = [int(second[each] > first[each]) for each in sure]
    return LabelledImages([IMAGES.x[each] for each in sure], labels)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that was trained and quantised, in three formats."""
    estimator = new_estimator()
    metrics = estimator.train(random_images(24), epochs=20, fine_tune="head", quantise=True)
    assert (metrics["int8_accuracy_delta"], metrics["int8_fallback"]) == ([0.0], [0.0])
    folder = tmp_path_factory.mktemp("trained")
    for name in ("model.int8.onnx", "model.onnx", "model.npz"):
        estimator.save(folder / name)
    return folder


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 9))
def test_each_share_of_a_draw_has_as_many_of_each_class_as_there_are(
    labels: list[int], seed: int
) -> None:
    drawn = balanced(labels, seed)
    assert sorted(drawn) == list(range(len(labels)))
    there = Counter(labels)
    for end in range(len(drawn) + 1):
        taken = Counter(labels[position] for position in drawn[:end])
        most = max(taken.values(), default=0)
        assert all(taken[label] >= min(most - 1, there[label]) for label in there)


def test_the_seed_decides_the_draw() -> None:
    labels = [0, 1] * 20
    assert balanced(labels, 1) == balanced(labels, 1)
    assert balanced(labels, 1) != balanced(labels, 2)


def test_int8_answers_easy_images_as_float_does(float_model: bytes, easy: LabelledImages) -> None:
    made = quantised(float_model, easy, FORMAT)
    assert is_int8(made.model)
    assert len(made.model) < len(float_model) / 3
    assert made.metrics == {"int8_accuracy_delta": [0.0], "int8_fallback": [0.0]}
    assert answers(made.model, easy) == answers(float_model, easy) == easy.y


def test_no_sum_of_two_products_overflows_16_bits(float_model: bytes, easy: LabelledImages) -> None:
    """As ONNX Runtime adds them on CPUs without VNNI, times an activation of up to 255."""
    model = onnx.load_from_string(quantised(float_model, easy, FORMAT).model)
    values = [onnx.numpy_helper.to_array(each) for each in model.graph.initializer]
    weights = [each for each in values if each.dtype == np.int8 and each.ndim > 1]
    depthwise = [each for each in weights if each.shape[1] == 1]
    others = [each for each in weights if each.shape[1] > 1]
    assert len(others) > 30
    assert max(abs(each.astype(int)).max() for each in others) * 255 * 2 < 2**15
    # There products are added in 32 bits, so that all 8 bits are used.
    assert all(abs(each.astype(int)).max() == 127 for each in depthwise)


def test_a_model_that_int8_spoils_stays_in_float(
    weights: Weights, easy: LabelledImages, caplog: pytest.LogCaptureFixture
) -> None:
    # One step of an 8-bit logit is far more than what the classes differ by.
    offset = weights | {HEAD_BIAS: weights[HEAD_BIAS] + np.float32(5000)}
    model = onnx_model(offset, SIZE)
    assert answers(model, easy) == easy.y
    made = quantised(model, easy, FORMAT)
    assert made.model == model
    assert made.metrics["int8_fallback"] == [1.0]
    assert made.metrics["int8_accuracy_delta"][0] < -0.005
    assert "the float model takes its place" in caplog.text


def test_an_image_that_cannot_be_read_is_named(float_model: bytes, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png"):
        quantised(float_model, LabelledImages([tmp_path / "gone.png"], [0]), FORMAT)


def test_tools_that_are_not_installed_are_named(
    float_model: bytes, easy: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(MissingPackageError, match=r"requirements/train\.txt"):
        int8_model(float_model, batches(easy))


def test_the_file_names_its_classes_and_survives_a_longer_ones_tail(
    trained: Path, tmp_path: Path
) -> None:
    content = model_file.read(trained / "model.int8.onnx")
    assert content.card == ModelCard(CLASSES, SIZE, "mobilenetv2")
    assert is_int8(content.payload)
    copy = tmp_path / "model.int8.onnx"
    small = (trained / "model.int8.onnx").read_bytes()
    copy.write_bytes(small + (trained / "model.onnx").read_bytes()[len(small) :])
    read = model_file.read(copy)
    assert (read.card, read.payload) == (content.card, content.payload)


def test_int8_is_served_without_a_framework(trained: Path, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    picture = tmp_path / "picture.png"
    Image.new("RGB", (40, 40), (200, 200, 200)).save(picture)
    command = [sys.executable, "-c", SERVES_WITHOUT_A_FRAMEWORK]
    arguments = [str(trained / "model.int8.onnx"), str(picture)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_int8_model_gives_no_weights(trained: Path) -> None:
    estimator = new_estimator()
    estimator.load(trained / "model.int8.onnx")
    with pytest.raises(ModelFileError, match="an int8 model only serves"):
        estimator.get_weights()


def test_other_weights_are_not_saved_as_the_int8_model_of_earlier_ones(
    trained: Path, tmp_path: Path
) -> None:
    estimator = new_estimator()
    estimator.train(random_images(4), epochs=1, fine_tune="head", quantise=True)
    estimator.load(trained / "model.npz")
    estimator.save(tmp_path / "model.int8.onnx")
    expected = model_file.read(trained / "model.onnx").payload
    assert model_file.read(tmp_path / "model.int8.onnx").payload == expected


def test_a_model_that_was_not_quantised_is_saved_in_float(tmp_path: Path) -> None:
    estimator = new_estimator()
    estimator.save(tmp_path / "model.int8.onnx")
    estimator.save(tmp_path / "model.onnx")
    contents = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert all(one == other for one, other in pairwise(contents))
