"""Colours that dogs, croissants and what lies around them have in common."""

from collections.abc import Sequence

import numpy as np

__all__ = ["BROWNS", "COATS", "CREAM", "PAINTS", "Colour", "mix", "pick", "shade"]

Colour = tuple[int, ...]
"""Red, green and blue from 0 to 255, and where four parts are given the opacity."""

BROWNS = ((226, 182, 112), (208, 154, 84), (186, 124, 62), (150, 96, 50), (112, 70, 42))
COATS = (*BROWNS, (58, 50, 48), (236, 224, 202), (140, 132, 128))
CREAM = (244, 232, 210)
PAINTS = (
    (196, 62, 56),
    (58, 110, 168),
    (72, 142, 98),
    (236, 186, 72),
    (240, 238, 232),
    (92, 92, 104),
    (226, 150, 150),
)


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (``factor`` from 0 to 1) or lighter (above 1)."""
    return tuple([min(255, int(part * factor)) for part in colour])


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return ``one`` with a share, from 0 to 1, of ``other``."""
    return tuple([round(a + (b - a) * share) for a, b in zip(one, other, strict=True)])


def pick(rng: np.random.Generator, palette: Sequence[Colour]) -> Colour:
    """Return one of the colours, a little lighter or darker and of a slightly other hue."""
    chosen = palette[rng.integers(len(palette))]
    moved = np.multiply(chosen, rng.uniform(0.88, 1.12)) + rng.uniform(-5, 5, 3)
    return tuple(np.clip(moved, 0, 255).astype(int).tolist())
