"""Keeps the garbage collector from walking through a framework's objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collections", "without_present_objects"]


@contextmanager
def without_collections() -> Iterator[None]:
    """Collect nothing meanwhile: for imports of very much that lives as long as the process."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def without_present_objects() -> Iterator[None]:
    """Collect only what is made meanwhile: MindSpore collects before it compiles, for one.

    Does nothing if the process has already frozen objects.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
