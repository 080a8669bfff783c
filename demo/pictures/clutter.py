"""Things that lie around, the same for both classes: some look like parts of either."""

import math

import numpy as np

from demo.pictures.brush import Brush, Point, oval
from demo.pictures.colours import BROWNS, COATS, CREAM, PAINTS, pick, shade

__all__ = ["draw_plate", "scatter"]


def draw_plate(brush: Brush, rng: np.random.Generator) -> None:
    """Draw a plate, seen from above, for whatever is on it."""
    glaze = pick(rng, (CREAM, CREAM, CREAM, *PAINTS))
    brush.shadow(oval(0.06, 0.08, 1, 0.9))
    brush.ellipse(0, 0, 1, 0.9, shade(glaze, 0.92))
    brush.ellipse(0, 0, 0.95, 0.85, glaze)
    brush.ellipse(0, 0, 0.68, 0.6, shade(glaze, 0.88))
    brush.ellipse(0.01, 0.02, 0.66, 0.58, shade(glaze, 0.96))


def _cup(brush: Brush, rng: np.random.Generator) -> None:
    glaze = pick(rng, PAINTS)
    brush.shadow(oval(0.15, 0.75, 0.8, 0.3))
    brush.ellipse(0.8, 0.1, 0.42, 0.4, shade(glaze, 0.8))
    brush.ellipse(0.8, 0.1, 0.25, 0.24, (120, 110, 104))
    brush.polygon([(-0.75, -0.6), (0.75, -0.6), (0.55, 0.8), (-0.55, 0.8)], shade(glaze, 0.9))
    brush.polygon([(-0.6, -0.6), (-0.1, -0.6), (-0.1, 0.8), (-0.45, 0.8)], glaze)
    brush.ellipse(0, -0.6, 0.75, 0.24, shade(glaze, 1.1))
    brush.ellipse(0, -0.57, 0.64, 0.18, (78, 48, 32))


def _fruit(brush: Brush, rng: np.random.Generator) -> None:
    peel = pick(rng, ((226, 138, 40), (190, 48, 44), (142, 168, 62), *BROWNS))
    brush.shadow(oval(0.1, 0.35, 0.85, 0.6))
    brush.ball(0, 0, 0.75, 0.72, peel)
    brush.line([(0, -0.6), (0.1, -0.85)], 0.08, (84, 60, 40))


def _loaf(brush: Brush, rng: np.random.Generator) -> None:
    crust = pick(rng, COATS)
    brush.shadow(oval(0.08, 0.2, 1.1, 0.42))
    brush.ball(0, 0, 1.1, 0.4, crust)
    for x in (-0.5, 0, 0.5):
        brush.line([(x - 0.1, 0.2), (x + 0.1, -0.22)], 0.07, shade(crust, 1.25))


def _box(brush: Brush, rng: np.random.Generator) -> None:
    side = pick(rng, (*PAINTS, *COATS))
    brush.shadow(oval(0.1, 0.75, 0.9, 0.25))
    brush.rectangle(-0.7, -0.6, 0.7, 0.8, side)
    brush.polygon([(-0.7, -0.6), (-0.45, -0.9), (0.95, -0.9), (0.7, -0.6)], shade(side, 1.2))
    brush.polygon([(0.7, -0.6), (0.95, -0.9), (0.95, 0.5), (0.7, 0.8)], shade(side, 0.7))
    brush.rectangle(-0.7, -0.1, 0.7, 0.15, shade(side, rng.uniform(0.6, 1.4)))


def _bottle(brush: Brush, rng: np.random.Generator) -> None:
    glass = pick(rng, PAINTS)
    brush.shadow(oval(0.1, 0.95, 0.5, 0.18))
    brush.rectangle(-0.36, -0.3, 0.36, 0.95, glass)
    brush.polygon([(-0.36, -0.3), (-0.13, -0.65), (0.13, -0.65), (0.36, -0.3)], glass)
    brush.rectangle(-0.13, -1.1, 0.13, -0.6, shade(glass, 0.85))
    brush.rectangle(-0.26, -0.2, -0.14, 0.85, shade(glass, 1.3))
    brush.rectangle(-0.36, 0.15, 0.36, 0.6, (232, 226, 212))


def _beads(brush: Brush, rng: np.random.Generator) -> None:
    """Black beads: as dark and round as eyes."""
    for x, y in rng.uniform(-1, 1, (int(rng.integers(3, 8)), 2)):
        brush.ball(x, y, 0.16, 0.16, pick(rng, ((40, 32, 36), (70, 46, 36))))


_CLUTTER = (draw_plate, _cup, _fruit, _loaf, _box, _bottle, _beads)


def scatter(brush: Brush, rng: np.random.Generator, middle: Point, ground: float) -> None:
    """Draw two to five things around ``middle``, none higher than ``ground``."""
    for _ in range(rng.integers(2, 6)):
        direction, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.65, 1.1)
        x = middle[0] + distance * math.cos(direction)
        y = max(middle[1] + distance * math.sin(direction), ground)
        thing = _CLUTTER[rng.integers(len(_CLUTTER))]
        thing(brush.at(x, y, rng.uniform(0.16, 0.36), rng.normal(0, 0.25)), rng)
