"""A dog's head, of any breed."""

import numpy as np

from demo.pictures.brush import Brush, oval
from demo.pictures.colours import COATS, CREAM, PAINTS, Colour, mix, pick, shade

__all__ = ["draw_dog"]


def draw_dog(brush: Brush, rng: np.random.Generator) -> None:
    """Draw a head seen from the front, turned a little, above its chest."""
    coat = pick(rng, COATS)
    markings = mix(coat, CREAM, rng.uniform(0.25, 0.9))
    gaze, width = rng.uniform(-0.14, 0.14), rng.uniform(0.66, 0.8)
    brush.shadow(oval(0.1, 0.15, width * 1.15, 0.8))
    if rng.random() < 0.6:
        _chest(brush, coat, markings, rng)
    ears, in_front = _EARS[rng.integers(len(_EARS))]
    ear_colour = shade(coat, rng.uniform(0.6, 0.95))
    if not in_front:
        ears(brush, width, ear_colour, rng)
    brush.ball(0, 0, width, 0.74, coat)
    _fur(brush, width, coat, rng)
    if rng.random() < 0.4:
        brush.ellipse(gaze, -0.25, 0.13, 0.48, markings)
    if rng.random() < 0.25:
        brush.ellipse(gaze + 0.32, -0.14, 0.24, 0.27, shade(coat, 0.55))
    if in_front:
        ears(brush, width, ear_colour, rng)
    _muzzle(brush.at(gaze * 1.6, 0.34, rng.uniform(0.85, 1.15), 0), markings, rng)
    _eyes(brush, gaze, rng)


def _chest(brush: Brush, coat: Colour, markings: Colour, rng: np.random.Generator) -> None:
    brush.ball(0, 1.25, 0.82, 0.85, shade(coat, 0.85))
    brush.ball(0, 1.35, 0.42, 0.6, shade(markings, 0.85))
    if rng.random() < 0.6:
        brush.ellipse(0, 0.78, 0.6, 0.16, pick(rng, PAINTS))


def _hanging_ears(brush: Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    length, turn = rng.uniform(0.42, 0.68), rng.uniform(0.05, 0.4)
    for side in (-1, 1):
        brush.ball(side * width, length - 0.46, 0.26, length, colour, turn=-side * turn)


def _pointed_ears(brush: Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    height, lean = rng.uniform(1.05, 1.35), rng.uniform(-0.1, 0.15)
    for side in (-1, 1):
        tip = (side * (width + lean), -height)
        base = [(side * width, -0.15), tip, (side * width * 0.2, -0.62)]
        brush.polygon(base, colour)
        inner = np.asarray(base) * 0.72 + (side * width * 0.18, -0.2)
        brush.polygon(inner, mix(colour, (214, 150, 140), 0.5))


def _button_ears(brush: Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    length, turn = rng.uniform(0.3, 0.42), rng.uniform(0.5, 1.0)
    for side in (-1, 1):
        brush.ball(side * width * 0.95, -0.36, 0.22, length, colour, turn=-side * turn)


def _folded_ears(brush: Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    drop = rng.uniform(0.25, 0.5)
    for side in (-1, 1):
        top = (side * width * 0.75, -0.95)
        brush.polygon([(side * width, -0.2), top, (side * width * 0.15, -0.6)], colour)
        tip = (side * (width + 0.32), -0.85 + drop)
        brush.polygon([top, tip, (side * width * 0.85, -0.5)], shade(colour, 0.75))


_EARS = ((_hanging_ears, True), (_button_ears, True), (_pointed_ears, False), (_folded_ears, False))


def _fur(brush: Brush, width: float, coat: Colour, rng: np.random.Generator) -> None:
    angles, reaches = rng.uniform(0, 2 * np.pi, 36), np.sqrt(rng.uniform(0.1, 0.95, 36))
    roots = np.stack([np.cos(angles) * width, np.sin(angles) * 0.74], axis=1) * reaches[:, None]
    for root in roots:
        brush.line([root, root * 1.08 + (0, 0.05)], 0.01, (*shade(coat, 0.62), 90))


def _muzzle(brush: Brush, colour: Colour, rng: np.random.Generator) -> None:
    dark = shade(colour, 0.4)
    if rng.random() < 0.5:
        brush.ball(0, 0.42, 0.15, 0.24, (222, 108, 118))
    for side in (-1, 1):
        brush.ball(side * 0.2, 0.1, 0.29, 0.25, colour)
    brush.ball(0, -0.02, 0.3, 0.24, colour)
    brush.line([(-0.3, 0.24), (-0.12, 0.28), (0, 0.16), (0.12, 0.28), (0.3, 0.24)], 0.04, dark)
    brush.ellipse(0, -0.08, 0.18, 0.13, (34, 28, 30))
    brush.ellipse(-0.05, -0.13, 0.06, 0.03, (150, 145, 150))


def _eyes(brush: Brush, gaze: float, rng: np.random.Generator) -> None:
    apart, size = rng.uniform(0.28, 0.38), rng.uniform(0.09, 0.13)
    iris = pick(rng, ((70, 42, 24), (46, 30, 22), (110, 74, 34)))
    for side in (-1, 1):
        eye = brush.at(gaze + side * apart, -0.14, size, 0)
        eye.ellipse(0, 0, 1.25, 1.15, (38, 28, 24))
        eye.ellipse(0, 0, 1, 1, iris)
        eye.ellipse(0, 0, 0.6, 0.6, (12, 10, 12))
        eye.ellipse(-0.35, -0.4, 0.32, 0.32, (250, 250, 250))
