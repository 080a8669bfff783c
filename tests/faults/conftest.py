"""Jobs that faults are done to."""

from pathlib import Path

import pytest

from tests.faults.jobs import save_first_models
from tests.jobs.conftest import job

__all__ = ["job"]

pytest.register_assert_rewrite("tests.faults.invariants")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models that every job starts from."""
    folder = tmp_path_factory.mktemp("models")
    save_first_models(folder)
    return folder
