import numpy as np
import pytest

from backend.models.parameters import parameter_shapes
from backend.networks.mobilenetv2.architecture import blocks, shapes_of
from tests.backend.classifier.conftest import CLASSES, new_estimator


@pytest.mark.parametrize("framework", ["tinyms", "mindspore"])
def test_the_shapes_are_those_of_the_frameworks_network(framework: str) -> None:
    estimator = new_estimator(framework)
    network = estimator._model.toolkit.network(estimator.network, len(CLASSES))
    assert shapes_of(len(CLASSES)) == parameter_shapes(network)


def test_the_paper_s_table_has_19_blocks_of_52_convolutions_and_a_stride_of_32() -> None:
    convolutions = [each for block in blocks() for each in block.convolutions]
    assert len(list(blocks())) == 19
    assert len(convolutions) == 52
    assert np.prod([each.stride for each in convolutions]) == 32
    assert sum(block.adds_input for block in blocks()) == 10


@pytest.mark.parametrize("class_count", [2, 1000])
def test_it_has_the_paper_s_parameters(class_count: int) -> None:
    """3.4 million with 1000 classes and without what batch normalisation measures."""
    shapes = shapes_of(class_count)
    trained = sum(int(np.prod(shapes[name])) for name in shapes if "moving_" not in name)
    assert trained == 2_223_872 + 1281 * class_count
