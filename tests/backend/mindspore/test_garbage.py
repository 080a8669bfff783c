import gc
from collections.abc import Iterator

import pytest

from backend.mindspore.garbage import imported_for_good


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_during_an_import_and_nothing_of_it_later() -> None:
    before = gc.get_freeze_count()
    with imported_for_good():
        assert not gc.isenabled()
        imported = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(imported)


def test_collections_go_on_after_an_import_that_failed() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(ImportError), imported_for_good():
        raise ImportError
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_collections_that_were_off_stay_off() -> None:
    gc.disable()
    with imported_for_good():
        pass
    assert not gc.isenabled()
