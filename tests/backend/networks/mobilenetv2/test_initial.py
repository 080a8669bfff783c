import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.networks.mobilenetv2.initial import initial_weights

SHAPES = {
    "stem.weight": (64, 16, 3, 3),
    "depthwise.weight": (512, 1, 3, 3),
    "bn.gamma": (8,),
    "bn.beta": (8,),
    "bn.moving_mean": (8,),
    "bn.moving_variance": (8,),
    "head.weight": (10, 1280),
    "head.bias": (10,),
}


@given(seed=st.integers(0, 2**32 - 1))
def test_equal_seeds_give_equal_weights_in_any_order_of_names(seed: int) -> None:
    first = initial_weights(SHAPES, seed)
    second = initial_weights(dict(reversed(SHAPES.items())), seed)
    assert {name: value.shape for name, value in first.items()} == SHAPES
    for name, value in first.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(second[name], value)


def test_another_seed_gives_other_weights() -> None:
    first, second = initial_weights(SHAPES, 0), initial_weights(SHAPES, 1)
    assert not np.array_equal(first["stem.weight"], second["stem.weight"])
    assert not np.array_equal(first["head.weight"], second["head.weight"])


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("stem.weight", np.sqrt(2 / (9 * 64))),
        ("depthwise.weight", np.sqrt(2 / 9)),
        ("head.weight", 0.01),
    ],
)
def test_drawn_weights_have_their_deviation(name: str, deviation: float) -> None:
    drawn = initial_weights(SHAPES, 0)[name]
    assert drawn.std() == pytest.approx(deviation, rel=0.05)
    assert abs(drawn.mean()) < deviation / 10


def test_batch_normalisation_starts_as_identity() -> None:
    weights = initial_weights(SHAPES, 0)
    assert weights["bn.gamma"].tolist() == weights["bn.moving_variance"].tolist() == [1] * 8
    assert weights["bn.beta"].tolist() == weights["bn.moving_mean"].tolist() == [0] * 8
    assert not weights["head.bias"].any()
