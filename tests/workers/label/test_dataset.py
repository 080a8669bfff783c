import fcntl
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from backend.errors import WriteError
from workers.data.index_file import read_index
from workers.label.dataset import LabelledFolder, LabelledPicture


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    return path


def test_lines_follow_what_is_there(index: Path, picture: Path) -> None:
    index.write_text("day/1.png dog")  # whoever wrote it forgot the end of the line
    LabelledFolder(index).add([LabelledPicture(picture, "croissant")])
    assert index.read_text() == "day/1.png dog\nhard-examples/a.png croissant\n"
    assert (index.parent / "hard-examples" / "a.png").read_bytes() == b"picture"


def test_the_index_is_one_that_training_reads(index: Path, picture: Path) -> None:
    LabelledFolder(index).add([LabelledPicture(picture, "dog")])
    (sample,) = read_index(index, ("croissant", "dog"))
    assert (sample.path, sample.label) == ("hard-examples/a.png", 1)


def test_what_was_added_is_not_added_again(index: Path, picture: Path) -> None:
    for _ in range(2):
        LabelledFolder(index).add([LabelledPicture(picture, "dog")])
    picture.unlink()
    LabelledFolder(index).add([LabelledPicture(picture, "dog")])
    assert len(index.read_text().splitlines()) == 1


def test_the_order_of_a_batch_is_not_that_of_labelling(index: Path, tmp_path: Path) -> None:
    """What is labelled last would always be for evaluation."""
    pictures = [LabelledPicture(tmp_path / f"{number}.png", "dog") for number in range(30)]
    for each in pictures:
        each.path.write_bytes(b"picture")
    LabelledFolder(index).add(pictures)
    backwards = index.with_name("backwards.txt")
    LabelledFolder(backwards).add(pictures[::-1])
    lines = index.read_text().splitlines()
    assert backwards.read_text().splitlines() == lines
    labelled_last = {f"hard-examples/{number}.png dog" for number in range(24, 30)}
    assert set(lines) > labelled_last != set(lines[24:])


def test_two_workers_lose_no_line_of_each_other(index: Path, tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(40)]
    for path in pictures:
        path.write_bytes(b"picture")

    def add(path: Path) -> None:
        LabelledFolder(index).add([LabelledPicture(path, "dog")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, pictures))
    assert len(set(index.read_text().splitlines())) == 40


def test_a_worker_waits_for_another_that_adds(index: Path, picture: Path) -> None:
    dataset = LabelledFolder(index)
    adding = Thread(target=dataset.add, args=([LabelledPicture(picture, "dog")],))
    with (index.parent / ".index.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        adding.start()
        adding.join(0.5)
        assert adding.is_alive()
    adding.join(10)
    assert index.read_text() == "hard-examples/a.png dog\n"


def test_the_index_stays_the_file_it_was(index: Path, picture: Path) -> None:
    real = index.with_name("real.txt")
    real.write_text("day/1.png dog\n")
    real.chmod(0o664)
    index.symlink_to(real)
    with real.open("a") as writer:
        LabelledFolder(index).add([LabelledPicture(picture, "croissant")])
        writer.write("day/2.png dog\n")
    assert index.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o664
    assert real.read_text().splitlines() == [
        "day/1.png dog",
        "hard-examples/a.png croissant",
        "day/2.png dog",
    ]


def test_a_full_disk_leaves_no_half_of_a_line(index: Path, picture: Path) -> None:
    index.write_text("day/1.png dog\n")
    LabelledFolder(index).add([LabelledPicture(picture, "dog")])
    before = index.read_text()
    another = [LabelledPicture(picture, "a-label-that-does-not-fit-any-more")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 9, hard))
    try:
        with pytest.raises(WriteError, match="cannot be written"):
            LabelledFolder(index).add(another)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert index.read_text() == before
