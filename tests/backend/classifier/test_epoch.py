from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.classifier.epoch import divide_epoch, images_to_copy
from backend.errors import DatasetError

REPEATS = st.lists(st.integers(1, 20), min_size=1, max_size=12)


@given(REPEATS, st.data())
def test_an_epoch_has_each_image_as_often_as_it_is_repeated_and_no_judge(
    repeats: list[int], data: st.DataObject
) -> None:
    judges = data.draw(st.sets(st.integers(0, len(repeats) - 1), max_size=len(repeats) - 1))
    positions = [*range(len(repeats)), *images_to_copy(repeats, judges)]

    order, judging = divide_epoch(positions, repeats, judges)

    assert Counter(positions[place] for place in order) == {
        position: times for position, times in enumerate(repeats) if position not in judges
    }
    assert {positions[place] for place in judging} == judges


@given(REPEATS)
def test_copies_share_the_repeats_evenly(repeats: list[int]) -> None:
    positions = [*range(len(repeats)), *images_to_copy(repeats, ())]

    order, _ = divide_epoch(positions, repeats, ())

    times = Counter(order.tolist())
    for position in range(len(repeats)):
        of_copies = [times[place] for place, each in enumerate(positions) if each == position]
        assert max(of_copies) - min(of_copies) <= 1


@pytest.mark.parametrize(
    ("times", "copies"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (12, 5), (20, 5)]
)
def test_there_are_as_many_views_as_repeats_up_to_twelve(times: int, copies: int) -> None:
    assert images_to_copy([1, times], ()) == [1] * copies


def test_an_epoch_without_images_is_refused() -> None:
    with pytest.raises(DatasetError, match="held out for validation"):
        divide_epoch([0, 2], None, {0, 2})
