from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.data.answers import HardExample, packed_features
from workers.learning.offering import by_uncertainty, offered

START = datetime(2026, 11, 26, tzinfo=UTC)
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
HERE, THERE = [1.0, 0.0, 0.1], [0.0, 1.0, 0.1]


def example(
    name: str, certainty: float, features: list[float] | None = None, version: str = "a"
) -> HardExample:
    return HardExample(
        image=name,
        time=START + timedelta(seconds=int(name, 36)),
        label="dog",
        probabilities={"croissant": 1 - certainty, "dog": certainty},
        miner=None,
        hard=True,
        model_version=version,
        features=packed_features(np.array(features or [], np.float32)),
    )


def names(examples: list[HardExample]) -> str:
    return "".join(each.image for each in examples)


def test_by_uncertainty_alone_the_narrowest_margin_comes_first() -> None:
    assert names(by_uncertainty([example("a", 0.9), example("b", 0.5), example("c", 0.7)])) == "bca"


def test_of_several_alike_one_is_offered_before_another_kind() -> None:
    alike = [example(name, 0.51, HERE) for name in "abc"]
    other = example("z", 0.51, THERE)

    assert names(offered([*alike, other], []))[:2] in {"az", "bz", "cz"}


def test_what_is_like_a_labelled_one_waits() -> None:
    waiting = [example("a", 0.5, HERE), example("b", 0.5, THERE)]

    assert names(offered(waiting, [])) == "ab"
    assert names(offered(waiting, [example("l", 0.5, HERE)])) == "ba"


def test_of_what_the_model_is_surest_of_the_least_sure_come_first() -> None:
    unsure = [example(name, 0.5 + at / 100, HERE) for at, name in enumerate("abc")]
    sure = [example(name, 0.9 + at / 100, THERE) for at, name in enumerate("xyz")]

    order = names(offered([*sure, *unsure], []))

    assert set(order[:3]) == set("abc")
    assert order[3:] == "xyz"


def test_what_another_model_has_looked_at_is_no_likeness() -> None:
    waiting = [example("a", 0.5, HERE), example("b", 0.6, THERE)]

    assert names(offered(waiting, [example("l", 0.5, HERE, version="before")])) == "ab"


def test_a_kind_of_many_comes_before_one_of_a_single_picture() -> None:
    many = [example(name, 0.6, HERE) for name in "abcd"]

    assert names(offered([example("z", 0.55, THERE), *many], []))[0] in "abcd"


def test_without_features_uncertainty_decides() -> None:
    assert names(offered([example("a", 0.9), example("b", 0.5), example("c", 0.7)], [])) == "bca"


@pytest.mark.parametrize("text", ["%%%", "A", "AAAA"])
def test_broken_and_infinite_features_count_as_none(text: str) -> None:
    broken = example("a", 0.5).model_copy(update={"features": text})

    assert not len(broken.direction)
    assert packed_features(np.full(3, np.inf, np.float32)) == ""
    assert names(offered([example("b", 0.6), broken], [])) == "ab"


pictures = st.lists(
    st.tuples(st.floats(0.5, 1), st.lists(st.floats(0, 1), min_size=3, max_size=3)), max_size=20
)


@settings(deadline=None)
@given(pictures, st.integers(0, 20))
def test_every_picture_is_offered_once_and_the_first_do_not_depend_on_how_many_are_wanted(
    some: list[tuple[float, list[float]]], count: int
) -> None:
    waiting = [example(DIGITS[number], *picture) for number, picture in enumerate(some)]
    order = names(offered(waiting, []))

    assert sorted(order) == sorted(names(waiting))
    assert names(offered(waiting, [], count))[:count] == order[:count]


def test_labels_in_the_order_offered_leave_the_rest_of_it() -> None:
    rng = np.random.default_rng(0)
    waiting = [example(name, rng.uniform(0.5, 1), rng.uniform(size=3).tolist()) for name in DIGITS]
    order = offered(waiting, [])

    for labels in (1, 5, 20):
        assert names(offered(order[labels:], order[:labels])) == names(order[labels:])


@pytest.mark.parametrize("size", [2, 1280, 4096])
def test_packed_features_keep_cosines(size: int) -> None:
    rng = np.random.default_rng(size)
    first, second = np.abs(rng.normal(size=(2, size))).astype(np.float32)
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)

    packed = [example("a", 0.5, each.tolist()).direction for each in (first, second)]

    assert float(packed[0] @ packed[1]) == pytest.approx(float(cosine), abs=0.01)


def test_features_are_bounded() -> None:
    assert len(packed_features(np.ones(4096, np.float32))) < 6000
    assert packed_features(np.ones(4097, np.float32)) == ""
