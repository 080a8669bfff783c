from demo.usecase.told import alike
from tests.demo.usecase.conftest import story


def test_runs_with_the_same_weights_are_told_once_and_name_both_frameworks() -> None:
    runs = [story("TINYMS"), story("MINDSPORE"), story("TINYMS", seed=1, digest="c")]
    names = [each.name for each in alike(runs, 2)]
    assert names == ["TinyMS and MindSpore, seed 0", "TinyMS, seed 1"]


def test_a_framework_with_other_weights_is_told_apart() -> None:
    told = alike([story("TINYMS"), story("MINDSPORE", digest="c")], 2)
    assert [each.name for each in told] == ["TinyMS, seed 0", "MindSpore, seed 0"]


def test_a_rejected_model_does_not_serve() -> None:
    (told,) = alike([story("TINYMS", deployed=False)], 2)
    assert [share.part for share in told.accuracy("day")] == [93, 93]
    assert told.change("day").gained == told.change("day").lost == 0


def test_forgetting_is_first_minus_last() -> None:
    (told,) = alike([story("TINYMS")], 2)
    forgotten = {each.set_name: each for each in told.forgetting}
    assert forgotten["day"].first_model == "initial model"
    assert abs(forgotten["day"].value - 0.04) < 1e-9
    assert forgotten["night"].first_model == "round 1"
    assert forgotten["night"].value == forgotten["round 1"].value == 0


def test_what_a_rejected_model_knew_counts_as_forgotten() -> None:
    (told,) = alike([story("TINYMS", deployed=False)], 2)
    forgotten = {each.set_name: each for each in told.forgetting}
    assert abs(forgotten["night"].value - 0.28) < 1e-9
