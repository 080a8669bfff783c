"""The kernels, called as MindSpore calls them."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.mindspore.kernels.library import library

Array = NDArray[np.float32]
Kernel = Callable[..., None]


def _call(function: Any, *arrays: Array) -> None:
    """Call ``int f(count, params, ndims, shapes, dtypes, stream, extra)``."""
    shapes = [np.array(array.shape, dtype=np.int64) for array in arrays]
    pointers = ctypes.c_void_p * len(arrays)
    status = function(
        len(arrays),
        pointers(*[array.ctypes.data for array in arrays]),
        None,
        pointers(*[shape.ctypes.data for shape in shapes]),
        None,
        None,
        None,
    )
    assert status == 0


@pytest.fixture(scope="session")
def kernel() -> Callable[[str], Kernel]:
    """Return the kernel of a name: it takes inputs and outputs, float32 arrays."""
    path = library()
    if path is None:
        pytest.skip("no C++ compiler here: set CXX")
    loaded = ctypes.CDLL(str(path))

    def named(name: str) -> Kernel:
        function = getattr(loaded, name)
        return lambda *arrays: _call(function, *arrays)

    return named
