from hypothesis import given
from hypothesis import strategies as st

from jobs.standalone.supervisor import backoff

LONGEST = 300.0


@given(st.floats(min_value=0, max_value=10), st.integers(min_value=0, max_value=10**6))
def test_a_restart_waits_twice_as_long_as_the_one_before_but_never_for_long(
    first: float, failures: int
) -> None:
    assert backoff(first, 0) == first
    assert backoff(first, failures) <= LONGEST
    assert (
        backoff(first, failures + 1) == min(2 * backoff(first, failures), LONGEST) or failures > 29
    )
