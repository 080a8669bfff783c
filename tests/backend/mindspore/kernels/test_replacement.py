from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from backend.classifier import MindSporeClassifier
from backend.mindspore.kernels.library import library

INPUT = np.random.default_rng(0).normal(size=(4, 6, 9, 7)).astype(np.float32)


@pytest.fixture(autouse=True)
def compiled() -> None:
    if library() is None:
        pytest.skip("no C++ compiler here: set CXX")


def block(nn: Any, stride: int, *, clipped: bool) -> Any:
    convolution = nn.Conv2d(6, 6, 3, stride, pad_mode="pad", padding=1, group=6, weight_init="ones")
    batch_norm = nn.BatchNorm2d(6, gamma_init=2, beta_init=1)
    return nn.SequentialCell([convolution, batch_norm, *([nn.ReLU6()] if clipped else [])])


def trained(mindspore: ModuleType, network: Any) -> dict[str, Any]:
    """Return the gradients of one step, and the moving statistics after it."""
    network.set_train()
    parameters = network.trainable_params()

    def cubes(images: Any) -> Any:
        # The sum alone would have no gradient behind a normalisation.
        return (network(images) ** 3).sum()

    gradients = mindspore.grad(cubes, 0, parameters)
    of_input, of_parameters = mindspore.jit(gradients)(mindspore.Tensor(INPUT))
    found = dict(zip([parameter.name for parameter in parameters], of_parameters, strict=True))
    statistics = {p.name: p for p in network.get_parameters() if not p.requires_grad}
    return {name: value.asnumpy() for name, value in {"x": of_input, **found, **statistics}.items()}


@pytest.mark.parametrize(("stride", "clipped"), [(1, True), (2, False)])
def test_a_step_is_that_of_mindspore(mindspore: ModuleType, stride: int, *, clipped: bool) -> None:
    from backend.mindspore.kernels.replacement import fast_training  # noqa: PLC0415

    expected = trained(mindspore, block(mindspore.nn, stride, clipped=clipped))
    network = block(mindspore.nn, stride, clipped=clipped)
    with fast_training(network):
        found = trained(mindspore, network)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-3, err_msg=name)


def operators(network: Any) -> dict[str, Any]:
    return {
        f"{name}.{attribute}": getattr(cell, attribute)
        for name, cell in network.cells_and_names()
        for attribute in ("conv2d", "bn_train", "relu6")
        if hasattr(cell, attribute)
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] is not after[name]}


def test_after_an_error_the_network_is_as_it_was() -> None:
    network = MindSporeClassifier(["croissant", "dog"], 32)._model.cell
    from backend.mindspore.kernels.replacement import fast_training  # noqa: PLC0415

    before, parameters = operators(network), [p.name for p in network.get_parameters()]
    with suppress(KeyboardInterrupt), fast_training(network):
        replaced = changed(before, operators(network))
        raise KeyboardInterrupt
    attributes = [name.rpartition(".")[2] for name in replaced]
    assert [attributes.count(name) for name in ("conv2d", "bn_train", "relu6")] == [17, 52, 35]
    assert changed(before, operators(network)) == set()
    assert [p.name for p in network.get_parameters()] == parameters


def test_a_frozen_normalisation_keeps_its_operator(mindspore: ModuleType) -> None:
    from backend.mindspore.kernels.replacement import fast_training  # noqa: PLC0415

    network = block(mindspore.nn, 1, clipped=True)
    network[1].use_batch_statistics = False
    before = operators(network)
    with fast_training(network):
        assert changed(before, operators(network)) == {"0.conv2d"}


def test_a_network_without_depthwise_convolutions_is_left_alone(mindspore: ModuleType) -> None:
    from backend.mindspore.kernels.replacement import fast_training  # noqa: PLC0415

    network = mindspore.nn.SequentialCell([mindspore.nn.BatchNorm2d(6), mindspore.nn.ReLU6()])
    before = operators(network)
    with fast_training(network):
        assert changed(before, operators(network)) == set()
