"""Imports that do not wait for the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collections"]


@contextmanager
def without_collections() -> Iterator[None]:
    """Import what makes very many objects that live as long as the process.

    Nothing is collected meanwhile, and what is there at the end never looked at again: with
    MindSpore, a quarter of the time from a process's start to its end.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
