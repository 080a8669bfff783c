"""The camera: where it points, what it catches, and its flaws."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from demo.pictures.brush import Brush, rotation

__all__ = ["Photo", "aim", "develop", "expose"]

Photo = npt.NDArray[np.float32]
"""Light, height x width x 3, from 0 (none) to 1 (as much as a picture can show) and beyond."""


def aim(canvas: Image.Image, angle: float) -> Brush:
    """Return the brush of a frame that fills the canvas, turned by radians."""
    half = np.array(canvas.size) / 2
    paint, glaze = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    return Brush(paint, glaze, half, rotation(angle) * half)


def expose(canvas: Image.Image) -> Photo:
    """Return the light that comes from the canvas, at half its width and height."""
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


def develop(photo: Photo, blur: float, noise: float, rng: np.random.Generator) -> Image.Image:
    """Return the picture of some light: grainy by ``noise``, a deviation, and blurred by pixels."""
    grain = noise * rng.standard_normal(photo.shape, dtype=np.float32)
    levels = (np.clip(photo + grain, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels).filter(ImageFilter.BoxBlur(blur))
