"""One picture of a class, by day or by night: a place, a figure among clutter, and the light."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from backend.errors import DatasetError
from demo.pictures.brush import Brush, Outline, rotation
from demo.pictures.clutter import draw_plate, scatter
from demo.pictures.croissant import draw_croissant
from demo.pictures.dog import draw_dog
from demo.pictures.places import draw_kitchen, draw_street

__all__ = ["CLASS_NAMES", "Light", "aim", "render"]

CLASS_NAMES = ("croissant", "dog")

Figure = Callable[[Brush, np.random.Generator], None]
"""Draws a dog or a croissant about the brush's origin, its details from the generator."""

Photo = npt.NDArray[np.float32]
"""Light, height x width x 3, from 0 (none) to 1 (as much as a picture can show) and beyond."""

_GREY = np.full((3, 3), 1 / 3, dtype=np.float32)  # makes each channel the mean of all

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
    take = _by_day if light is Light.DAY else _by_night
    return take(canvas, figure, rng)


def _by_day(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    """Return a picture of half the canvas's width and height, taken in a kitchen."""
    camera = aim(canvas, rng.normal(0, 0.08))
    ground = draw_kitchen(camera, rng)
    _arrange(camera, figure, ground, rng)
    return _daylight(_expose(canvas), rng)


def _by_night(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    """Return a picture of half the canvas's width and height, taken in a street."""
    camera = aim(canvas, rng.uniform(-np.pi, np.pi))
    lamp = (rng.choice((-1, 1)) * rng.uniform(0.5, 0.95), rng.uniform(-0.95, -0.65))
    ground = draw_street(camera, rng, lamp)
    _arrange(camera, figure, ground, rng)
    return _lamplight(_expose(canvas), camera.pixel(*lamp) / canvas.size, rng)


def _arrange(camera: Brush, figure: Figure, ground: float, rng: np.random.Generator) -> None:
    x, y = rng.uniform(-0.22, 0.22, 2)
    size = rng.uniform(0.45, 0.75)
    scatter(camera, rng, (x, y), ground)
    if rng.random() < 0.35:
        draw_plate(camera.at(x, y + 0.1, size * 1.35, 0), rng)
    figure(camera.at(x, y, size, rng.normal(0, 0.3)), rng)


def aim(canvas: Image.Image, angle: float) -> Brush:
    """Return the brush of a frame that fills the canvas, turned by radians."""
    half = np.array(canvas.size) / 2
    paint, glaze = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    return Brush(paint, glaze, half, rotation(angle) * half)


def _expose(canvas: Image.Image) -> Photo:
    """Return the light that comes from the canvas, at half its width and height."""
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


def _develop(photo: Photo, blur: float, noise: float, rng: np.random.Generator) -> Image.Image:
    """Return the picture of some light: grainy by ``noise``, a deviation, and blurred by pixels."""
    grain = noise * rng.standard_normal(photo.shape, dtype=np.float32)
    levels = (np.clip(photo + grain, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels).filter(ImageFilter.BoxBlur(blur))


def _daylight(photo: Photo, rng: np.random.Generator) -> Image.Image:
    """Light a picture evenly, a little warm or cold, brighter towards one side."""
    slope_x, slope_y = rng.uniform(-0.15, 0.15, 2)
    across = np.linspace(-slope_x, slope_x, photo.shape[1])
    down = np.linspace(-slope_y, slope_y, photo.shape[0])
    light = rng.uniform(0.85, 1.15) + across + down[:, None]
    warmth = rng.uniform(-0.07, 0.07)
    lit = photo * np.multiply.outer(light, (1 + warmth, 1, 1 - warmth)).astype(np.float32)
    return _develop(lit, rng.uniform(0.1, 0.5), rng.uniform(0.005, 0.02), rng)


def _lamplight(photo: Photo, lamp: Outline, rng: np.random.Generator) -> Image.Image:
    """Light a picture by a dim blue sky and the warm pool of a lamp, placed from 0 to 1."""
    dull = photo + (photo @ _GREY - photo) * np.float32(rng.uniform(0.35, 0.75))
    sky = np.multiply(rng.uniform(0.24, 0.38), (0.7, 0.86, 1.35)).astype(np.float32)
    pool = _spot(photo, lamp, rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.7))
    lit = dull * (sky + pool) + _spot(photo, lamp, 0.02, 0.4)
    return _develop(lit, rng.uniform(0.5, 1.0), rng.uniform(0.025, 0.055), rng)


def _spot(photo: Photo, middle: Outline, spread: float, strength: float) -> Photo:
    """Return warm light, height x width x 3, that fades away from ``middle``."""
    across, down = (
        np.exp(-np.square(np.linspace(0, 1, len(photo)) - place) / spread) for place in middle
    )
    warm = np.multiply(strength, (1.2, 0.95, 0.6))
    return np.multiply.outer(np.outer(down, across), warm).astype(np.float32)
