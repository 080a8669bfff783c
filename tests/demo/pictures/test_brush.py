import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from demo.pictures.brush import Brush, oval
from demo.pictures.rendering import aim

WHITE = (255, 255, 255)

places = st.floats(-2, 2)
units = st.floats(0.1, 3)
angles = st.floats(-math.pi, math.pi)


@pytest.fixture
def canvas() -> Image.Image:
    return Image.new("RGB", (100, 100))


@pytest.fixture
def brush(canvas: Image.Image) -> Brush:
    return aim(canvas, 0)


def upright() -> Brush:
    return aim(Image.new("RGB", (100, 100)), 0)


@given(places, places, units, angles)
def test_a_brush_elsewhere_has_its_origin_there(
    x: float, y: float, unit: float, angle: float
) -> None:
    brush = upright()
    assert np.allclose(brush.at(x, y, unit, angle).pixel(0, 0), brush.pixel(x, y))


@given(places, places, units, angles)
def test_a_turned_brush_keeps_lengths_but_for_its_unit(
    x: float, y: float, unit: float, angle: float
) -> None:
    brush = upright()
    moved = brush.at(0.3, -0.2, unit, angle)
    reach = np.hypot(*(moved.pixel(x, y) - moved.pixel(0, 0)))
    assert reach == pytest.approx(unit * np.hypot(*(brush.pixel(x, y) - brush.pixel(0, 0))))


def test_a_quarter_turn_takes_right_to_down(brush: Brush) -> None:
    assert np.allclose(brush.at(0, 0, 1, math.pi / 2).pixel(1, 0), brush.pixel(0, 1))


def test_a_rectangle_covers_its_corners_and_nothing_else(canvas: Image.Image, brush: Brush) -> None:
    brush.rectangle(-0.5, 0, 0.5, 0.5, WHITE)
    assert canvas.getbbox() == (25, 50, 76, 76)


def test_a_thin_line_is_still_seen(canvas: Image.Image, brush: Brush) -> None:
    brush.line([(-0.5, 0), (0.5, 0)], 0.0001, WHITE)
    assert canvas.getbbox() == (25, 50, 76, 51)


def test_a_colour_with_an_opacity_lets_the_ground_through(
    canvas: Image.Image, brush: Brush
) -> None:
    brush.ellipse(0, 0, 0.5, 0.5, (200, 100, 0, 128))
    assert canvas.getpixel((50, 50)) == pytest.approx((100, 50, 0), abs=2)


def test_a_ball_is_lighter_in_the_middle_than_at_its_rim(canvas: Image.Image, brush: Brush) -> None:
    brush.ball(0, 0, 0.8, 0.8, (100, 100, 100))
    levels = np.asarray(canvas.convert("L"), dtype=int)
    assert levels[40, 47] > levels[88, 50] + 25
    assert levels[88, 50] > levels[95, 50]


def test_a_shadow_is_darkest_inside_and_fades_outwards(canvas: Image.Image, brush: Brush) -> None:
    brush.rectangle(-1, -1, 1, 1, WHITE)
    brush.shadow(oval(0, 0, 0.5, 0.5))
    inside, edge, outside = np.asarray(canvas.convert("L"), dtype=int)[50, [50, 78, 95]]
    assert inside < edge < outside == 255
