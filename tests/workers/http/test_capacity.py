from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.http.capacity import Capacity
from workers.http.refusals import OverloadedError, TooLargeError


def test_what_never_fits_differs_from_what_does_not_fit_now() -> None:
    capacity = Capacity(3, "images")
    with capacity.taken(2):
        with pytest.raises(OverloadedError, match="2 of 3 images"), capacity.taken(2):
            pass
        with pytest.raises(TooLargeError, match="4 images"), capacity.taken(4):
            pass
        with capacity.taken(1):
            assert capacity.used == 3


def _fail() -> None:
    raise ZeroDivisionError


@given(st.lists(st.integers(0, 12)))
def test_all_is_given_back_whatever_fails(amounts: list[int]) -> None:
    capacity = Capacity(10, "images")
    for amount in amounts:
        with suppress(TooLargeError, ZeroDivisionError), capacity.taken(amount):
            assert capacity.used == amount <= 10
            _fail()
        assert capacity.used == 0
