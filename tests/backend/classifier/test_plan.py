from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.classifier.plan import Plan, learning_rates
from backend.errors import SettingsError
from backend.networks import FineTune

RATES = st.floats(1e-6, 10)


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "optimizer": "adam",
        "label_smoothing": 0.1,
        "warmup_epochs": 1,
        "fine_tune": "full",
        "seed": 0,
    }
    return Plan(**(values | changes))


@given(
    epochs=st.integers(1, 20),
    steps=st.integers(1, 30),
    warmup=st.floats(0, 25),
    rate=RATES,
)
def test_there_is_a_rate_for_each_step_and_the_highest_is_the_learning_rate(
    epochs: int, steps: int, warmup: float, rate: float
) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate, warmup_epochs=warmup), steps)
    assert len(rates) == epochs * steps
    assert max(rates) == pytest.approx(rate)
    assert min(rates) > 0


@given(epochs=st.integers(2, 20), steps=st.integers(2, 30), warmup=st.integers(0, 19), rate=RATES)
def test_rates_rise_in_warm_up_and_fall_afterwards(
    epochs: int, steps: int, warmup: int, rate: float
) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate, warmup_epochs=warmup), steps)
    top = min(warmup * steps, epochs * steps - 1)
    assert rates.index(max(rates)) == top
    assert all(former < latter for former, latter in pairwise(rates[: top + 1]))
    assert all(former > latter for former, latter in pairwise(rates[top:]))


@given(epochs=st.integers(3, 20), steps=st.integers(10, 30), rate=RATES)
def test_rates_end_near_0(epochs: int, steps: int, rate: float) -> None:
    rates = learning_rates(plan(epochs=epochs, learning_rate=rate), steps)
    assert rates[-1] < rate / 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("optimizer", "sgd"),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("mixup", -0.1),
        ("mixup", float("inf")),
        ("warmup_epochs", -1),
        ("fine_tune", 0),
        ("fine_tune", "tail"),
    ],
)
def test_a_hyperparameter_out_of_its_range_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name}={value!r} is out of its range"):
        plan(**{name: value})


@pytest.mark.parametrize("fine_tune", ["head", "full", 1, 18])
def test_the_ways_of_fine_tuning_are_accepted(fine_tune: FineTune) -> None:
    assert plan(fine_tune=fine_tune).fine_tune == fine_tune
