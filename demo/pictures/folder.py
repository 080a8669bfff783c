"""A folder of pictures of both classes."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from backend.files import write_atomically
from demo.pictures.rendering import CLASS_NAMES, Light, render

__all__ = ["render_folder"]


def render_folder(target: Path, light: Light, count: int, seed: int) -> list[tuple[Path, str]]:
    """Write ``count`` JPEG pictures of 112 x 112 pixels and return each path with its class.

    The classes come in pairs, each pair in a random order. A picture and its class depend on
    ``seed`` (0 or more), ``light`` and the picture's number alone, not on ``count``.
    """
    class_names = _in_pairs(count, np.random.default_rng([seed, *light.encode()]))
    paths = [target / f"{light}-{number:06d}.jpg" for number in range(count)]
    for number, (path, class_name) in enumerate(zip(paths, class_names, strict=True)):
        rng = np.random.default_rng([seed, number, *light.encode()])
        write_atomically(path, _jpeg(render(class_name, light, rng)))
    return list(zip(paths, class_names, strict=True))


def _in_pairs(count: int, rng: np.random.Generator) -> list[str]:
    first = (rng.random((count + 1) // 2) < 1 / 2).astype(int)
    return [CLASS_NAMES[(first[number // 2] + number) % 2] for number in range(count)]


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=90)
    return data.getvalue()
