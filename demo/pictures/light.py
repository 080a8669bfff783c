"""The light that a picture is taken in."""

import numpy as np
from PIL import Image

from demo.pictures.brush import Outline
from demo.pictures.camera import Photo, develop

__all__ = ["daylight", "lamplight"]

_GREY = np.full((3, 3), 1 / 3, dtype=np.float32)  # makes each channel the mean of all


def daylight(photo: Photo, rng: np.random.Generator) -> Image.Image:
    """Light a picture evenly, a little warm or cold, brighter towards one side."""
    slope_x, slope_y = rng.uniform(-0.15, 0.15, 2)
    across = np.linspace(-slope_x, slope_x, photo.shape[1])
    down = np.linspace(-slope_y, slope_y, photo.shape[0])
    light = rng.uniform(0.85, 1.15) + across + down[:, None]
    warmth = rng.uniform(-0.07, 0.07)
    lit = photo * np.multiply.outer(light, (1 + warmth, 1, 1 - warmth)).astype(np.float32)
    return develop(lit, rng.uniform(0.1, 0.5), rng.uniform(0.005, 0.02), rng)


def lamplight(photo: Photo, lamp: Outline, rng: np.random.Generator) -> Image.Image:
    """Light a picture by a dim blue sky and the warm pool of a lamp, placed from 0 to 1."""
    dull = photo + (photo @ _GREY - photo) * np.float32(rng.uniform(0.35, 0.75))
    sky = np.multiply(rng.uniform(0.24, 0.38), (0.7, 0.86, 1.35)).astype(np.float32)
    pool = _spot(photo, lamp, rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.7))
    lit = dull * (sky + pool) + _spot(photo, lamp, 0.02, 0.4)
    return develop(lit, rng.uniform(0.5, 1.0), rng.uniform(0.025, 0.055), rng)


def _spot(photo: Photo, middle: Outline, spread: float, strength: float) -> Photo:
    """Return warm light, height x width x 3, that fades away from ``middle``."""
    across, down = (
        np.exp(-np.square(np.linspace(0, 1, len(photo)) - place) / spread) for place in middle
    )
    warm = np.multiply(strength, (1.2, 0.95, 0.6))
    return np.multiply.outer(np.outer(down, across), warm).astype(np.float32)
