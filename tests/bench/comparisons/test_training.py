from bench.comparisons.training import against_best
from bench.results import Figure


def measured(side: str, *values: float) -> Figure:
    return Figure(side=side, name="training", unit="images/s", values=values)


def test_a_peer_counts_at_its_fastest_setting() -> None:
    slow, fast = measured("slow", 10.0, 10.0, 90.0), measured("fast", 20.0, 20.0, 20.0)
    against = against_best(measured("ours", 30.0, 30.0, 30.0), [slow, fast], least=1.2)
    assert (against.side, against.median, against.is_met) == ("ours / fast", 1.5, True)
