import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import DatasetError, ImageError
from backend.images.preprocessing import LabelledImages
from tests.workers.conftest import S3Store
from workers.data.index_file import BadLine, Sample
from workers.data.quarantine import LeftOut, Quarantine, read_quarantine
from workers.data.round_folder import RoundFolder
from workers.storage import Mirror

SAMPLES = [Sample(f"{number}.jpg", number % 2) for number in range(10)]
IMAGES = LabelledImages(
    x=[Path("/data") / sample.path for sample in SAMPLES], y=[sample.label for sample in SAMPLES]
)


def refuse(*names: str) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        if path.name in names:
            raise ImageError(f"{path}: is too dark.")

    return check


def empty_quarantine(file: Path, share: float, mirror: Mirror | None = None) -> Quarantine:
    return Quarantine(file, RoundFolder(file.parent, mirror or Mirror({})), share=share)


def left_out(file: Path) -> set[str]:
    return {row.path for row in read_quarantine(file)}


def fill(quarantine: Quarantine, *names: str) -> LabelledImages:
    return quarantine.screened(SAMPLES, IMAGES, refuse(*names))


def error_of(path: str) -> ImageError:
    return ImageError(f"/data/{path}: is half a file, or less.")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "1" / "train-quarantine.csv"


def test_what_is_left_out_is_counted_and_listed_with_its_reason(file: Path) -> None:
    quarantine = empty_quarantine(file, 0.5)
    images = fill(quarantine, "3.jpg")
    assert images.x == [*IMAGES.x[:3], *IMAGES.x[4:]]
    assert images.y == [*IMAGES.y[:3], *IMAGES.y[4:]]
    for _ in range(2):  # each of two models meets it
        quarantine.add(3, error_of("4.jpg"))
    assert quarantine.paths == {"3.jpg", "4.jpg"}
    quarantine.record()
    assert quarantine.metrics == {"unreadable": [2.0]}
    with file.open(newline="") as opened:
        assert list(csv.reader(opened)) == [
            ["path", "line", "reason"],
            ["3.jpg", "", "is too dark."],
            ["4.jpg", "", "is half a file, or less."],
        ]
    assert left_out(file) == {"3.jpg", "4.jpg"}


def test_a_round_without_any_has_no_list_and_counts_none(file: Path) -> None:
    quarantine = empty_quarantine(file, 0)
    fill(quarantine)
    quarantine.record()
    assert quarantine.metrics == {"unreadable": [0.0]}
    assert left_out(file) == set()
    assert not file.exists()


def test_the_list_of_an_earlier_attempt_is_replaced(file: Path) -> None:
    first = empty_quarantine(file, 1)
    fill(first, "1.jpg")
    first.record()
    second = empty_quarantine(file, 1)
    fill(second)
    second.record()
    assert left_out(file) == set()


@pytest.mark.parametrize(("share", "allowed"), [(0, 0), (0.1, 1), (0.25, 2), (1, 10)])
def test_up_to_the_share_a_round_goes_on(file: Path, share: float, allowed: int) -> None:
    quarantine = empty_quarantine(file, share)
    images = fill(quarantine)
    for position in range(allowed):
        quarantine.add(position, error_of(f"{position}.jpg"))
    quarantine.record()
    assert quarantine.metrics["unreadable"] == [allowed]
    if allowed < len(images):
        expected = rf"/data/{allowed}\.jpg: .*10 samples .*={share:g} .*{file}"
        with pytest.raises(ImageError, match=expected):
            quarantine.add(allowed, error_of(f"{allowed}.jpg"))
        assert len(left_out(file)) == allowed + 1


def test_too_many_are_told_before_any_is_decoded(file: Path) -> None:
    with pytest.raises(ImageError, match=r"1\.jpg: cannot be read"):
        fill(empty_quarantine(file, 0.1), "0.jpg", "1.jpg", "2.jpg")
    assert left_out(file) == {"0.jpg", "1.jpg"}


def test_where_no_list_can_be_kept_the_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1").write_text("a file, where a folder should be")
    quarantine = empty_quarantine(tmp_path / "1" / "list.csv", 0.5)
    fill(quarantine, "3.jpg")
    quarantine.record()
    assert quarantine.metrics == {"unreadable": [1.0]}
    assert "left out: 3.jpg: is too dark." in caplog.text


def test_the_list_of_a_round_in_s3_lies_there(s3: S3Store) -> None:
    mirror = Mirror(s3.environment)
    quarantine = empty_quarantine(mirror.path(s3.url("out/train/1/list.csv")), 0.5, mirror)
    fill(quarantine, "3.jpg")
    quarantine.record()
    assert s3.get("out/train/1/list.csv") == b"path,line,reason\n3.jpg,,is too dark.\n"


def test_paths_may_hold_what_divides_a_table(file: Path) -> None:
    name = 'a,"b" \tc.jpg'
    quarantine = empty_quarantine(file, 1)
    quarantine.screened([Sample(name, 0)], LabelledImages([f"/data/{name}"], [0]), lambda _: None)
    quarantine.add(0, ImageError(f"/data/{name}: no."))
    quarantine.record()
    assert left_out(file) == {name}


def test_a_list_that_is_none_is_named(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"path,line,reason\n\xff,,x\n")
    with pytest.raises(DatasetError, match=f"{file}: is not a list of samples"):
        read_quarantine(file)


def test_bad_lines_count_with_the_images_and_are_listed_before_them(file: Path) -> None:
    quarantine = empty_quarantine(file, 0.2)
    quarantine.add_line(BadLine(2, "the label 'dgo' is not a class", "8.jpg"))
    quarantine.add_line(BadLine(7, "it is not UTF-8 text"))
    fill(quarantine)
    quarantine.record()
    assert quarantine.metrics == {"unreadable": [2.0]}
    assert read_quarantine(file) == [
        LeftOut("8.jpg", "2", "the label 'dgo' is not a class"),
        LeftOut("", "7", "it is not UTF-8 text"),
    ]
    with pytest.raises(ImageError, match=r"1\.jpg: cannot be read, and with it more of 12"):
        quarantine.add(1, error_of("1.jpg"))


def test_too_many_bad_lines_fail_the_round_and_the_last_is_told(file: Path) -> None:
    quarantine = empty_quarantine(file, 0.0)
    quarantine.add_line(BadLine(3, "'a.jpg' has no label"))
    with pytest.raises(DatasetError, match=r"line 3 of the round's index: 'a\.jpg' has no label, "):
        fill(quarantine)
    assert read_quarantine(file) == [LeftOut("", "3", "'a.jpg' has no label")]
