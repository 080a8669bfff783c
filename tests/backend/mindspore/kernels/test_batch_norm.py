from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backend.mindspore.kernels.conftest import Array, Kernel

EPSILON = 1e-5
NAMES = pytest.mark.parametrize("name", ["batch_norm", "batch_norm_relu6"])
SHAPES = st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(1, 20), st.integers(1, 20))
CENTRES = st.sampled_from([0.0, -3.0, 100.0])


def drawn(shape: tuple[int, ...], centre: float = 0, seed: int = 0) -> Array:
    generator = np.random.default_rng([seed, *shape])
    return generator.normal(centre, 1, shape).astype(np.float32)


def per_channel(values: Any) -> Any:
    return np.asarray(values, dtype=np.float64)[:, None, None]


def normalised(x: Array) -> Any:
    exact = x.astype(np.float64)
    mean, variance = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3))
    return (exact - per_channel(mean)) / np.sqrt(per_channel(variance) + EPSILON)


class Forward:
    """What the kernel gives for images ``x``; scales and shifts reach over both ends of ReLU6."""

    def __init__(self, kernel: Kernel, x: Array) -> None:
        channels = x.shape[1]
        self.gamma = np.linspace(1, 4, channels, dtype=np.float32)
        self.beta = np.linspace(5, -1, channels, dtype=np.float32)
        self.moving_mean = np.full(channels, 2, np.float32)
        self.moving_variance = np.full(channels, 3, np.float32)
        self.y = np.empty_like(x)
        self.mean, self.inverse = np.empty(channels, np.float32), np.empty(channels, np.float32)
        kernel(
            x,
            self.gamma,
            self.beta,
            self.moving_mean,
            self.moving_variance,
            self.y,
            self.mean,
            self.inverse,
        )

    def exact(self, x: Array) -> Any:
        return normalised(x) * per_channel(self.gamma) + per_channel(self.beta)


@NAMES
@given(shape=SHAPES, centre=CENTRES)
@settings(deadline=None)
def test_forward_normalises_each_channel(
    kernel: Callable[[str], Kernel], name: str, shape: tuple[int, int, int, int], centre: float
) -> None:
    x = drawn(shape, centre)
    forward = Forward(kernel(name), x)
    exact = forward.exact(x)
    expected = np.clip(exact, 0, 6) if name.endswith("relu6") else exact
    np.testing.assert_allclose(forward.y, expected, rtol=1e-3, atol=1e-3)


@given(shape=SHAPES, centre=CENTRES)
@settings(deadline=None)
def test_the_moving_statistics_go_a_tenth_of_the_way_to_the_batch_s(
    kernel: Callable[[str], Kernel], shape: tuple[int, int, int, int], centre: float
) -> None:
    x = drawn(shape, centre)
    forward = Forward(kernel("batch_norm"), x)
    exact = x.astype(np.float64)
    mean, variance = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(forward.moving_mean, 0.9 * 2 + 0.1 * mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(forward.moving_variance, 0.9 * 3 + 0.1 * variance, rtol=1e-4)


@NAMES
@given(shape=SHAPES)
@settings(deadline=None)
def test_backward_is_the_derivative(
    kernel: Callable[[str], Kernel], name: str, shape: tuple[int, int, int, int]
) -> None:
    x, dy = drawn(shape), drawn(shape, seed=1)
    forward = Forward(kernel(name), x)
    dx, dgamma, dbeta = np.empty_like(x), np.empty(shape[1], "f4"), np.empty(shape[1], "f4")
    known = (forward.gamma, forward.beta, forward.mean, forward.inverse)
    kernel(f"{name}_backward")(dy, x, *known, dx, dgamma, dbeta)
    passes = (forward.y > 0) & (forward.y < 6) | (name == "batch_norm")
    gradient, units = dy.astype(np.float64) * passes, normalised(x)
    sums = gradient.sum(axis=(0, 2, 3)), (gradient * units).sum(axis=(0, 2, 3))
    count = x.size // shape[1]
    scale = per_channel(forward.gamma) * per_channel(forward.inverse)
    share = (per_channel(sums[0]) + units * per_channel(sums[1])) / count
    np.testing.assert_allclose(dbeta, sums[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(dgamma, sums[1], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(dx, scale * (gradient - share), rtol=1e-3, atol=5e-3)
