import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backend.mindspore.kernels.conftest import Array, Kernel

SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 35), st.integers(1, 35), st.integers(1, 2)
)


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def out_side(side: int, stride: int) -> int:
    return (side - 1) // stride + 1


def tap_views(padded: Array, out: tuple[int, int], stride: int) -> list[Array]:
    """Return the nine views (N, C, H', W') that the kernel's weights are multiplied with."""
    height, width = out
    return [
        padded[
            :, :, row : row + stride * height : stride, column : column + stride * width : stride
        ][:, :, :height, :width]
        for row in range(3)
        for column in range(3)
    ]


def padded(x: Array, stride: int) -> Array:
    return np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, stride), (1, stride)))


@given(SHAPES)
@settings(deadline=None)
def test_forward_is_the_weighted_sum_of_each_neighbourhood(
    kernel: Callable[[str], Kernel], shape: tuple[int, int, int, int, int]
) -> None:
    images, channels, height, width, stride = shape
    x, weight = drawn(*shape[:4]), drawn(channels, 1, 3, 3, seed=1)
    out = out_side(height, stride), out_side(width, stride)
    y = np.empty((images, channels, *out), np.float32)
    kernel("depthwise")(x, weight, y)
    views = tap_views(padded(x, stride), out, stride)
    expected = sum(
        view * weight.reshape(channels, 9)[:, tap, None, None] for tap, view in enumerate(views)
    )
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@given(SHAPES)
@settings(deadline=None)
def test_backward_gives_each_neighbourhood_and_each_weight_its_share(
    kernel: Callable[[str], Kernel], shape: tuple[int, int, int, int, int]
) -> None:
    images, channels, height, width, stride = shape
    x, weight = drawn(*shape[:4]), drawn(channels, 1, 3, 3, seed=1)
    out = out_side(height, stride), out_side(width, stride)
    dy = drawn(images, channels, *out, seed=2)
    dx, dweight = np.empty_like(x), np.empty_like(weight)
    kernel("depthwise_backward")(dy, x, weight, dx, dweight)
    shares = np.zeros_like(padded(x, stride))
    for tap, view in enumerate(tap_views(shares, out, stride)):
        np.add(view, dy * weight.reshape(channels, 9)[:, tap, None, None], out=view)
    np.testing.assert_allclose(
        dx, shares[:, :, 1 : height + 1, 1 : width + 1], rtol=1e-4, atol=1e-5
    )
    products = [
        (view * dy).sum(axis=(0, 2, 3)) for view in tap_views(padded(x, stride), out, stride)
    ]
    expected = np.stack(products, axis=1).reshape(weight.shape)
    np.testing.assert_allclose(dweight, expected, rtol=1e-4, atol=1e-3)


def test_the_number_of_threads_changes_no_bit(kernel: Callable[[str], Kernel]) -> None:
    processors = os.sched_getaffinity(0)
    if len(processors) == 1:
        pytest.skip("one processor: there is one thread")
    x, weight, dy = drawn(4, 7, 30, 30), drawn(7, 1, 3, 3), drawn(4, 7, 30, 30, seed=1)
    many, one = ([np.empty_like(x), np.empty_like(weight)] for _ in range(2))
    kernel("depthwise_backward")(dy, x, weight, *many)
    try:
        os.sched_setaffinity(0, {min(processors)})
        kernel("depthwise_backward")(dy, x, weight, *one)
    finally:
        os.sched_setaffinity(0, processors)
    for first, second in zip(many, one, strict=True):
        np.testing.assert_array_equal(first, second)
