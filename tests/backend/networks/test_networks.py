"""What the descriptions say is true of the cells."""

from types import ModuleType

import pytest

from backend.models.parameters import parameter_shapes
from backend.networks import BUILT_IN, Network


@pytest.fixture(params=BUILT_IN)
def network(request: pytest.FixtureRequest, mindspore: ModuleType) -> Network:
    return BUILT_IN[request.param]


def test_a_description_names_the_cell_s_parts(network: Network) -> None:
    shapes = parameter_shapes(network.build(3))
    assert shapes[f"{network.head}.weight"][0] == 3
    assert list(shapes)[-1] == f"{network.head}.bias"
    starts = [
        next(at for at, name in enumerate(shapes) if name.startswith(f"{block}."))
        for block in network.blocks
    ]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    if network.shortcuts:
        assert network.shortcuts.shapes(3) == shapes
    if network.build_on_mindspore:
        assert parameter_shapes(network.build_on_mindspore(3)) == shapes
