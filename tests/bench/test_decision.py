import pytest

from bench.decision import METHODS, SITUATIONS, Situation, deployed_share

OURS = METHODS["**`better_probability`** > 0.95"]


def named(start: str) -> list[Situation]:
    return [each for each in SITUATIONS if each.words.startswith(start)]


@pytest.mark.parametrize("situation", [*named("equal"), *named("frequent")])
def test_a_candidate_that_is_no_better_is_deployed_once_in_twenty(situation: Situation) -> None:
    assert deployed_share(OURS, situation, trials=4000) <= 0.05


@pytest.mark.parametrize("situation", named("5 points better; 400"))
def test_five_points_are_noticed_on_400_samples(situation: Situation) -> None:
    assert deployed_share(OURS, situation, trials=4000) >= 0.8


def test_the_situations_have_the_balanced_gain_that_they_name() -> None:
    gains = {
        each.words: sum(b - w for b, w in zip(each.better, each.worse, strict=True))
        / len(each.samples)
        for each in SITUATIONS
    }

    for words, gain in gains.items():
        points = {"e": 0, "f": 0, "5": 0.05, "r": 0.2 / 3}[words[0]]
        assert gain == pytest.approx(points), words
