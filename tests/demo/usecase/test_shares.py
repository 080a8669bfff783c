from hypothesis import given
from hypothesis import strategies as st

from demo.usecase.shares import gain_words, interval, share_words
from workers.judgement import Comparison, Share

counts = st.integers(0, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


def test_the_interval_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 1998, table I, method 3: 81 of 263."""
    share = Share(right=81, samples=263)
    low, high = interval(share)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert share_words(share) == "30.8 % (26 to 37)"


@given(counts)
def test_an_interval_contains_its_share_and_stays_between_0_and_1(count: tuple[int, int]) -> None:
    share = Share(right=count[0], samples=count[1])
    low, high = interval(share)
    assert 0 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1


@given(counts.filter(lambda count: count[1] > 0), st.integers(2, 10))
def test_more_pictures_narrow_the_interval(count: tuple[int, int], times: int) -> None:
    right, samples = count
    low, high = interval(Share(right=right * times, samples=samples * times))
    lower, higher = interval(Share(right=right, samples=samples))
    assert high - low < higher - lower


def test_a_gain_has_a_sign_and_an_interval_but_no_negative_zero() -> None:
    gain = Comparison(better_probability=0.5, gain=-0.0001, gain_low=-0.021, gain_high=0.02)
    assert gain_words(gain) == "+0.0 (-2.1 to +2.0)"
    assert gain_words(None) == "+0.0"
