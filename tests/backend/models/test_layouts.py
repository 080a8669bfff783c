from types import ModuleType

import numpy as np
import pytest

from backend.errors import ModelFileError
from backend.models.layouts import class_count, to_tinyms_layout
from backend.models.parameters import get_weights
from backend.models.weights import Weights
from tests.backend.classifier.conftest import new_estimator
from tests.backend.models.conversions import in_torchvisions_layout, mindcv_network


@pytest.fixture(scope="module")
def mindcv(mindspore: ModuleType) -> Weights:
    return get_weights(mindcv_network(classes=2))


@pytest.fixture(scope="module")
def shapes(mindspore: ModuleType) -> dict[str, tuple[int, ...]]:
    """Of the parameters of TinyMS's own network for two classes."""
    return {name: each.shape for name, each in new_estimator("tinyms").get_weights().items()}


def test_mindcvs_layout_becomes_tinyms(mindcv: Weights, shapes: dict[str, tuple[int, ...]]) -> None:
    renamed = to_tinyms_layout(mindcv, "mindcv.ckpt")
    assert {name: each.shape for name, each in renamed.items()} == shapes
    assert class_count(renamed) == 2


def test_torchvisions_layout_becomes_tinyms(mindcv: Weights) -> None:
    expected = to_tinyms_layout(mindcv, "mindcv.ckpt")
    renamed = to_tinyms_layout(in_torchvisions_layout(mindcv), "torchvision.safetensors")
    assert renamed.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(renamed[name], value)


def test_tinyms_own_layout_stays(mindcv: Weights) -> None:
    once = to_tinyms_layout(mindcv, "mindcv.ckpt")
    twice = to_tinyms_layout(dict(reversed(once.items())), "again.ckpt")
    assert twice.keys() == once.keys()
    for name, value in once.items():
        assert twice[name] is value


def test_a_head_without_a_bias_still_counts_its_classes(mindcv: Weights) -> None:
    unbiased = {name: each for name, each in mindcv.items() if name != "classifier.1.bias"}
    assert len(unbiased) == len(mindcv) - 1
    assert class_count(to_tinyms_layout(unbiased, "unbiased.ckpt")) == 2


def test_a_layer_too_few_is_counted(mindcv: Weights) -> None:
    fewer = {name: each for name, each in mindcv.items() if not name.startswith("features.21.")}
    with pytest.raises(ModelFileError, match=r"few\.ckpt: holds 103 .* and 1 dense layers"):
        to_tinyms_layout(fewer, "few.ckpt")


def test_a_second_dense_layer_is_counted(mindcv: Weights) -> None:
    more = mindcv | {"extra.weight": np.zeros((4, 4), np.float32)}
    with pytest.raises(ModelFileError, match=r"104 .* and 2 dense layers"):
        to_tinyms_layout(more, "more.ckpt")


def test_a_layer_of_another_shape_is_named(mindcv: Weights) -> None:
    name = "features.3.layers.0.weight"
    other = mindcv | {name: np.zeros((32, 1, 5, 5), np.float32)}
    with pytest.raises(ModelFileError, match=r"features\.3\.layers\.0 is \(32, 1, 5, 5\), where"):
        to_tinyms_layout(other, "other.ckpt")


def test_no_weights_are_no_network() -> None:
    with pytest.raises(ModelFileError, match=r"empty\.ckpt: holds 0"):
        to_tinyms_layout({}, "empty.ckpt")
