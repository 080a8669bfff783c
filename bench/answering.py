"""How a measured process gets its arguments and hands back its values."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["answer", "median_ms"]


def answer(measure: Callable[..., Mapping[str, float]]) -> None:
    """Call ``measure`` with the JSON object of the command line; its values are the last line."""
    values = measure(**json.loads(sys.argv[1]))
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
