"""The places of the pictures: a kitchen by day, a street by night."""

from itertools import pairwise

import numpy as np

from demo.pictures.brush import Brush, Point
from demo.pictures.colours import BROWNS, PAINTS, Colour, mix, pick, shade

__all__ = ["draw_kitchen", "draw_street"]

_FAR = 1.6
"""Beyond every corner of the frame, however the camera is turned."""

_WALLS = ((226, 216, 196), (196, 212, 216), (214, 190, 160), (168, 190, 170), (240, 238, 234))
_TABLES = (*BROWNS, (224, 222, 218), (190, 196, 202), (176, 92, 84), (116, 146, 160))


def draw_kitchen(brush: Brush, rng: np.random.Generator) -> float:
    """Draw a wall and a table or floor, and return the height where they meet."""
    ground = rng.uniform(-1.5, -0.1)
    wall = pick(rng, _WALLS)
    _gradient(brush, -_FAR, ground, shade(wall, 1.05), shade(wall, 0.85))
    if rng.random() < 0.5:
        _grid(brush, -_FAR, ground, rng.uniform(0.2, 0.4), shade(wall, 0.8))
    if rng.random() < 0.4:
        _window(brush.at(rng.uniform(-0.8, 0.8), ground - 0.7, rng.uniform(0.4, 0.6), 0), wall)
    table = pick(rng, _TABLES)
    _gradient(brush, ground, _FAR, shade(table, 0.8), shade(table, 1.08))
    _TABLE_TOPS[rng.integers(len(_TABLE_TOPS))](brush, ground, table, rng)
    brush.rectangle(-_FAR, ground, _FAR, ground + 0.035, shade(table, 0.6))
    return ground


def _window(brush: Brush, wall: Colour) -> None:
    brush.rectangle(-1, -1, 1, 1, shade(wall, 1.2))
    for left in (-0.9, 0.05):
        brush.rectangle(left, -0.9, left + 0.85, 0.9, (214, 234, 246))
        hill = [(left, 0.9), (left, 0.2), (left + 0.85, 0.5), (left + 0.85, 0.9)]
        brush.polygon(hill, (166, 200, 150))


def draw_street(brush: Brush, rng: np.random.Generator, lamp: Point) -> float:
    """Draw houses, a road and a lamp, and return the height of the kerb."""
    kerb = rng.uniform(-0.6, 0.1)
    _gradient(brush, -_FAR, kerb, (54, 58, 92), (86, 84, 104))
    left = -_FAR
    while left < _FAR:
        right = left + rng.uniform(0.5, 1.0)
        _house(brush, left, right, kerb, rng)
        left = right
    road = pick(rng, ((104, 102, 108), (84, 84, 92), (122, 112, 104)))
    _gradient(brush, kerb, _FAR, shade(road, 0.8), road)
    _ROADS[rng.integers(len(_ROADS))](brush, kerb, road, rng)
    brush.rectangle(-_FAR, kerb, _FAR, kerb + 0.06, shade(road, 1.4))
    brush.line([lamp, (lamp[0], kerb)], 0.045, (40, 42, 48))
    brush.ellipse(*lamp, 0.1, 0.08, (255, 244, 214))
    return kerb


def _house(
    brush: Brush, left: float, right: float, ground: float, rng: np.random.Generator
) -> None:
    front = pick(rng, ((92, 74, 70), (78, 80, 92), (110, 98, 88), (66, 60, 66)))
    roof = ground - rng.uniform(0.5, 1.3)
    brush.rectangle(left, roof, right, ground, front)
    for x in np.arange(left + 0.1, right - 0.15, 0.25):
        for y in np.arange(roof + 0.12, ground - 0.2, 0.36):
            pane = (250, 214, 130) if rng.random() < 0.3 else (48, 50, 62)
            brush.rectangle(x, y, x + 0.12, y + 0.17, pane)


def _gradient(brush: Brush, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    """Fill the frame's width from ``top`` to ``bottom``, one colour passing into the other."""
    edges = np.linspace(top, bottom, 11)
    for step, (above, below) in enumerate(pairwise(edges)):
        brush.rectangle(-_FAR, above, _FAR, below + 0.01, mix(upper, lower, step / 9))


def _grid(brush: Brush, top: float, bottom: float, step: float, joint: Colour) -> None:
    """Draw the joints of square tiles from ``top`` to ``bottom``, ``step`` apart."""
    for y in np.arange(bottom, top, -step):
        brush.line([(-_FAR, y), (_FAR, y)], 0.015, joint)
    for x in np.arange(-_FAR, _FAR, step):
        brush.line([(x, top), (x, bottom)], 0.015, joint)


def _planks(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.18, 0.4)
    for y in np.arange(top, _FAR, step):
        brush.rectangle(-_FAR, y, _FAR, y + step, (*shade(colour, rng.uniform(0.75, 1.1)), 110))
        brush.line([(-_FAR, y), (_FAR, y)], 0.015, shade(colour, 0.6))


def _checks(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.2, 0.4)
    stripe = (*mix(colour, pick(rng, PAINTS), 0.6), 110)
    for y in np.arange(top, _FAR, step):
        brush.rectangle(-_FAR, y, _FAR, y + step / 2, stripe)
    for x in np.arange(-_FAR, _FAR, step):
        brush.rectangle(x, top, x + step / 2, _FAR, stripe)


def _tiles(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    _grid(brush, top, _FAR, rng.uniform(0.25, 0.5), shade(colour, 0.75))


def _plain(brush: Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    for x, y in rng.uniform((-_FAR, top), _FAR, (30, 2)):
        brush.ellipse(x, y, 0.03, 0.015, (*shade(colour, 0.6), 90))


_ROADS = (_tiles, _plain)
_TABLE_TOPS = (_planks, _checks, *_ROADS)
