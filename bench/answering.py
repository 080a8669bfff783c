"""How a measured process gets its arguments and hands back its values."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["Values", "answer", "median_ms"]

Values = Mapping[str, float]
"""Quantity to value."""


def answer(*measures: Callable[..., Values]) -> None:
    """Call the function that the command line names, with the JSON object that follows.

    Its values are the last line of the output.
    """
    named = {measure.__name__: measure for measure in measures}
    values = named[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(f"\n{json.dumps(values)}\n")


def median_ms(call: Callable[[], object], count: int, warm_up: int = 3) -> float:
    """Return the median milliseconds of ``count`` calls, after some that do not count."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times) * 1000
