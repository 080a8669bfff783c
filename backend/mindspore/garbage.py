"""Keeps the garbage collector from walking through a framework's objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["imported_for_good"]


@contextmanager
def imported_for_good() -> Iterator[None]:
    """Import very much that lives as long as the process: no collection looks at it, ever.

    Neither while it is imported, nor before MindSpore compiles, nor when the process ends, which
    takes half a second each. Whatever else there is then is left out of collections, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
