import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.usecase.shares import Classes, Share, accuracy, change

counts = st.integers(0, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))
three = st.lists(st.tuples(*[st.integers(0, 2)] * 3), max_size=80).map(
    lambda pictures: np.array(pictures, dtype=np.int64).reshape(-1, 3).T
)


def test_the_interval_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 1998, table I, method 3: 81 of 263."""
    low, high = Share(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert str(Share(81, 263)) == "30.8 % (26 to 37)"


@given(counts)
def test_an_interval_contains_its_share_and_stays_between_0_and_1(count: tuple[int, int]) -> None:
    share = Share(*count)
    low, high = share.interval
    assert 0 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1


@given(counts.filter(lambda count: count[1] > 0), st.integers(2, 10))
def test_more_pictures_narrow_the_interval(count: tuple[int, int], times: int) -> None:
    part, whole = count
    (low, high), (lower, higher) = (
        Share(part * times, whole * times).interval,
        Share(part, whole).interval,
    )
    assert high - low < higher - lower


@given(three)
def test_a_change_is_the_difference_of_two_accuracies(pictures: Classes) -> None:
    truth, before, after = pictures
    found = change(truth, before, after)
    difference = accuracy(truth, after).value - accuracy(truth, before).value
    assert abs(found.value - difference) < 1e-9
    assert 0 <= found.chance <= 1


@given(three)
def test_chance_does_not_depend_on_which_model_came_first(pictures: Classes) -> None:
    truth, one, other = pictures
    assert change(truth, one, other).chance == change(truth, other, one).chance


def test_six_gains_and_no_loss_are_hardly_chance() -> None:
    truth = np.zeros(10, dtype=np.int64)
    before = np.array([1] * 6 + [0] * 4)
    found = change(truth, before, truth)
    assert (found.gained, found.lost) == (6, 0)
    assert abs(found.chance - 2 / 2**6) < 1e-12
