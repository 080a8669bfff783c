"""How much memory this process may take, and how it gives some back."""

import ctypes
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["memory_limit", "release_free_memory"]

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Of the container, in either version of control groups."""


def memory_limit() -> int:
    """Return the bytes that this process may take: the container's limit, or else all there is."""
    return min(_limits())


def _limits() -> Iterator[int]:
    yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        yield address_space
    for file in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max": there is no limit
            yield int(file.read_text())


def release_free_memory() -> None:
    """Return what was freed to the kernel, where the C library is glibc.

    Left alone, glibc keeps the buffers of models that were replaced, in pieces too scattered to
    be used for the next ones: each hot update would cost about the size of a model. And each
    thread that has decoded a large picture would keep as much for its next one.
    """
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
