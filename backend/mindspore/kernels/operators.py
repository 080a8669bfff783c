"""MindSpore operators of the kernels, with the inputs and outputs of those they replace.

Imports MindSpore: prepare it before.
"""

from pathlib import Path
from typing import Any

import mindspore
from mindspore import Tensor, ops
from mindspore.ops import signature

__all__ = ["Operator", "batch_norm", "depthwise"]

Operator = Any
"""A MindSpore primitive, or a function of the graph."""

_Shape = tuple[int, ...]
_FLOAT = mindspore.float32


def depthwise(library: Path, stride: int) -> Operator:
    """Return what takes x (N, C, H, W) and weight (C, 1, 3, 3), float32, as ``Conv2D`` does."""

    def out_shape(x: _Shape, _weight: _Shape) -> _Shape:
        return x[0], x[1], (x[2] - 1) // stride + 1, (x[3] - 1) // stride + 1

    def gradient_shapes(_gradient: _Shape, x: _Shape, weight: _Shape) -> tuple[_Shape, _Shape]:
        return x, weight

    backward = ops.Custom(
        f"{library}:depthwise_backward", gradient_shapes, (_FLOAT, _FLOAT), func_type="aot"
    )

    def bprop(x: Tensor, weight: Tensor, _out: Tensor, gradient: Tensor) -> Any:
        return backward(gradient, x, weight)

    return ops.Custom(f"{library}:depthwise", out_shape, _FLOAT, func_type="aot", bprop=bprop)


class _BatchNorm(ops.Custom):
    """Writes two of its inputs, the moving statistics, and says so to MindSpore."""

    __mindspore_signature__ = (
        signature.make_sig("x"),
        signature.make_sig("gamma"),
        signature.make_sig("beta"),
        signature.make_sig("moving_mean", signature.sig_rw.RW_WRITE),
        signature.make_sig("moving_variance", signature.sig_rw.RW_WRITE),
    )

    def __init__(self, function: str, **options: Any) -> None:
        super().__init__(function, func_type="aot", **options)
        self.add_prim_attr("side_effect_mem", True)


def batch_norm(library: Path, *, clipped: bool) -> Operator:
    """Return what takes x (N, C, H, W) and four (C,), float32, as ``BatchNorm`` in training does.

    It is made for MindSpore's default epsilon and momentum; ``clipped`` adds ReLU6.
    """
    name = "batch_norm_relu6" if clipped else "batch_norm"

    def out_shapes(x: _Shape, gamma: _Shape, *_others: _Shape) -> tuple[_Shape, _Shape, _Shape]:
        return x, gamma, gamma

    def gradient_shapes(
        _gradient: _Shape, x: _Shape, gamma: _Shape, *_others: _Shape
    ) -> tuple[_Shape, _Shape, _Shape]:
        return x, gamma, gamma

    types = (_FLOAT, _FLOAT, _FLOAT)
    backward = ops.Custom(f"{library}:{name}_backward", gradient_shapes, types, func_type="aot")

    def bprop(  # noqa: PLR0917 - MindSpore's interface
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        moving_mean: Tensor,
        moving_variance: Tensor,
        out: Any,
        gradient: Any,
    ) -> Any:
        gradients = backward(gradient[0], x, gamma, beta, out[1], out[2])
        statistics = (ops.zeros_like(moving_mean), ops.zeros_like(moving_variance))
        return gradients[0], gradients[1], gradients[2], statistics[0], statistics[1]

    return _BatchNorm(f"{library}:{name}", out_shape=out_shapes, out_dtype=types, bprop=bprop)
