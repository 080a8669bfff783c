"""Pictures of dogs and croissants, drawn in the likeness of photographs.

A picture is made in three steps: a place (a kitchen by day, a street by night) with clutter in
it, the figure, and the light it is taken in. Places, clutter and colours are the same for both
classes, so that only the figure tells them apart.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from backend.errors import DatasetError
from backend.files import write_atomically

__all__ = ["CLASS_NAMES", "Condition", "render", "render_folder"]

CLASS_NAMES = ("croissant", "dog")

Colour = tuple[int, ...]
Point = tuple[float, float]
Photo = npt.NDArray[np.float32]
Outline = npt.NDArray[np.float64]
Figure = Callable[["_Brush", np.random.Generator], None]


class Condition(StrEnum):
    """Where and in which light a picture is taken."""

    DAY = "day"
    NIGHT = "night"


def render(
    class_name: str, condition: Condition, rng: np.random.Generator, size: int = 112
) -> Image.Image:
    """Return an RGB picture of ``size`` x ``size`` pixels (1 or more), its details from ``rng``.

    Raises DatasetError if ``class_name`` is none of `CLASS_NAMES`.
    """
    figure = _FIGURES.get(class_name)
    if figure is None:
        known = ", ".join(CLASS_NAMES)
        raise DatasetError(f"there is no picture of class {class_name!r}: ask for one of {known}")
    canvas = Image.new("RGB", (2 * size, 2 * size))
    take = _by_day if condition is Condition.DAY else _by_night
    return take(canvas, figure, rng)


def render_folder(
    target: Path, condition: Condition, count: int, seed: int
) -> list[tuple[Path, str]]:
    """Write ``count`` JPEG pictures of 112 x 112 pixels and return each path with its class.

    The classes come in pairs, each pair in a random order. A picture and its class depend on
    ``seed`` (0 or more), ``condition`` and the picture's number alone, not on ``count``.
    """
    class_names = _in_pairs(count, np.random.default_rng([seed, *condition.encode()]))
    paths = [target / f"{condition}-{number:06d}.jpg" for number in range(count)]
    for number, (path, class_name) in enumerate(zip(paths, class_names, strict=True)):
        rng = np.random.default_rng([seed, number, *condition.encode()])
        write_atomically(path, _jpeg(render(class_name, condition, rng)))
    return list(zip(paths, class_names, strict=True))


def _in_pairs(count: int, rng: np.random.Generator) -> list[str]:
    first = (rng.random((count + 1) // 2) < 1 / 2).astype(int)
    return [CLASS_NAMES[(first[number // 2] + number) % 2] for number in range(count)]


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=90)
    return data.getvalue()


# --- drawing ---------------------------------------------------------------------------------

_TURN = np.linspace(0, 2 * np.pi, 32, endpoint=False)
_CIRCLE: Outline = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_BULGE = np.linspace(0, 1, 8)


@dataclass(frozen=True)
class _Brush:
    """Draws in coordinates of its own: ``origin`` and ``axes``, 2 x 2, place them on the canvas.

    The camera's brush sees the frame as -1 to 1 both ways, y pointing down. A colour with a
    fourth part, its opacity, goes through ``glaze``: blending is five times slower.
    """

    paint: ImageDraw.ImageDraw
    glaze: ImageDraw.ImageDraw
    origin: Outline
    axes: Outline

    def at(self, x: float, y: float, unit: float, angle: float) -> "_Brush":
        """Return the brush of something that lies at (x, y), scaled and turned by radians."""
        axes = unit * _rotation(angle) @ self.axes
        return _Brush(self.paint, self.glaze, self.pixel(x, y), axes)

    def pixel(self, x: float, y: float) -> Outline:
        return np.array((x, y)) @ self.axes + self.origin

    def polygon(self, points: Outline | Sequence[Point], colour: Colour) -> None:
        self._tool(colour).polygon(self._pixels(points), fill=colour)

    def line(self, points: Outline | Sequence[Point], width: float, colour: Colour) -> None:
        pixels = max(1, round(width * math.hypot(*self.axes[0])))
        self._tool(colour).line(self._pixels(points), fill=colour, width=pixels)

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self.polygon(_oval(x, y, rx, ry), colour)

    def ball(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, *, turn: float = 0.0
    ) -> None:
        """Draw an ellipse that bulges: dark at its rim, light towards the upper left."""
        rings = (1 - 0.75 * _BULGE)[:, None, None] * (_CIRCLE * (rx, ry) @ _rotation(turn))
        rings += (x, y) - _BULGE[:, None, None] * (0.16 * rx, 0.28 * ry)
        pixels = (rings @ self.axes + self.origin).reshape(len(_BULGE), -1).tolist()
        for ring, step in zip(pixels, _BULGE, strict=True):
            self.paint.polygon(ring, fill=_shade(colour, 0.72 + 0.44 * step))

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


def _oval(x: float, y: float, rx: float, ry: float) -> Outline:
    return _CIRCLE * (rx, ry) + (x, y)


def _rotation(angle: float) -> Outline:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array(((cos, sin), (-sin, cos)))


def _shade(colour: Colour, factor: float) -> Colour:
    return tuple([min(255, int(part * factor)) for part in colour])


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    return tuple([round(a + (b - a) * share) for a, b in zip(one, other, strict=True)])


def _pick(rng: np.random.Generator, palette: Sequence[Colour]) -> Colour:
    """Return one of the colours, a little lighter or darker and of a slightly other hue."""
    chosen = palette[rng.integers(len(palette))]
    moved = np.multiply(chosen, rng.uniform(0.88, 1.12)) + rng.uniform(-5, 5, 3)
    return tuple(np.clip(moved, 0, 255).astype(int).tolist())


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


# --- the figures -----------------------------------------------------------------------------

_BROWNS = ((226, 182, 112), (208, 154, 84), (186, 124, 62), (150, 96, 50), (112, 70, 42))
_CRUSTS = (*_BROWNS[:4], (240, 206, 140))
_COATS = (*_BROWNS, (58, 50, 48), (236, 224, 202), (140, 132, 128))
_CREAM = (244, 232, 210)


def _croissant(brush: _Brush, rng: np.random.Generator) -> None:
    """Rolls along an arc, thick in the middle, each overlapping the next one outwards."""
    crust = _pick(rng, _CRUSTS)
    spread, thick = rng.uniform(0.7, 1.45), rng.uniform(0.36, 0.5)
    count = 2 * int(rng.integers(2, 5)) + 1
    slant = rng.uniform(0.1, 0.4)
    places = np.linspace(-1, 1, count)
    spine, widths = _crescent(spread, thick, places)
    shade = brush.at(0.08, 0.12, 1, 0)
    shade.shadow(_band(*_crescent(spread, thick, np.linspace(-1, 1, 12))))
    length = 1.9 * np.hypot(*(spine[1] - spine[0]))
    for place in np.argsort(-abs(places)):
        x, y = spine[place]
        roll = brush.at(x, y, 1, places[place] * (spread + slant))
        tone = _shade(crust, rng.uniform(0.92, 1.08))
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
    brush: _Brush, length: float, width: float, crust: Colour, rng: np.random.Generator
) -> None:
    brush.ellipse(0, 0, length * 1.1, width * 1.06, _shade(crust, 0.5))
    brush.ball(0, 0, length, width, crust)
    for x, reach in rng.uniform((-0.7, 0.4), (0.7, 0.75), (4, 2)) * (length, width):
        flake = [(x, -reach), (x * 1.25, 0), (x, reach)]
        brush.line(flake, 0.012, (*_shade(crust, 0.62 if x > 0 else 1.35), 110))


def _dog(brush: _Brush, rng: np.random.Generator) -> None:
    """A head seen from the front, turned a little, above its chest."""
    coat = _pick(rng, _COATS)
    markings = _mix(coat, _CREAM, rng.uniform(0.25, 0.9))
    gaze, width = rng.uniform(-0.14, 0.14), rng.uniform(0.66, 0.8)
    brush.shadow(_oval(0.1, 0.15, width * 1.15, 0.8))
    if _chance(rng, 0.6):
        _chest(brush, coat, markings, rng)
    ears, in_front = _EARS[rng.integers(len(_EARS))]
    ear_colour = _shade(coat, rng.uniform(0.6, 0.95))
    if not in_front:
        ears(brush, width, ear_colour, rng)
    brush.ball(0, 0, width, 0.74, coat)
    _fur(brush, width, coat, rng)
    if _chance(rng, 0.4):
        brush.ellipse(gaze, -0.25, 0.13, 0.48, markings)
    if _chance(rng, 0.25):
        brush.ellipse(gaze + 0.32, -0.14, 0.24, 0.27, _shade(coat, 0.55))
    if in_front:
        ears(brush, width, ear_colour, rng)
    _muzzle(brush.at(gaze * 1.6, 0.34, rng.uniform(0.85, 1.15), 0), markings, rng)
    _eyes(brush, gaze, rng)


def _chest(brush: _Brush, coat: Colour, markings: Colour, rng: np.random.Generator) -> None:
    brush.ball(0, 1.25, 0.82, 0.85, _shade(coat, 0.85))
    brush.ball(0, 1.35, 0.42, 0.6, _shade(markings, 0.85))
    if _chance(rng, 0.6):
        brush.ellipse(0, 0.78, 0.6, 0.16, _pick(rng, _PAINTS))


def _hanging_ears(brush: _Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    length, turn = rng.uniform(0.42, 0.68), rng.uniform(0.05, 0.4)
    for side in (-1, 1):
        brush.ball(side * width, length - 0.46, 0.26, length, colour, turn=-side * turn)


def _pointed_ears(brush: _Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    height, lean = rng.uniform(1.05, 1.35), rng.uniform(-0.1, 0.15)
    for side in (-1, 1):
        tip = (side * (width + lean), -height)
        base = [(side * width, -0.15), tip, (side * width * 0.2, -0.62)]
        brush.polygon(base, colour)
        inner = np.asarray(base) * 0.72 + (side * width * 0.18, -0.2)
        brush.polygon(inner, _mix(colour, (214, 150, 140), 0.5))


def _button_ears(brush: _Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    length, turn = rng.uniform(0.3, 0.42), rng.uniform(0.5, 1.0)
    for side in (-1, 1):
        brush.ball(side * width * 0.95, -0.36, 0.22, length, colour, turn=-side * turn)


def _folded_ears(brush: _Brush, width: float, colour: Colour, rng: np.random.Generator) -> None:
    drop = rng.uniform(0.25, 0.5)
    for side in (-1, 1):
        top = (side * width * 0.75, -0.95)
        brush.polygon([(side * width, -0.2), top, (side * width * 0.15, -0.6)], colour)
        tip = (side * (width + 0.32), -0.85 + drop)
        brush.polygon([top, tip, (side * width * 0.85, -0.5)], _shade(colour, 0.75))


_EARS = ((_hanging_ears, True), (_button_ears, True), (_pointed_ears, False), (_folded_ears, False))


def _fur(brush: _Brush, width: float, coat: Colour, rng: np.random.Generator) -> None:
    angles, reaches = rng.uniform(0, 2 * np.pi, 36), np.sqrt(rng.uniform(0.1, 0.95, 36))
    roots = np.stack([np.cos(angles) * width, np.sin(angles) * 0.74], axis=1) * reaches[:, None]
    for root in roots:
        brush.line([root, root * 1.08 + (0, 0.05)], 0.01, (*_shade(coat, 0.62), 90))


def _muzzle(brush: _Brush, colour: Colour, rng: np.random.Generator) -> None:
    dark = _shade(colour, 0.4)
    if _chance(rng, 0.5):
        brush.ball(0, 0.42, 0.15, 0.24, (222, 108, 118))
    for side in (-1, 1):
        brush.ball(side * 0.2, 0.1, 0.29, 0.25, colour)
    brush.ball(0, -0.02, 0.3, 0.24, colour)
    brush.line([(-0.3, 0.24), (-0.12, 0.28), (0, 0.16), (0.12, 0.28), (0.3, 0.24)], 0.04, dark)
    brush.ellipse(0, -0.08, 0.18, 0.13, (34, 28, 30))
    brush.ellipse(-0.05, -0.13, 0.06, 0.03, (150, 145, 150))


def _eyes(brush: _Brush, gaze: float, rng: np.random.Generator) -> None:
    apart, size = rng.uniform(0.28, 0.38), rng.uniform(0.09, 0.13)
    iris = _pick(rng, ((70, 42, 24), (46, 30, 22), (110, 74, 34)))
    for side in (-1, 1):
        eye = brush.at(gaze + side * apart, -0.14, size, 0)
        eye.ellipse(0, 0, 1.25, 1.15, (38, 28, 24))
        eye.ellipse(0, 0, 1, 1, iris)
        eye.ellipse(0, 0, 0.6, 0.6, (12, 10, 12))
        eye.ellipse(-0.35, -0.4, 0.32, 0.32, (250, 250, 250))


_FIGURES: dict[str, Figure] = {"croissant": _croissant, "dog": _dog}

# --- clutter ---------------------------------------------------------------------------------

_PAINTS = (
    (196, 62, 56),
    (58, 110, 168),
    (72, 142, 98),
    (236, 186, 72),
    (240, 238, 232),
    (92, 92, 104),
    (226, 150, 150),
)


def _plate(brush: _Brush, rng: np.random.Generator) -> None:
    glaze = _pick(rng, (_CREAM, _CREAM, _CREAM, *_PAINTS))
    brush.shadow(_oval(0.06, 0.08, 1, 0.9))
    brush.ellipse(0, 0, 1, 0.9, _shade(glaze, 0.92))
    brush.ellipse(0, 0, 0.95, 0.85, glaze)
    brush.ellipse(0, 0, 0.68, 0.6, _shade(glaze, 0.88))
    brush.ellipse(0.01, 0.02, 0.66, 0.58, _shade(glaze, 0.96))


def _cup(brush: _Brush, rng: np.random.Generator) -> None:
    glaze = _pick(rng, _PAINTS)
    brush.shadow(_oval(0.15, 0.75, 0.8, 0.3))
    brush.ellipse(0.8, 0.1, 0.42, 0.4, _shade(glaze, 0.8))
    brush.ellipse(0.8, 0.1, 0.25, 0.24, (120, 110, 104))
    brush.polygon([(-0.75, -0.6), (0.75, -0.6), (0.55, 0.8), (-0.55, 0.8)], _shade(glaze, 0.9))
    brush.polygon([(-0.6, -0.6), (-0.1, -0.6), (-0.1, 0.8), (-0.45, 0.8)], glaze)
    brush.ellipse(0, -0.6, 0.75, 0.24, _shade(glaze, 1.1))
    brush.ellipse(0, -0.57, 0.64, 0.18, (78, 48, 32))


def _fruit(brush: _Brush, rng: np.random.Generator) -> None:
    peel = _pick(rng, ((226, 138, 40), (190, 48, 44), (142, 168, 62), *_BROWNS))
    brush.shadow(_oval(0.1, 0.35, 0.85, 0.6))
    brush.ball(0, 0, 0.75, 0.72, peel)
    brush.line([(0, -0.6), (0.1, -0.85)], 0.08, (84, 60, 40))


def _loaf(brush: _Brush, rng: np.random.Generator) -> None:
    crust = _pick(rng, _COATS)
    brush.shadow(_oval(0.08, 0.2, 1.1, 0.42))
    brush.ball(0, 0, 1.1, 0.4, crust)
    for x in (-0.5, 0, 0.5):
        brush.line([(x - 0.1, 0.2), (x + 0.1, -0.22)], 0.07, _shade(crust, 1.25))


def _box(brush: _Brush, rng: np.random.Generator) -> None:
    side = _pick(rng, (*_PAINTS, *_COATS))
    brush.shadow(_oval(0.1, 0.75, 0.9, 0.25))
    brush.rectangle(-0.7, -0.6, 0.7, 0.8, side)
    brush.polygon([(-0.7, -0.6), (-0.45, -0.9), (0.95, -0.9), (0.7, -0.6)], _shade(side, 1.2))
    brush.polygon([(0.7, -0.6), (0.95, -0.9), (0.95, 0.5), (0.7, 0.8)], _shade(side, 0.7))
    brush.rectangle(-0.7, -0.1, 0.7, 0.15, _shade(side, rng.uniform(0.6, 1.4)))


def _bottle(brush: _Brush, rng: np.random.Generator) -> None:
    glass = _pick(rng, _PAINTS)
    brush.shadow(_oval(0.1, 0.95, 0.5, 0.18))
    brush.rectangle(-0.36, -0.3, 0.36, 0.95, glass)
    brush.polygon([(-0.36, -0.3), (-0.13, -0.65), (0.13, -0.65), (0.36, -0.3)], glass)
    brush.rectangle(-0.13, -1.1, 0.13, -0.6, _shade(glass, 0.85))
    brush.rectangle(-0.26, -0.2, -0.14, 0.85, _shade(glass, 1.3))
    brush.rectangle(-0.36, 0.15, 0.36, 0.6, (232, 226, 212))


def _beads(brush: _Brush, rng: np.random.Generator) -> None:
    """Black beads: as dark and round as eyes."""
    for x, y in rng.uniform(-1, 1, (int(rng.integers(3, 8)), 2)):
        brush.ball(x, y, 0.16, 0.16, _pick(rng, ((40, 32, 36), (70, 46, 36))))


_CLUTTER = (_plate, _cup, _fruit, _loaf, _box, _bottle, _beads)


def _scatter(brush: _Brush, rng: np.random.Generator, middle: Point, ground: float) -> None:
    for _ in range(rng.integers(2, 6)):
        direction, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.65, 1.1)
        x = middle[0] + distance * math.cos(direction)
        y = max(middle[1] + distance * math.sin(direction), ground)
        thing = _CLUTTER[rng.integers(len(_CLUTTER))]
        thing(brush.at(x, y, rng.uniform(0.16, 0.36), rng.normal(0, 0.25)), rng)


# --- places ----------------------------------------------------------------------------------

_WALLS = ((226, 216, 196), (196, 212, 216), (214, 190, 160), (168, 190, 170), (240, 238, 234))
_TABLES = (*_BROWNS, (224, 222, 218), (190, 196, 202), (176, 92, 84), (116, 146, 160))
_FAR = 1.6  # beyond every corner of the frame, however the camera is turned


def _gradient(brush: _Brush, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    edges = np.linspace(top, bottom, 11)
    for step, (above, below) in enumerate(pairwise(edges)):
        brush.rectangle(-_FAR, above, _FAR, below + 0.01, _mix(upper, lower, step / 9))


def _kitchen(brush: _Brush, rng: np.random.Generator) -> float:
    """Draw a wall and a table or floor, and return the height where they meet."""
    ground = rng.uniform(-1.5, -0.1)
    wall = _pick(rng, _WALLS)
    _gradient(brush, -_FAR, ground, _shade(wall, 1.05), _shade(wall, 0.85))
    if _chance(rng, 0.5):
        _grid(brush, -_FAR, ground, rng.uniform(0.2, 0.4), _shade(wall, 0.8))
    if _chance(rng, 0.4):
        _window(brush.at(rng.uniform(-0.8, 0.8), ground - 0.7, rng.uniform(0.4, 0.6), 0), wall)
    table = _pick(rng, _TABLES)
    _gradient(brush, ground, _FAR, _shade(table, 0.8), _shade(table, 1.08))
    _TOPS[rng.integers(len(_TOPS))](brush, ground, table, rng)
    brush.rectangle(-_FAR, ground, _FAR, ground + 0.035, _shade(table, 0.6))
    return ground


def _window(brush: _Brush, wall: Colour) -> None:
    brush.rectangle(-1, -1, 1, 1, _shade(wall, 1.2))
    for left in (-0.9, 0.05):
        brush.rectangle(left, -0.9, left + 0.85, 0.9, (214, 234, 246))
        hill = [(left, 0.9), (left, 0.2), (left + 0.85, 0.5), (left + 0.85, 0.9)]
        brush.polygon(hill, (166, 200, 150))


def _grid(brush: _Brush, top: float, bottom: float, step: float, joint: Colour) -> None:
    for y in np.arange(bottom, top, -step):
        brush.line([(-_FAR, y), (_FAR, y)], 0.015, joint)
    for x in np.arange(-_FAR, _FAR, step):
        brush.line([(x, top), (x, bottom)], 0.015, joint)


def _planks(brush: _Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.18, 0.4)
    for y in np.arange(top, _FAR, step):
        brush.rectangle(-_FAR, y, _FAR, y + step, (*_shade(colour, rng.uniform(0.75, 1.1)), 110))
        brush.line([(-_FAR, y), (_FAR, y)], 0.015, _shade(colour, 0.6))


def _checks(brush: _Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    step = rng.uniform(0.2, 0.4)
    stripe = (*_mix(colour, _pick(rng, _PAINTS), 0.6), 110)
    for y in np.arange(top, _FAR, step):
        brush.rectangle(-_FAR, y, _FAR, y + step / 2, stripe)
    for x in np.arange(-_FAR, _FAR, step):
        brush.rectangle(x, top, x + step / 2, _FAR, stripe)


def _tiles(brush: _Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    _grid(brush, top, _FAR, rng.uniform(0.25, 0.5), _shade(colour, 0.75))


def _plain(brush: _Brush, top: float, colour: Colour, rng: np.random.Generator) -> None:
    for x, y in rng.uniform((-_FAR, top), _FAR, (30, 2)):
        brush.ellipse(x, y, 0.03, 0.015, (*_shade(colour, 0.6), 90))


_TOPS = (_planks, _checks, _tiles, _plain)


def _street(brush: _Brush, rng: np.random.Generator, lamp: Point) -> float:
    """Draw houses, a road and a lamp, and return the height of the kerb."""
    kerb = rng.uniform(-0.6, 0.1)
    _gradient(brush, -_FAR, kerb, (54, 58, 92), (86, 84, 104))
    left = -_FAR
    while left < _FAR:
        right = left + rng.uniform(0.5, 1.0)
        _house(brush, left, right, kerb, rng)
        left = right
    road = _pick(rng, ((104, 102, 108), (84, 84, 92), (122, 112, 104)))
    _gradient(brush, kerb, _FAR, _shade(road, 0.8), road)
    _TOPS[rng.integers(2, len(_TOPS))](brush, kerb, road, rng)
    brush.rectangle(-_FAR, kerb, _FAR, kerb + 0.06, _shade(road, 1.4))
    brush.line([lamp, (lamp[0], kerb)], 0.045, (40, 42, 48))
    brush.ellipse(*lamp, 0.1, 0.08, (255, 244, 214))
    return kerb


def _house(
    brush: _Brush, left: float, right: float, ground: float, rng: np.random.Generator
) -> None:
    front = _pick(rng, ((92, 74, 70), (78, 80, 92), (110, 98, 88), (66, 60, 66)))
    roof = ground - rng.uniform(0.5, 1.3)
    brush.rectangle(left, roof, right, ground, front)
    for x in np.arange(left + 0.1, right - 0.15, 0.25):
        for y in np.arange(roof + 0.12, ground - 0.2, 0.36):
            pane = (250, 214, 130) if _chance(rng, 0.3) else (48, 50, 62)
            brush.rectangle(x, y, x + 0.12, y + 0.17, pane)


# --- taking the picture ----------------------------------------------------------------------

_GREY = np.full((3, 3), 1 / 3, dtype=np.float32)  # makes each channel the mean of all


def _by_day(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    camera = _camera(canvas, rng.normal(0, 0.08))
    ground = _kitchen(camera, rng)
    _arrange(camera, figure, ground, rng)
    return _daylight(_photo(canvas), rng)


def _by_night(canvas: Image.Image, figure: Figure, rng: np.random.Generator) -> Image.Image:
    camera = _camera(canvas, rng.uniform(-np.pi, np.pi))
    lamp = (rng.choice((-1, 1)) * rng.uniform(0.5, 0.95), rng.uniform(-0.95, -0.65))
    ground = _street(camera, rng, lamp)
    _arrange(camera, figure, ground, rng)
    return _lamplight(_photo(canvas), camera.pixel(*lamp) / canvas.size, rng)


def _camera(canvas: Image.Image, angle: float) -> _Brush:
    half = np.array(canvas.size) / 2
    paint, glaze = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    return _Brush(paint, glaze, half, _rotation(angle) * half)


def _arrange(camera: _Brush, figure: Figure, ground: float, rng: np.random.Generator) -> None:
    x, y = rng.uniform(-0.22, 0.22, 2)
    size = rng.uniform(0.45, 0.75)
    _scatter(camera, rng, (x, y), ground)
    if _chance(rng, 0.35):
        _plate(camera.at(x, y + 0.1, size * 1.35, 0), rng)
    figure(camera.at(x, y, size, rng.normal(0, 0.3)), rng)


def _photo(canvas: Image.Image) -> Photo:
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


def _picture(photo: Photo, blur: float, noise: float, rng: np.random.Generator) -> Image.Image:
    """Return what a camera makes of light, with its noise and a blur in pixels."""
    grain = noise * rng.standard_normal(photo.shape, dtype=np.float32)
    levels = (np.clip(photo + grain, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels).filter(ImageFilter.BoxBlur(blur))


def _daylight(photo: Photo, rng: np.random.Generator) -> Image.Image:
    slope_x, slope_y = rng.uniform(-0.15, 0.15, 2)
    across = np.linspace(-slope_x, slope_x, photo.shape[1])
    down = np.linspace(-slope_y, slope_y, photo.shape[0])
    light = rng.uniform(0.85, 1.15) + across + down[:, None]
    warmth = rng.uniform(-0.07, 0.07)
    lit = photo * np.multiply.outer(light, (1 + warmth, 1, 1 - warmth)).astype(np.float32)
    return _picture(lit, rng.uniform(0.1, 0.5), rng.uniform(0.005, 0.02), rng)


def _lamplight(photo: Photo, lamp: Outline, rng: np.random.Generator) -> Image.Image:
    """Light a picture by a dim blue sky and the warm pool of a lamp, placed from 0 to 1."""
    dull = photo + (photo @ _GREY - photo) * np.float32(rng.uniform(0.35, 0.75))
    sky = np.multiply(rng.uniform(0.24, 0.38), (0.7, 0.86, 1.35)).astype(np.float32)
    pool = _spot(photo, lamp, rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.7))
    lit = dull * (sky + pool) + _spot(photo, lamp, 0.02, 0.4)
    return _picture(lit, rng.uniform(0.5, 1.0), rng.uniform(0.025, 0.055), rng)


def _spot(photo: Photo, middle: Outline, spread: float, strength: float) -> Photo:
    """Return warm light, height x width x 3, that fades away from ``middle``."""
    across, down = (
        np.exp(-np.square(np.linspace(0, 1, len(photo)) - place) / spread) for place in middle
    )
    warm = np.multiply(strength, (1.2, 0.95, 0.6))
    return np.multiply.outer(np.outer(down, across), warm).astype(np.float32)
