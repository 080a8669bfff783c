from pathlib import Path

import pytest

from workers.data.round_folder import RoundFolder
from workers.storage import Mirror


def test_earlier_rounds_come_by_number_and_later_ones_not_at_all(tmp_path: Path) -> None:
    for name in ("1", "2", "9", "10", "11", "12", "model", "x3"):
        (tmp_path / name).mkdir()
    earlier = RoundFolder(tmp_path / "11", Mirror({})).earlier()
    assert [folder.path.name for folder in earlier] == ["1", "2", "9", "10"]


@pytest.mark.parametrize("name", ["model", "latest-2", "-1"])
def test_a_folder_without_a_number_has_none_before_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "1").mkdir()
    assert RoundFolder(tmp_path / name, Mirror({})).earlier() == []
