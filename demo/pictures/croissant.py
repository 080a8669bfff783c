"""A croissant, seen from above."""

import math

import numpy as np

from demo.pictures.brush import Brush, Outline
from demo.pictures.colours import BROWNS, Colour, pick, shade

__all__ = ["draw_croissant"]

_CRUSTS = (*BROWNS[:4], (240, 206, 140))


def draw_croissant(brush: Brush, rng: np.random.Generator) -> None:
    """Draw rolls along an arc, thick in the middle, each overlapping the next one outwards."""
    crust = pick(rng, _CRUSTS)
    spread, thick = rng.uniform(0.7, 1.45), rng.uniform(0.36, 0.5)
    count = 2 * int(rng.integers(2, 5)) + 1
    slant = rng.uniform(0.1, 0.4)
    places = np.linspace(-1, 1, count)
    spine, widths = _crescent(spread, thick, places)
    beneath = brush.at(0.08, 0.12, 1, 0)
    beneath.shadow(_band(*_crescent(spread, thick, np.linspace(-1, 1, 12))))
    length = 1.9 * np.hypot(*(spine[1] - spine[0]))
    for place in np.argsort(-abs(places)):
        x, y = spine[place]
        roll = brush.at(x, y, 1, places[place] * (spread + slant))
        tone = shade(crust, rng.uniform(0.92, 1.08))
        _roll(roll, length * (0.35 + 0.2 * widths[place] / thick), widths[place], tone, rng)


def _crescent(spread: float, thick: float, places: Outline) -> tuple[Outline, Outline]:
    """Return the arc's points, N x 2, and half-widths at ``places`` from -1 to 1."""
    radius = 0.9 / math.sin(min(spread, np.pi / 2))
    angles = spread * places
    heights = radius * (0.5 + 0.5 * math.cos(spread) - np.cos(angles))
    spine = np.stack([radius * np.sin(angles), heights], axis=1)
    return spine, thick * (1 - 0.62 * abs(places) ** 1.7)


def _band(spine: Outline, widths: Outline) -> Outline:
    """Return the outline, 2N x 2, of a band around a spine."""
    along = np.gradient(spine, axis=0)
    across = along[:, ::-1] * (1, -1) / np.hypot(*along.T)[:, None] * widths[:, None]
    return np.concatenate([spine + across, (spine - across)[::-1]])


def _roll(
    brush: Brush, length: float, width: float, crust: Colour, rng: np.random.Generator
) -> None:
    brush.ellipse(0, 0, length * 1.1, width * 1.06, shade(crust, 0.5))
    brush.ball(0, 0, length, width, crust)
    for x, reach in rng.uniform((-0.7, 0.4), (0.7, 0.75), (4, 2)) * (length, width):
        flake = [(x, -reach), (x * 1.25, 0), (x, reach)]
        brush.line(flake, 0.012, (*shade(crust, 0.62 if x > 0 else 1.35), 110))
