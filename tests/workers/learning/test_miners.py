import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.errors import SettingsError
from workers.learning.miners import MINERS, find_miner

DETERMINISTIC = [name for name in MINERS if name != "Random"]


@st.composite
def probabilities(draw: st.DrawFn) -> NDArray[np.float64]:
    weights = draw(st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize("name", MINERS)
@given(p=probabilities())
def test_every_vector_is_judged_and_lists_and_float32_alike(
    name: str, p: NDArray[np.float64]
) -> None:
    verdict = find_miner(name, {})(p)
    assert type(verdict) is bool
    assert type(find_miner(name, {})(p.astype(np.float32))) is bool
    if name != "Random":
        assert find_miner(name, {})(p.tolist()) is verdict


@pytest.mark.parametrize("name", DETERMINISTIC)
@given(p=probabilities(), seed=st.integers(0, 1000))
def test_the_order_of_the_classes_does_not_matter(
    name: str, p: NDArray[np.float64], seed: int
) -> None:
    miner = find_miner(name, {})
    shuffled = np.random.default_rng(seed).permutation(p)
    if np.isclose(p.sum(), 1, atol=0):
        assert miner(shuffled) is miner(p)


@pytest.mark.parametrize(
    ("name", "parameter", "is_hard_below"),
    [
        ("Threshold", "threshold", True),
        ("CrossEntropy", "threshold_cross_entropy", True),
        ("IBT", "threshold_box", True),
        ("IBT", "threshold_img", True),
        ("LeastConfidence", "threshold_least_confidence", False),
        ("Margin", "threshold_margin", True),
        ("Entropy", "threshold_entropy", False),
    ],
)
@given(p=probabilities(), thresholds=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_threshold_moves_the_verdict_one_way(
    name: str,
    parameter: str,
    is_hard_below: bool,
    p: NDArray[np.float64],
    thresholds: tuple[float, float],
) -> None:
    low, high = (find_miner(name, {parameter: str(value)})(p) for value in sorted(thresholds))
    assert low <= high if is_hard_below else low >= high


@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if n not in {"CloudOnly", "EdgeOnly"}])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_an_even_vector_is_hard_and_a_certain_one_is_not(name: str, classes: int) -> None:
    assert find_miner(name, {})(np.full(classes, 1 / classes)) or (name, classes) == (
        "Threshold",
        2,
    )
    assert not find_miner(name, {})(np.eye(classes)[0])


@pytest.mark.parametrize(
    ("name", "parameters", "p", "expected"),
    [
        ("Threshold", {"threshold": "0.7"}, [0.69, 0.31], True),
        ("Threshold", {"threshold": "0.7"}, [0.7, 0.3], False),
        # H(0.89, 0.11) / ln 2 = 0.4999
        ("CrossEntropy", {"threshold_cross_entropy": "0.5"}, [0.889, 0.111], True),
        ("CrossEntropy", {"threshold_cross_entropy": "0.5"}, [0.891, 0.109], False),
        ("CrossEntropy", {"threshold_cross_entropy": "0.5"}, [1.0, 0.0], False),
        ("IBT", {"threshold_img": "0.5", "threshold_box": "0.8"}, [0.8, 0.2], True),
        ("IBT", {"threshold_img": "0.5", "threshold_box": "0.8"}, [0.81, 0.19], False),
        ("LeastConfidence", {"threshold_least_confidence": "0.5"}, [0.74, 0.26], True),
        ("LeastConfidence", {"threshold_least_confidence": "0.5"}, [0.76, 0.24], False),
        ("Margin", {"threshold_margin": "0.3"}, [0.5, 0.3, 0.2], True),
        ("Margin", {"threshold_margin": "0.3"}, [0.6, 0.2, 0.2], False),
        ("Entropy", {"threshold_entropy": "0.5"}, [0.889, 0.111], True),
        ("Entropy", {"threshold_entropy": "0.5"}, [0.891, 0.109], False),
        ("Random", {"random_ratio": "1"}, [1.0, 0.0], True),
        ("Random", {"random_ratio": "0"}, [0.5, 0.5], False),
        ("CloudOnly", {}, [1.0, 0.0], True),
        ("EdgeOnly", {}, [0.5, 0.5], False),
    ],
)
def test_verdicts_at_the_edge(
    name: str, parameters: dict[str, str], p: list[float], expected: bool
) -> None:
    assert find_miner(name, parameters)(p) is expected


def test_random_is_hard_as_often_as_it_should_be() -> None:
    miner = find_miner("Random", {"random_ratio": "0.3"})
    assert 100 < sum(miner([0.5, 0.5]) for _ in range(500)) < 200


@pytest.mark.parametrize(
    "p", [[], [2.0, -1.0], [3.0, 1.5], [[0.5, 0.5]], [np.nan, 1.0], [0.2, 0.2]]
)
@pytest.mark.parametrize("name", MINERS)
def test_what_is_no_probability_vector_is_refused(name: str, p: list[float]) -> None:
    with pytest.raises(ValueError, match="not probabilities"):
        find_miner(name, {})(p)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("Crossentropy", {}, "HEM_NAME='Crossentropy'.*Threshold, CrossEntropy, IBT"),
        ("CrossEntropy", {"threshold": "0.5"}, "'threshold' .*takes threshold_cross_entropy"),
        ("CloudOnly", {"threshold": "0.5"}, "takes none"),
        ("Random", {"random_ratio": "often"}, "random_ratio='often': expected a number"),
        ("Random", {"random_ratio": "1.1"}, "random_ratio='1.1'"),
        ("Random", {"random_ratio": "nan"}, "random_ratio='nan'"),
    ],
)
def test_wrong_names_and_parameters_tell_the_right_ones(
    name: str, parameters: dict[str, str], expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        find_miner(name, parameters)
