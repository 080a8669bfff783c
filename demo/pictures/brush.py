"""A brush that draws shapes in coordinates of its own.

Outlines are N x 2 points, x pointing right and y down; angles are radians.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw

from demo.pictures.colours import Colour, shade

__all__ = ["Brush", "Outline", "Point", "oval", "rotation"]

Point = tuple[float, float]
Outline = npt.NDArray[np.float64]

_TURN = np.linspace(0, 2 * np.pi, 32, endpoint=False)
_CIRCLE: Outline = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_BULGE = np.linspace(0, 1, 8)


@dataclass(frozen=True)
class Brush:
    """Draws in coordinates of its own: ``origin`` and ``axes``, 2 x 2, place them on the canvas.

    The camera's brush sees the frame as -1 to 1 both ways, y pointing down. A colour with a
    fourth part, its opacity from 0 to 255, goes through ``glaze``: blending is five times slower.
    """

    paint: ImageDraw.ImageDraw
    glaze: ImageDraw.ImageDraw
    origin: Outline
    axes: Outline

    def at(self, x: float, y: float, unit: float, angle: float) -> "Brush":
        """Return the brush of something that lies at (x, y), scaled and turned by radians."""
        axes = unit * rotation(angle) @ self.axes
        return Brush(self.paint, self.glaze, self.pixel(x, y), axes)

    def pixel(self, x: float, y: float) -> Outline:
        """Return where (x, y) lies on the canvas, in pixels."""
        return np.array((x, y)) @ self.axes + self.origin

    def polygon(self, points: Outline | Sequence[Point], colour: Colour) -> None:
        """Fill the outline through ``points``, N x 2."""
        self._tool(colour).polygon(self._pixels(points), fill=colour)

    def line(self, points: Outline | Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line through ``points``, N x 2, at least one pixel wide."""
        pixels = max(1, round(width * math.hypot(*self.axes[0])))
        self._tool(colour).line(self._pixels(points), fill=colour, width=pixels)

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse about (x, y) with half-axes ``rx`` and ``ry``."""
        self.polygon(oval(x, y, rx, ry), colour)

    def ball(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, *, turn: float = 0.0
    ) -> None:
        """Draw an ellipse that bulges: dark at its rim, light towards the upper left."""
        rings = (1 - 0.75 * _BULGE)[:, None, None] * (_CIRCLE * (rx, ry) @ rotation(turn))
        rings += (x, y) - _BULGE[:, None, None] * (0.16 * rx, 0.28 * ry)
        pixels = (rings @ self.axes + self.origin).reshape(len(_BULGE), -1).tolist()
        for ring, step in zip(pixels, _BULGE, strict=True):
            self.paint.polygon(ring, fill=shade(colour, 0.72 + 0.44 * step))

    def shadow(self, outline: Outline) -> None:
        """Darken an outline, N x 2, with a soft edge."""
        middle = outline.mean(axis=0)
        for grown in (1.24, 1.18, 1.12, 1.06, 1.0):
            self.polygon((outline - middle) * grown + middle, (15, 10, 10, 26))

    def _tool(self, colour: Colour) -> ImageDraw.ImageDraw:
        return self.paint if len(colour) == len("RGB") else self.glaze

    def _pixels(self, points: Outline | Sequence[Point]) -> list[float]:
        flat: list[float] = (np.asarray(points) @ self.axes + self.origin).ravel().tolist()
        return flat


def oval(x: float, y: float, rx: float, ry: float) -> Outline:
    """Return the outline, 32 x 2, of an ellipse about (x, y) with half-axes ``rx``, ``ry``."""
    return _CIRCLE * (rx, ry) + (x, y)


def rotation(angle: float) -> Outline:
    """Return the 2 x 2 matrix that turns row vectors from x towards y by radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array(((cos, sin), (-sin, cos)))
