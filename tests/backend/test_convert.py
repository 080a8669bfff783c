from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from backend.classifier import TinyMSClassifier
from backend.classifier.engines import OnnxEngine
from backend.convert import convert, main
from backend.errors import ModelFileError
from backend.models import model_file
from backend.models.model_file import ModelCard
from backend.models.parameters import get_weights
from backend.models.weights import Weights, read_weights, write_weights
from tests.backend.models.conversions import (
    in_timms_layout,
    in_torchvisions_layout,
    mindcv_network,
)

IMAGES = np.random.default_rng(1).normal(0, 1, (2, 3, 32, 32)).astype(np.float32)
HEAD = "head.head.1.weight"


@pytest.fixture(scope="module")
def published(mindspore: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: mindcv.ckpt, torchvision.safetensors and timm's of the same weights, other.ckpt."""
    folder = tmp_path_factory.mktemp("published")
    network = mindcv_network()
    mindspore.save_checkpoint(network, str(folder / "mindcv.ckpt"))
    save_file(
        in_torchvisions_layout("mobilenetv2", get_weights(network)),
        folder / "torchvision.safetensors",
    )
    save_file(in_timms_layout(get_weights(network)), folder / "timm.safetensors")
    other = mindcv_network("mobilenet_v2_050_224")
    mindspore.save_checkpoint(other, str(folder / "other.ckpt"))
    return folder


def logits_of(mindspore: ModuleType, network: Any) -> NDArray[np.float32]:
    """Return what MindCV's own network says of the images, (2, 3)."""
    before = mindspore.get_context("mode")
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    try:
        logits: NDArray[np.float32] = network(mindspore.Tensor(IMAGES)).asnumpy()
    finally:
        mindspore.set_context(mode=before)
    return logits


@pytest.fixture(scope="module")
def converted(published: Path) -> Path:
    """MindCV's checkpoint as an ONNX model for images of 32 pixels."""
    target = published / "converted.onnx"
    convert(published / "mindcv.ckpt", target, input_size=32)
    return target


def weights_of(path: Path) -> Weights:
    """Return the parameters, without the constants of an ONNX graph."""
    weights, _ = read_weights(path)
    return {name: each for name, each in weights.items() if name.startswith(("backbone", "head"))}


def assert_equal(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


def test_a_converted_model_answers_as_mindcvs_network_does(
    converted: Path, mindspore: ModuleType
) -> None:
    expected = logits_of(mindspore, mindcv_network())
    engine = OnnxEngine(model_file.read(converted).payload, str(converted))
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(engine.run(IMAGES), expected, rtol=1e-3, atol=1e-3)


def test_mindcvs_resnet50_answers_as_before_it_was_converted(
    mindspore: ModuleType, tmp_path: Path
) -> None:
    network = mindcv_network("resnet50")
    mindspore.save_checkpoint(network, str(tmp_path / "mindcv.ckpt"))
    target = tmp_path / "model.onnx"
    convert(tmp_path / "mindcv.ckpt", target, network="resnet50", input_size=32)
    content = model_file.read(target)
    assert content.card == ModelCard(("0", "1", "2"), 32, "resnet50")
    expected = logits_of(mindspore, network)
    assert np.ptp(expected, axis=0).min() > 0.1
    answered = OnnxEngine(content.payload, str(target)).run(IMAGES)
    np.testing.assert_allclose(answered, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("source", ["mindcv.ckpt", "torchvision.safetensors", "timm.safetensors"])
@pytest.mark.parametrize("suffix", [".ckpt", ".npz"])
def test_every_source_and_target_hold_the_same_weights(
    published: Path, converted: Path, tmp_path: Path, source: str, suffix: str
) -> None:
    target = tmp_path / f"model{suffix}"
    convert(published / source, target)
    assert_equal(weights_of(target), weights_of(converted))


@pytest.mark.parametrize("source", ["mindcv.ckpt", "torchvision.safetensors", "timm.safetensors"])
def test_the_estimator_loads_every_published_layout_itself(
    published: Path, converted: Path, source: str
) -> None:
    estimator = TinyMSClassifier(("cat", "dog", "horse"), 32)
    estimator.load(published / source)
    assert_equal(estimator.get_weights(), weights_of(converted))


def test_names_are_trimmed_and_must_not_be_empty(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.ckpt"
    command = [str(published / "mindcv.ckpt"), str(target), "--classes"]
    assert main([*command, "Croissants, Dog"]) == 0
    card = model_file.read(target).card
    assert card is not None
    assert card.class_names == ("Croissants", "Dog")
    assert main([*command, "croissant,,dog"]) == 2
    assert "a name must not be empty" in capsys.readouterr().err.splitlines()[-1]


def test_an_onnx_model_is_converted_back_with_its_card(converted: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.ckpt"
    convert(converted, target)
    assert_equal(weights_of(target), weights_of(converted))
    assert model_file.read(target).card == ModelCard(("0", "1", "2"), 32, "mobilenetv2")


def test_the_default_input_size_is_224(published: Path, tmp_path: Path) -> None:
    convert(published / "mindcv.ckpt", tmp_path / "model.ckpt")
    assert model_file.read(tmp_path / "model.ckpt").card == ModelCard(
        ("0", "1", "2"), 224, "mobilenetv2"
    )


def test_names_for_as_many_classes_keep_the_head(
    published: Path, converted: Path, tmp_path: Path
) -> None:
    target = tmp_path / "model.ckpt"
    convert(published / "mindcv.ckpt", target, classes=["cat", "dog", "horse"])
    assert_equal(weights_of(target), weights_of(converted))
    assert model_file.read(target).card == ModelCard(("cat", "dog", "horse"), 224, "mobilenetv2")


def test_another_number_of_classes_drops_the_head(
    published: Path, converted: Path, tmp_path: Path
) -> None:
    target = tmp_path / "model.ckpt"
    convert(published / "mindcv.ckpt", target, classes=5)
    weights, expected = weights_of(target), weights_of(converted)
    assert weights[HEAD].shape == (5, 1280)
    stem = "backbone.backbone.0.features.0.weight"
    np.testing.assert_array_equal(weights[stem], expected[stem])


def test_another_width_is_refused_with_a_sentence(published: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"other\.ckpt: features\.0 with .*, where the network has"
    ):
        convert(published / "other.ckpt", tmp_path / "model.ckpt")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_model_and_ends_with_0(published: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.ckpt"
    source = str(published / "mindcv.ckpt")
    assert main([source, str(target), "--classes", "croissant,dog", "--input-size", "96"]) == 0
    assert model_file.read(target).card == ModelCard(("croissant", "dog"), 96, "mobilenetv2")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gone.ckpt model.onnx", (5, "gone.ckpt: cannot read the model")),
        ("text.npz model.onnx", (5, "text.npz: cannot be read as .npz weights")),
        ("model.pth model.onnx", (5, "not from '.pth' files")),
        ("dense.npz model.onnx", (5, "holds 0 convolutions, where the network has 52")),
        ("mindcv.ckpt model.pth", (5, "model.pth: weights are written to")),
        ("mindcv.ckpt model.ckpt --input-size 33", (2, "input_size=33")),
        ("mindcv.ckpt model.ckpt --classes 1", (2, "at least two different classes")),
    ],
)
def test_bad_input_ends_the_command_with_a_sentence_and_no_file(
    published: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    expected: tuple[int, str],
) -> None:
    for name in ("text.npz", "model.pth"):
        (published / name).write_text("no weights", encoding="utf-8")
    write_weights(
        published / "dense.npz", {"fc.weight": np.zeros((2, 3), np.float32)}, ModelCard((), 32)
    )
    source, target, *options = command.split()
    status, sentence = expected
    assert main([str(published / source), str(tmp_path / target), *options]) == status
    lines = capsys.readouterr().err.splitlines()
    assert sentence in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_the_command_as_one_that_may_be_tried_again(
    published: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    disk_full: Callable[[], None],
) -> None:
    disk_full()
    assert main([str(published / "mindcv.ckpt"), str(tmp_path / "model.onnx")]) == 75
    sentence = (
        f"{tmp_path}/model.onnx: cannot be written (No space left on device): free disk space"
    )
    assert capsys.readouterr().err.splitlines()[-1].startswith(sentence)


def test_a_folder_in_the_target_s_place_is_named(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.onnx"
    target.mkdir()
    assert main([str(published / "mindcv.ckpt"), str(target)]) == 1
    sentence = f"{target}: cannot be written (Is a directory)."
    assert capsys.readouterr().err.splitlines()[-1] == sentence
