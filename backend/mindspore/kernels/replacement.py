"""Puts the kernels in the place of MindSpore's own while a network trains on the CPU.

Imports MindSpore: prepare it before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import mindspore
from mindspore import Tensor, nn

from backend.mindspore.kernels.library import library
from backend.mindspore.kernels.operators import Operator, batch_norm, depthwise

__all__ = ["fast_training"]

_EPSILON = 1e-5
_KEPT = 0.9
_STRIDES = (1, 2)

Cell = Any
"""A layer or network; MindSpore publishes no types."""


@contextmanager
def fast_training(network: Cell) -> Iterator[Path | None]:
    """Let the network's depthwise convolutions and batch normalisations train with the kernels.

    Only the operators inside the cells are exchanged, and put back at the end: parameters, their
    names and what is exported stay the same. Nothing is done on other devices, for a network
    without such layers, or where `backend.mindspore.kernels.library.library` finds none. Yields the
    library that is used, or None.
    """
    cells = [cell for _, cell in network.cells_and_names()]
    path = library() if _has_kernels(cells) else None
    originals = []
    for cell, name, operator in _replacements(cells, path) if path else ():
        originals.append((cell, name, getattr(cell, name)))
        setattr(cell, name, operator)
    try:
        yield path
    finally:
        for cell, name, original in originals:
            setattr(cell, name, original)


def _has_kernels(cells: list[Cell]) -> bool:
    return mindspore.get_context("device_target") == "CPU" and any(map(_is_depthwise, cells))


def _replacements(cells: list[Cell], path: Path) -> Iterator[tuple[Cell, str, Operator]]:
    """Yield each cell to change, its attribute, and the operator that belongs there."""
    yield from _convolutions(cells, path)
    yield from _normalisations(cells, path)


def _convolutions(cells: list[Cell], path: Path) -> Iterator[tuple[Cell, str, Operator]]:
    operators = {stride: depthwise(path, stride) for stride in _STRIDES}
    for cell in filter(_is_depthwise, cells):
        yield cell, "conv2d", operators[cell.stride[0]]


def _normalisations(cells: list[Cell], path: Path) -> Iterator[tuple[Cell, str, Operator]]:
    plain, clipped = batch_norm(path, clipped=False), batch_norm(path, clipped=True)
    for cell in cells:
        if isinstance(cell, nn.SequentialCell):
            layers = list(cell)
            for layer, following in zip_longest(layers, layers[1:]):
                if not _is_batch_norm(layer):
                    continue
                is_clipped = isinstance(following, nn.ReLU6)
                yield layer, "bn_train", clipped if is_clipped else plain
                if is_clipped:
                    yield following, "relu6", _same


def _is_depthwise(cell: Cell) -> bool:
    return (
        isinstance(cell, nn.Conv2d)
        and cell.group == cell.in_channels == cell.out_channels
        and cell.kernel_size == (3, 3)
        and cell.stride in [(stride, stride) for stride in _STRIDES]
        and cell.dilation == (1, 1)
        and (cell.pad_mode, cell.padding) == ("pad", 1)
    )


def _is_batch_norm(cell: Cell) -> bool:
    return (
        isinstance(cell, nn.BatchNorm2d)
        # A frozen block normalises with its moving statistics.
        and cell.use_batch_statistics is not False
        and (cell.eps, cell.momentum) == (_EPSILON, 1 - _KEPT)
    )


def _same(features: Tensor) -> Tensor:
    return features
