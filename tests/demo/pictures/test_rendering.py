import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import DatasetError
from demo.pictures.rendering import CLASS_NAMES, Light, render

classes = pytest.mark.parametrize("class_name", CLASS_NAMES)
lights = pytest.mark.parametrize("light", Light)

EDGES = [*range(16), *range(96, 112)]


def picture(class_name: str, light: Light, seed: int) -> npt.NDArray[np.float64]:
    drawn = render(class_name, light, np.random.default_rng(seed))
    return np.asarray(drawn, dtype=np.float64)


def mean_colours(class_name: str, light: Light, count: int) -> npt.NDArray[np.float64]:
    pictures = (picture(class_name, light, seed) for seed in range(count))
    return np.array([drawn.mean(axis=(0, 1)) for drawn in pictures])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(CLASS_NAMES),
    st.sampled_from(Light),
    st.integers(0, 2**32),
    st.integers(1, 130),
)
def test_every_picture_is_rgb_and_of_the_wanted_size(
    class_name: str, light: Light, seed: int, size: int
) -> None:
    drawn = render(class_name, light, np.random.default_rng(seed), size)
    assert (drawn.mode, drawn.size) == ("RGB", (size, size))


@classes
@lights
def test_a_seed_gives_one_picture_and_another_seed_another(class_name: str, light: Light) -> None:
    first = picture(class_name, light, 1)
    assert np.array_equal(first, picture(class_name, light, 1))
    assert np.abs(first - picture(class_name, light, 2)).mean() > 5


@lights
def test_the_figure_stands_out_in_the_middle_and_the_place_does_not_give_it_away(
    light: Light,
) -> None:
    croissants, dogs = (
        np.mean([picture(name, light, seed) for seed in range(60)], axis=0) for name in CLASS_NAMES
    )
    difference = np.abs(croissants - dogs).mean(axis=2)
    corners = difference[np.ix_(EDGES, EDGES)]
    assert difference[40:80, 40:80].mean() > 2 * corners.mean()


@lights
def test_the_mean_colour_of_a_picture_does_not_tell_its_class(light: Light) -> None:
    croissants, dogs = (mean_colours(name, light, 80) for name in CLASS_NAMES)
    middle = np.concatenate([croissants, dogs]).mean(axis=0)
    towards_dogs = dogs.mean(axis=0) - croissants.mean(axis=0)
    dogs_found = (dogs - middle) @ towards_dogs > 0
    croissants_found = (croissants - middle) @ towards_dogs < 0
    assert np.concatenate([dogs_found, croissants_found]).mean() < 0.75


@classes
def test_night_is_darker_and_bluer_than_day(class_name: str) -> None:
    day, night = (mean_colours(class_name, light, 20) for light in Light)
    assert night.mean() < 0.6 * day.mean()
    assert (night[:, 2] / night[:, 0]).mean() > (day[:, 2] / day[:, 0]).mean() + 0.1


def test_an_unknown_class_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DatasetError, match=r"'baguette'.*croissant, dog"):
        render("baguette", Light.DAY, np.random.default_rng(0))
