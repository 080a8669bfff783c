"""Memory that is free inside this process goes back to the machine."""

import ctypes
from collections.abc import Callable

__all__ = ["release_free_memory"]


def release_free_memory() -> None:
    """Return what was freed to the kernel, where the C library is glibc.

    Left alone, glibc keeps the buffers of models that were replaced, in pieces too scattered to
    be used for the next ones: each hot update would cost about the size of a model. And each
    thread that has decoded a large picture would keep as much for its next one.
    """
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
