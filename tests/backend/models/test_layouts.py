from types import ModuleType

import numpy as np
import pytest

from backend.classifier import TinyMSClassifier
from backend.errors import ModelFileError
from backend.models.layouts import to_layout
from backend.models.parameters import Shapes, get_weights
from backend.models.weights import Weights
from backend.networks import BUILT_IN
from tests.backend.models.conversions import (
    in_timms_layout,
    in_torchvisions_layout,
    mindcv_network,
)

NETWORKS = ("mobilenetv2", "resnet50")
HEAD = str(BUILT_IN["mobilenetv2"].head)


@pytest.fixture(scope="module")
def published(mindspore: ModuleType) -> dict[str, Weights]:
    """MindCV's weights for two classes, by network."""
    return {name: get_weights(mindcv_network(name, classes=2)) for name in NETWORKS}


@pytest.fixture(scope="module")
def own(mindspore: ModuleType) -> dict[str, Shapes]:
    """The shapes of the parameters of TinyMS's networks for two classes."""
    return {name: TinyMSClassifier(("0", "1"), network=name).shapes for name in NETWORKS}


def renamed(weights: Weights, own: dict[str, Shapes], network: str = "mobilenetv2") -> Weights:
    return to_layout(weights, own[network], BUILT_IN[network].head, "published.ckpt")


@pytest.mark.parametrize("network", NETWORKS)
def test_mindcvs_layout_becomes_tinyms(
    published: dict[str, Weights], own: dict[str, Shapes], network: str
) -> None:
    found = renamed(published[network], own, network)
    assert {name: each.shape for name, each in found.items()} == own[network]


@pytest.mark.parametrize("network", NETWORKS)
def test_torchvisions_layout_becomes_tinyms(
    published: dict[str, Weights], own: dict[str, Shapes], network: str
) -> None:
    expected = renamed(published[network], own, network)
    found = renamed(in_torchvisions_layout(network, published[network]), own, network)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("prefix", ["", "model.", "module.backbone."])
def test_timms_layout_becomes_tinyms(
    published: dict[str, Weights], own: dict[str, Shapes], prefix: str
) -> None:
    expected = renamed(published["mobilenetv2"], own)
    timms = in_timms_layout(published["mobilenetv2"])
    assert "blocks.1.0.conv_pwl.weight" in timms
    found = renamed({prefix + name: value for name, value in timms.items()}, own)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


OPTIMIZERS = [
    "Adagrad",
    "Adam",
    "AdamWeightDecay",
    "FTRL",
    "Lamb",
    "Momentum",
    "ProximalAdagrad",
    "RMSProp",
    "SGD",
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_state_is_left_out(
    mindspore: ModuleType, published: dict[str, Weights], own: dict[str, Shapes], name: str
) -> None:
    network = mindcv_network(classes=2)
    options = {"momentum": 0.9} if name == "Momentum" else {}
    state = getattr(mindspore.nn, name)(network.trainable_params(), learning_rate=0.1, **options)
    weights = published["mobilenetv2"] | get_weights(state)
    assert len(weights) > len(published["mobilenetv2"])
    found, expected = renamed(weights, own), renamed(published["mobilenetv2"], own)
    assert found.keys() == expected.keys()
    for parameter, value in expected.items():
        np.testing.assert_array_equal(found[parameter], value)


def test_what_is_left_out_is_told_in_one_line(
    published: dict[str, Weights], own: dict[str, Shapes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    weights = published["mobilenetv2"]
    more = {f"adam_m.{name}": np.zeros_like(value) for name, value in weights.items()}
    renamed(weights | more | {"global_step": np.ones(1, np.float32)}, own)
    [record] = caplog.records
    assert record.getMessage().startswith(
        f"published.ckpt: left out what is not part of the network: {len(weights) + 1} values"
    )


def test_a_backbone_without_a_head_is_enough(
    published: dict[str, Weights], own: dict[str, Shapes]
) -> None:
    backbone = {
        name: value
        for name, value in published["mobilenetv2"].items()
        if not name.startswith("classifier.")
    }
    found = renamed(backbone, own)
    assert own["mobilenetv2"].keys() - found.keys() == {f"{HEAD}.weight", f"{HEAD}.bias"}


def test_tinyms_own_layout_stays(published: dict[str, Weights], own: dict[str, Shapes]) -> None:
    once = renamed(published["mobilenetv2"], own)
    twice = renamed(dict(reversed(once.items())) | {"moment1.x": np.zeros(1, np.float32)}, own)
    assert twice.keys() == once.keys()
    for name, value in once.items():
        assert twice[name] is value


def test_a_head_may_have_another_number_of_classes(
    published: dict[str, Weights], own: dict[str, Shapes]
) -> None:
    five = {"classifier.1.weight": (5, 1280), "classifier.1.bias": (5,)}
    head = {name: np.ones(shape, np.float32) for name, shape in five.items()}
    assert renamed(published["mobilenetv2"] | head, own)[f"{HEAD}.weight"].shape == (5, 1280)


def test_a_layer_without_its_bias_is_named(
    published: dict[str, Weights], own: dict[str, Shapes]
) -> None:
    weights = dict(published["mobilenetv2"])
    del weights["classifier.1.bias"]
    with pytest.raises(ModelFileError, match=r"classifier\.1 with weight of .* with bias, weight"):
        renamed(weights, own)


def test_a_layer_too_few_is_counted(published: dict[str, Weights], own: dict[str, Shapes]) -> None:
    fewer = {
        name: each
        for name, each in published["mobilenetv2"].items()
        if not name.startswith("features.21.")
    }
    with pytest.raises(ModelFileError, match=r"holds 51 batch norm.*, where the network has 52"):
        renamed(fewer, own)


def test_a_second_dense_layer_is_counted(
    published: dict[str, Weights], own: dict[str, Shapes]
) -> None:
    more = published["mobilenetv2"] | {"extra.weight": np.zeros((4, 4), np.float32)}
    with pytest.raises(ModelFileError, match="holds 2 dense layers, where the network has 1"):
        renamed(more, own)


def test_a_layer_of_another_shape_is_named(
    published: dict[str, Weights], own: dict[str, Shapes]
) -> None:
    name = "features.3.layers.0.weight"
    other = published["mobilenetv2"] | {name: np.zeros((32, 1, 5, 5), np.float32)}
    with pytest.raises(ModelFileError, match=r"features\.3\.layers\.0 .*\(32, 1, 5, 5\), where"):
        renamed(other, own)


def test_no_weights_are_no_network(own: dict[str, Shapes]) -> None:
    with pytest.raises(ModelFileError, match=r"published\.ckpt: holds 0"):
        renamed({}, own)
