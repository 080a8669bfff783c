from typing import Any

import pytest

from backend.errors import SettingsError
from backend.networks import BUILT_IN, DEFAULT_NETWORK, GREY, Network, find_network

NOT_A_NETWORK = 7


def bare(class_count: int) -> Any:
    """Stand for a cell."""
    return class_count


described = Network(bare, input_size=48, stride=16, normalisation=GREY, name="whatever")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_network_is_found_by_its_name(name: str) -> None:
    assert find_network(name).name == name


def test_the_default_network_is_built_in() -> None:
    assert DEFAULT_NETWORK in BUILT_IN


def test_a_bare_factory_takes_what_most_networks_take() -> None:
    network = find_network(f"{__name__}:bare")
    assert network.build(3) == 3
    assert network.name == f"{__name__}:bare"
    assert network.input_format().shape == (3, 224, 224)


def test_a_description_of_the_user_s_own_is_called_by_where_it_is() -> None:
    network = find_network(f"{__name__}:described")
    assert network.name == f"{__name__}:described"
    assert network.input_format(64).shape == (1, 64, 64)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet51", "network=resnet51: it must be one of mobilenetv2, resnet50, "),
        ("nowhere.at_all:make", "it cannot be imported .*: add its module to the image"),
        (f"{__name__}:absent", "it cannot be imported"),
        (f"{__name__}:NOT_A_NETWORK", "it must be a Network or a callable"),
    ],
)
def test_what_is_no_network_is_refused_with_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        find_network(name)


@pytest.mark.parametrize(
    ("network", "size", "sentence"),
    [
        ("mobilenetv2", 100, r"input_size=100: for mobilenetv2 it must be a multiple of 32"),
        ("mobilenetv2", 0, r"input_size=0: "),
        ("lenet5", 64, r"input_size=64: lenet5 takes pictures of 32 pixels only"),
    ],
)
def test_a_size_that_a_network_cannot_take_is_refused(
    network: str, size: int, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        find_network(network).input_format(size)
