from pathlib import Path

import pytest

from backend.errors import SettingsError
from workers.storage import make_folder


def test_a_folder_is_made_with_its_parents_and_may_exist(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "train" / "1", "MODEL_URL")
    assert (tmp_path / "train" / "1").is_dir()


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("a file")
    with pytest.raises(SettingsError, match=r"MODEL_URL=.*train/1.*user \d+"):
        make_folder(tmp_path / "train" / "1", "MODEL_URL")
