from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.learning.sampling import draw_evenly, draw_share, number_kinds, repeats_of_rare

kinds = st.lists(st.integers(-3, 3), max_size=60).map(lambda values: np.array(values, np.int64))
seeds = st.integers(0, 2**32 - 1)


@given(kinds, st.integers(0, 80), seeds)
def test_as_many_of_each_kind_as_there_are(
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]], count: int, seed: int
) -> None:
    drawn = draw_evenly(kinds, count, seed)
    assert len(drawn) == len(set(drawn)) == min(count, len(kinds))
    available, taken = Counter(kinds.tolist()), Counter(kinds[drawn].tolist())
    most = max(taken.values(), default=0)
    assert all(taken[kind] >= min(available[kind], most - 1) for kind in available)


@given(kinds, st.integers(0, 80), seeds)
def test_the_same_arguments_draw_the_same(
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]], count: int, seed: int
) -> None:
    assert draw_evenly(kinds, count, seed) == draw_evenly(kinds, count, seed)


def test_every_position_may_be_drawn() -> None:
    kinds = np.zeros(10, np.int64)
    assert {draw_evenly(kinds, 1, seed)[0] for seed in range(200)} == set(range(10))


names = st.lists(st.sampled_from("abcd"), max_size=200)


@given(names)
def test_kinds_are_equal_where_names_are(names: list[str]) -> None:
    kinds = number_kinds(names)
    assert len(kinds) == len(names)
    assert len(set(zip(kinds.tolist(), names, strict=True))) == len(set(names))


@given(names)
def test_repeated_no_kind_is_rare(names: list[str]) -> None:
    repeats = repeats_of_rare(number_kinds(names)).tolist()
    total: Counter[str] = Counter()
    for name, count in zip(names, repeats, strict=True):
        total[name] += count
    largest = max(Counter(names).values(), default=0)
    assert all(1 <= count <= 20 for count in repeats)
    assert all(
        abs(total[name] - largest) <= size / 2 or total[name] == 20 * size
        for name, size in Counter(names).items()
    )


@given(kinds, st.floats(0, 1), seeds)
def test_a_share_of_each_kind_is_drawn(
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]], share: float, seed: int
) -> None:
    drawn = draw_share(kinds, share, seed)
    assert len(drawn) == len(set(drawn))
    sizes, taken = Counter(kinds.tolist()), Counter(kinds[drawn].tolist())
    assert all(taken[kind] == int(share * size) for kind, size in sizes.items())
