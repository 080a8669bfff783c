import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from backend.mindspore.garbage import without_collections, without_present_objects


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_during_an_import() -> None:
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collections_go_on_after_an_import_that_failed() -> None:
    with pytest.raises(ImportError), without_collections():
        raise ImportError
    assert gc.isenabled()


def test_collections_that_were_off_stay_off() -> None:
    gc.disable()
    with without_collections():
        pass
    assert not gc.isenabled()


def test_what_was_there_before_is_left_out_until_the_end() -> None:
    present = [[number] for number in range(1000)]
    with suppress(ZeroDivisionError), without_present_objects():
        assert gc.get_freeze_count() >= len(present)
        raise ZeroDivisionError
    assert gc.get_freeze_count() == 0


def test_what_the_process_has_frozen_stays_frozen() -> None:
    present = [[number] for number in range(1000)]
    gc.freeze()
    with without_present_objects():
        pass
    assert gc.get_freeze_count() >= len(present)
