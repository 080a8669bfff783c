"""The place of the pictures taken by day."""

import numpy as np

from demo.pictures.brush import Brush
from demo.pictures.chance import chance
from demo.pictures.colours import BROWNS, Colour, pick, shade
from demo.pictures.surfaces import FAR, TABLE_TOPS, gradient, grid

__all__ = ["draw_kitchen"]

_WALLS = ((226, 216, 196), (196, 212, 216), (214, 190, 160), (168, 190, 170), (240, 238, 234))
_TABLES = (*BROWNS, (224, 222, 218), (190, 196, 202), (176, 92, 84), (116, 146, 160))


def draw_kitchen(brush: Brush, rng: np.random.Generator) -> float:
    """Draw a wall and a table or floor, and return the height where they meet."""
    ground = rng.uniform(-1.5, -0.1)
    wall = pick(rng, _WALLS)
    gradient(brush, -FAR, ground, shade(wall, 1.05), shade(wall, 0.85))
    if chance(rng, 0.5):
        grid(brush, -FAR, ground, rng.uniform(0.2, 0.4), shade(wall, 0.8))
    if chance(rng, 0.4):
        _window(brush.at(rng.uniform(-0.8, 0.8), ground - 0.7, rng.uniform(0.4, 0.6), 0), wall)
    table = pick(rng, _TABLES)
    gradient(brush, ground, FAR, shade(table, 0.8), shade(table, 1.08))
    TABLE_TOPS[rng.integers(len(TABLE_TOPS))](brush, ground, table, rng)
    brush.rectangle(-FAR, ground, FAR, ground + 0.035, shade(table, 0.6))
    return ground


def _window(brush: Brush, wall: Colour) -> None:
    brush.rectangle(-1, -1, 1, 1, shade(wall, 1.2))
    for left in (-0.9, 0.05):
        brush.rectangle(left, -0.9, left + 0.85, 0.9, (214, 234, 246))
        hill = [(left, 0.9), (left, 0.2), (left + 0.85, 0.5), (left + 0.85, 0.9)]
        brush.polygon(hill, (166, 200, 150))
