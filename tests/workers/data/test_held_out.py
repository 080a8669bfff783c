from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import DatasetError
from tests.workers.conftest import S3Store
from workers.data.held_out import (
    HeldOutSample,
    carry_held_out,
    read_held_out,
    write_held_out,
)
from workers.data.round_folder import RoundFolder
from workers.storage import Mirror

HELD_OUT_FILE = "held-out.csv"

A, B = HeldOutSample(1, "a.jpg", "dog", "dog"), HeldOutSample(2, "b c.jpg", "croissant", "")

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))
rows = st.lists(st.builds(HeldOutSample, st.integers(1, 99), _texts, _texts, _texts))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("train")


@settings(deadline=None)
@given(rows)
def test_what_is_written_is_read(folder: Path, rows: list[HeldOutSample]) -> None:
    write_held_out(folder / HELD_OUT_FILE, rows)
    assert read_held_out(folder / HELD_OUT_FILE) == rows


def test_the_record_is_a_table_that_others_can_read(tmp_path: Path) -> None:
    write_held_out(tmp_path / HELD_OUT_FILE, [A, B])
    expected = "round,path,label,answer\n1,a.jpg,dog,dog\n2,b c.jpg,croissant,\n"
    assert (tmp_path / HELD_OUT_FILE).read_text() == expected


def test_a_round_begins_with_the_newest_earlier_record(tmp_path: Path) -> None:
    write_held_out(tmp_path / "2" / HELD_OUT_FILE, [A])
    write_held_out(tmp_path / "10" / HELD_OUT_FILE, [A, B])
    (tmp_path / "11").mkdir()
    carry_held_out(RoundFolder(tmp_path / "12", Mirror({})))
    assert read_held_out(tmp_path / "12" / HELD_OUT_FILE) == [A, B]


def test_after_a_restart_of_the_controller_the_record_starts_again(tmp_path: Path) -> None:
    write_held_out(tmp_path / "1" / HELD_OUT_FILE, [A])
    write_held_out(tmp_path / "2" / HELD_OUT_FILE, [A, B])
    carry_held_out(RoundFolder(tmp_path / "1", Mirror({})))
    assert read_held_out(tmp_path / "1" / HELD_OUT_FILE) == []


def test_of_the_records_in_s3_only_the_newest_is_downloaded(tmp_path: Path, s3: S3Store) -> None:
    for number, rows in ((1, [A]), (2, [A, B])):
        write_held_out(tmp_path / HELD_OUT_FILE, rows)
        s3.put(f"train/{number}/{HELD_OUT_FILE}", (tmp_path / HELD_OUT_FILE).read_bytes())
    mirror = Mirror(s3.environment)
    first, second, third = (mirror.path(s3.url(f"train/{number}")) for number in (1, 2, 3))
    for folder in (first, second):
        folder.mkdir(parents=True)
    carry_held_out(RoundFolder(third, mirror))
    assert read_held_out(third / HELD_OUT_FILE) == [A, B]
    assert not (first / HELD_OUT_FILE).exists()


@pytest.mark.parametrize(
    "content", [b"", b"round,path\n1,a.jpg\n", b"r,p,l,a\nx,a,b,c\n", b"r,p,l,a\n1,\xff,b,c\n"]
)
def test_what_is_no_record_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / HELD_OUT_FILE
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=f"{file}: is not a record of held-out samples"):
        read_held_out(file)
