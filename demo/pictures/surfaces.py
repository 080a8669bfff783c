"""What walls, tables, floors and roads are made of."""

from itertools import pairwise

import numpy as np

from demo.pictures.brush import Brush
from demo.pictures.colours import PAINTS, Colour, mix, pick, shade

__all__ = ["FAR", "ROADS", "TABLE_TOPS", "gradient", "grid"]

FAR = 1.6
"""Beyond every corner of the frame, however the camera is turned."""


def gradient(brush: Brush, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    """Fill the frame's width from ``top`` to ``bottom``, one colour passing into the other."""
    edges = np.linspace(top, bottom, 11)
    for step, (above, below) in enumerate(pairwise(edges)):
        brush.rectangle(-FAR, above, FAR, below + 0.01, mix(upper, lower, step / 9))


def grid(brush: Brush, top: float, bottom: float, step: float, joint: Colour) -> None:
    """Draw the joints of square tiles from ``top`` to ``bottom``, ``step`` apart."""
    for y in np.arange(bottom, top, -step):
        brush.line([(-FAR, y), (FAR, y)], 0.015, joint)
    for x in np.arange(-FAR, FAR, step):
        brush.line([(x, top), (x, bottom)], 0.015, joint)


def _planks(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.18, 0.4)
    for y in np.arange(top, FAR, step):
        brush.rectangle(-FAR, y, FAR, y + step, (*shade(colour, rng.uniform(0.75, 1.1)), 110))
        brush.line([(-FAR, y), (FAR, y)], 0.015, shade(colour, 0.6))


def _checks(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.2, 0.4)
    stripe = (*mix(colour, pick(rng, PAINTS), 0.6), 110)
    for y in np.arange(top, FAR, step):
        brush.rectangle(-FAR, y, FAR, y + step / 2, stripe)
    for x in np.arange(-FAR, FAR, step):
        brush.rectangle(x, top, x + step / 2, FAR, stripe)


def _tiles(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    grid(brush, top, FAR, rng.uniform(0.25, 0.5), shade(colour, 0.75))


def _plain(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    for x, y in rng.uniform((-FAR, top), FAR, (30, 2)):
        brush.ellipse(x, y, 0.03, 0.015, (*shade(colour, 0.6), 90))


ROADS = (_tiles, _plain)
TABLE_TOPS = (_planks, _checks, *ROADS)
