"""One picture of a class, by day or by night."""

from enum import StrEnum

import numpy as np
from PIL import Image

from backend.errors import DatasetError
from demo.pictures.croissant import draw_croissant
from demo.pictures.dog import draw_dog
from demo.pictures.scenes import Figure, by_day, by_night

__all__ = ["CLASS_NAMES", "Light", "render"]

CLASS_NAMES = ("croissant", "dog")

_FIGURES: dict[str, Figure] = {"croissant": draw_croissant, "dog": draw_dog}


class Light(StrEnum):
    """Where and in which light a picture is taken."""

    DAY = "day"
    NIGHT = "night"


def render(class_name: str, light: Light, rng: np.random.Generator, size: int = 112) -> Image.Image:
    """Return an RGB picture of ``size`` x ``size`` pixels (1 or more), its details from ``rng``.

    Raises DatasetError if ``class_name`` is none of `CLASS_NAMES`.
    """
    figure = _FIGURES.get(class_name)
    if figure is None:
        known = ", ".join(CLASS_NAMES)
        raise DatasetError(f"there is no picture of class {class_name!r}: ask for one of {known}")
    canvas = Image.new("RGB", (2 * size, 2 * size))
    take = by_day if light is Light.DAY else by_night
    return take(canvas, figure, rng)
