"""A figure among clutter in a place, by day or by night."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from demo.pictures.brush import Brush
from demo.pictures.camera import aim, expose
from demo.pictures.chance import chance
from demo.pictures.clutter import draw_plate, scatter
from demo.pictures.kitchen import draw_kitchen
from demo.pictures.light import daylight, lamplight
from demo.pictures.street import draw_street

__all__ = ["Figure", "by_day", "by_night"]

Figure = Callable[[Brush, np.random.Generator], None]
"""Draws a dog or a croissant about the brush's origin, its details from the generator."""


def by_day(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    """Return a picture of half the canvas's width and height, taken in a kitchen."""
    camera = aim(canvas, rng.normal(0, 0.08))
    ground = draw_kitchen(camera, rng)
    _arrange(camera, figure, ground, rng)
    return daylight(expose(canvas), rng)


def by_night(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    """Return a picture of half the canvas's width and height, taken in a street."""
    camera = aim(canvas, rng.uniform(-np.pi, np.pi))
    lamp = (rng.choice((-1, 1)) * rng.uniform(0.5, 0.95), rng.uniform(-0.95, -0.65))
    ground = draw_street(camera, rng, lamp)
    _arrange(camera, figure, ground, rng)
    return lamplight(expose(canvas), camera.pixel(*lamp) / canvas.size, rng)


def _arrange(camera: Brush, figure: Figure, ground: float, rng: np.random.Generator) -> None:
    x, y = rng.uniform(-0.22, 0.22, 2)
    size = rng.uniform(0.45, 0.75)
    scatter(camera, rng, (x, y), ground)
    if chance(rng, 0.35):
        draw_plate(camera.at(x, y + 0.1, size * 1.35, 0), rng)
    figure(camera.at(x, y, size, rng.normal(0, 0.3)), rng)
