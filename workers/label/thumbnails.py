"""Thumbnails that any browser can show."""

import io
from functools import lru_cache
from pathlib import Path
from threading import Lock

from backend.images.opening import opened
from backend.memory import release_free_memory

__all__ = ["thumbnail"]

_SIDE = 800
_QUALITY = 85
_KEPT = 128

# A browser requests a page of them at the same time.
_one_at_a_time = Lock()


@lru_cache(_KEPT)
def thumbnail(picture: Path) -> bytes:
    """Return the picture upright, at most 800 pixels wide and high, as JPEG.

    Raises ImageError if it cannot be read.
    """
    buffer = io.BytesIO()
    with _one_at_a_time:
        with opened(picture, at_least=_SIDE) as image:
            image.thumbnail((_SIDE, _SIDE))
            image.save(buffer, "JPEG", quality=_QUALITY)
        release_free_memory()
    return buffer.getvalue()
