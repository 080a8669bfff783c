"""The place of the pictures taken by night."""

import numpy as np

from demo.pictures.brush import Brush, Point
from demo.pictures.chance import chance
from demo.pictures.colours import pick, shade
from demo.pictures.surfaces import FAR, ROADS, gradient

__all__ = ["draw_street"]


def draw_street(brush: Brush, rng: np.random.Generator, lamp: Point) -> float:
    """Draw houses, a road and a lamp, and return the height of the kerb."""
    kerb = rng.uniform(-0.6, 0.1)
    gradient(brush, -FAR, kerb, (54, 58, 92), (86, 84, 104))
    left = -FAR
    while left < FAR:
        right = left + rng.uniform(0.5, 1.0)
        _house(brush, left, right, kerb, rng)
        left = right
    road = pick(rng, ((104, 102, 108), (84, 84, 92), (122, 112, 104)))
    gradient(brush, kerb, FAR, shade(road, 0.8), road)
    ROADS[rng.integers(len(ROADS))](brush, kerb, road, rng)
    brush.rectangle(-FAR, kerb, FAR, kerb + 0.06, shade(road, 1.4))
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
            pane = (250, 214, 130) if chance(rng, 0.3) else (48, 50, 62)
            brush.rectangle(x, y, x + 0.12, y + 0.17, pane)
