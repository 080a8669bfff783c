from random import Random

from hypothesis import given
from hypothesis import strategies as st

from demo.usecase.figures import Share, accuracy, change, confusion_matrix, precision, recall

counts = st.integers(0, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))
classes = st.lists(st.sampled_from("012"), min_size=1, max_size=60)
three = st.lists(st.tuples(*[st.sampled_from("012")] * 3), max_size=80)


def test_the_interval_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 1998, table I, method 3: 81 of 263."""
    low, high = Share(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@given(counts)
def test_an_interval_holds_its_share_and_stays_between_0_and_1(count: tuple[int, int]) -> None:
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
def test_a_change_is_the_difference_of_two_accuracies(pictures: list[tuple[str, ...]]) -> None:
    truth, before, after = ("".join(each[n] for each in pictures) for n in range(3))
    found = change(truth, before, after)
    difference = accuracy(truth, after).value - accuracy(truth, before).value
    assert abs(found.value - difference) < 1e-9
    assert 0 <= found.chance <= 1


@given(three)
def test_chance_does_not_depend_on_which_model_came_first(
    pictures: list[tuple[str, ...]],
) -> None:
    truth, one, other = ("".join(each[n] for each in pictures) for n in range(3))
    assert change(truth, one, other).chance == change(truth, other, one).chance


def test_six_gains_and_no_loss_are_hardly_chance() -> None:
    found = change("0" * 10, "1" * 6 + "0" * 4, "0" * 10)
    assert (found.gained, found.lost) == (6, 0)
    assert abs(found.chance - 2 / 2**6) < 1e-12


@given(classes, st.randoms(use_true_random=False))
def test_precision_and_recall_count_every_picture_once(truth: list[str], random: Random) -> None:
    answers = list(truth)
    random.shuffle(answers)
    matrix = confusion_matrix("".join(truth), "".join(answers), 3)
    assert sum(share.whole for share in precision(matrix)) == len(truth)
    assert sum(share.whole for share in recall(matrix)) == len(truth)
    right = accuracy("".join(truth), "".join(answers)).part
    assert sum(share.part for share in recall(matrix)) == right


def test_rows_are_true_classes() -> None:
    matrix = confusion_matrix("0001", "0111", 2)
    assert [(share.part, share.whole) for share in recall(matrix)] == [(1, 3), (1, 1)]
    assert [(share.part, share.whole) for share in precision(matrix)] == [(1, 1), (1, 3)]
