import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.pictures.colours import PAINTS, Colour, mix, pick, shade

parts = st.integers(0, 255)
colours = st.tuples(parts, parts, parts)


@given(colours, st.floats(0, 3))
def test_a_shade_is_darker_below_one_and_lighter_above_and_stays_a_colour(
    colour: Colour, factor: float
) -> None:
    shaded = shade(colour, factor)
    assert all(0 <= part <= 255 for part in shaded)
    for before, after in zip(colour, shaded, strict=True):
        assert after <= before if factor <= 1 else after >= before


@given(colours, colours)
def test_a_mix_goes_from_one_colour_to_the_other(one: Colour, other: Colour) -> None:
    assert mix(one, other, 0) == one
    assert mix(one, other, 1) == other


@given(colours, colours, st.floats(0, 1))
def test_a_mix_lies_between_its_colours(one: Colour, other: Colour, share: float) -> None:
    for a, mixed, b in zip(one, mix(one, other, share), other, strict=True):
        assert min(a, b) <= mixed <= max(a, b)


@given(st.integers(0, 2**32))
def test_a_picked_colour_is_near_one_of_the_palette(seed: int) -> None:
    picked = np.array(pick(np.random.default_rng(seed), PAINTS))
    assert picked.min() >= 0
    assert picked.max() <= 255
    assert np.abs(np.array(PAINTS) - picked).max(axis=1).min() <= 0.12 * 255 + 6
