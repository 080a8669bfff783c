import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.classifier import TinyMSClassifier
from backend.errors import ModelFileError, SettingsError
from backend.mindspore.runtime import prepare_mindspore
from backend.models.parameters import get_weights
from backend.models.weights import read_weights
from tests.backend.models.conversions import (
    in_timms_layout,
    in_torchvisions_layout,
    mindcv_network,
)
from workers.prepare.models import prepare_models


def environment(root: Path, **more: str) -> dict[str, str]:
    return {
        "initial_model_url": f"{root}/initial/model.ckpt",
        "deploy_model_url": f"{root}/deploy/model.onnx",
        "class_names": "croissant,dog",
        "input_shape": "32,32",
        **more,
    }


def model(root: Path, name: str) -> TinyMSClassifier:
    """Load a model as a worker does."""
    estimator = TinyMSClassifier(("croissant", "dog"), 32)
    estimator.load(root / name)
    return estimator


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with both models, drawn at random."""
    root = tmp_path_factory.mktemp("node")
    prepare_models(environment(root))
    return root


def test_without_a_source_both_models_are_made_with_the_same_weights(prepared: Path) -> None:
    initial, card = read_weights(prepared / "initial/model.ckpt")
    assert card is not None
    assert card.class_names == ("croissant", "dog")
    served = model(prepared, "deploy/model.onnx").get_weights()
    assert initial.keys() == served.keys()
    assert all((initial[name] == served[name]).all() for name in initial)


def test_models_that_are_there_are_not_touched(prepared: Path) -> None:
    files = [prepared / "initial/model.ckpt", prepared / "deploy/model.onnx"]
    before = [file.stat().st_mtime_ns for file in files]
    prepare_models(environment(prepared, initial_model_source="/nowhere/model.ckpt"))
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_missing_one_is_made_of_the_other(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "initial").mkdir()
    content = (prepared / "initial/model.ckpt").read_bytes()
    (tmp_path / "initial/model.ckpt").write_bytes(content)
    prepare_models(environment(tmp_path))
    assert model(tmp_path, "deploy/model.onnx").predict([]) == []
    assert (tmp_path / "initial/model.ckpt").read_bytes() == content


def test_a_source_of_other_classes_gives_its_backbone(prepared: Path, tmp_path: Path) -> None:
    source = prepared / "initial/model.ckpt"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    told = environment(
        tmp_path,
        initial_model_source=str(source),
        initial_model_sha256=digest,
        class_names="apple,banana,cherry",
        deploy_model_url=f"{tmp_path}/deploy/model.ckpt",
    )
    prepare_models(told)
    weights, card = read_weights(tmp_path / "deploy/model.ckpt")
    original, _ = read_weights(source)
    assert card is not None
    assert card.class_names == ("apple", "banana", "cherry")
    backbone = [name for name in original if not name.startswith("head.")]
    assert all((weights[name] == original[name]).all() for name in backbone)


@pytest.mark.parametrize("name", ["mindcv.ckpt", "torchvision.safetensors", "timm.safetensors"])
def test_a_published_source_gives_its_backbone(tmp_path: Path, name: str) -> None:
    prepare_mindspore()
    import mindspore  # noqa: PLC0415

    network = mindcv_network()
    weights = get_weights(network)
    if name == "mindcv.ckpt":
        mindspore.save_checkpoint(network, str(tmp_path / name))
    else:
        is_timms = name.startswith("timm")
        layout = in_timms_layout if is_timms else partial(in_torchvisions_layout, "mobilenetv2")
        save_file(layout(weights), tmp_path / name)
    prepare_models(environment(tmp_path, initial_model_source=str(tmp_path / name)))
    served = model(tmp_path, "deploy/model.onnx").get_weights()
    stem = served["backbone.backbone.0.features.0.weight"]
    np.testing.assert_array_equal(stem, weights["features.0.weight"])


def test_a_source_with_another_checksum_is_refused(prepared: Path, tmp_path: Path) -> None:
    told = environment(
        tmp_path,
        initial_model_source=f"{prepared}/initial/model.ckpt",
        initial_model_sha256="0" * 64,
    )
    with pytest.raises(ModelFileError, match="its SHA-256 is"):
        prepare_models(told)
    assert list(tmp_path.iterdir()) == []


def test_a_checksum_is_64_digits(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="initial_model_sha256='abc'"):
        prepare_models(environment(tmp_path, initial_model_sha256="abc"))


def test_the_first_model_to_serve_in_int8_is_the_float_one(tmp_path: Path) -> None:
    prepare_models(environment(tmp_path, deploy_model_url=f"{tmp_path}/deploy/model.int8.onnx"))
    initial, _ = read_weights(tmp_path / "initial/model.ckpt")
    served = model(tmp_path, "deploy/model.int8.onnx").get_weights()
    assert all((initial[name] == served[name]).all() for name in initial)
