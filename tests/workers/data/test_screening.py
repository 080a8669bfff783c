import os
from pathlib import Path

import pytest

from backend.errors import ImageError
from workers.data.screening import Screen


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "deep" / "b.jpg").write_bytes(b"b")
    (tmp_path / "secret.jpg").write_bytes(b"s")
    return folder


def refusal(screen: Screen, path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        screen.check(path)
    assert not screen.passes(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_files_in_the_folder_pass_at_any_depth(dataset: Path) -> None:
    screen = Screen([dataset], 1)
    screen.check(dataset / "a.jpg")
    assert screen.passes(dataset / "deep" / "b.jpg")


def test_a_link_within_the_dataset_passes(dataset: Path) -> None:
    (dataset / "link.jpg").symlink_to(dataset / "deep" / "b.jpg")
    (dataset / "shallow").symlink_to("deep")
    screen = Screen([dataset], 1)
    screen.check(dataset / "link.jpg")
    screen.check(dataset / "shallow" / "b.jpg")


def test_a_dataset_that_is_itself_a_link_passes(dataset: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(dataset)
    Screen([link], 1).check(link / "deep" / "b.jpg")
    Screen([dataset], 1).check(link / "a.jpg")


@pytest.mark.parametrize("target", ["../secret.jpg", "deep/../../secret.jpg", "/etc/hostname"])
def test_a_link_that_leads_out_is_refused(dataset: Path, target: str) -> None:
    (dataset / "link.jpg").symlink_to(target)
    assert "leads out of the dataset's folder" in refusal(
        Screen([dataset], 1), dataset / "link.jpg"
    )


def test_a_folder_that_leads_out_is_refused(dataset: Path, tmp_path: Path) -> None:
    (dataset / "up").symlink_to("..")
    told = refusal(Screen([dataset], 1), dataset / "up" / "secret.jpg")
    assert "leads out" in told


def test_a_neighbour_whose_name_begins_alike_is_outside(dataset: Path) -> None:
    neighbour = dataset.with_name("dataset-2")
    neighbour.mkdir()
    (neighbour / "c.jpg").write_bytes(b"c")
    assert "leads out" in refusal(Screen([dataset], 1), neighbour / "c.jpg")
    Screen([dataset, neighbour], 1).check(neighbour / "c.jpg")


def test_a_file_over_the_limit_is_refused_and_one_at_it_passes(dataset: Path) -> None:
    os.truncate(dataset / "a.jpg", 2**20)
    Screen([dataset], 1).check(dataset / "a.jpg")
    os.truncate(dataset / "a.jpg", 2**20 + 1)
    assert "larger than image_limit_mib=1" in refusal(Screen([dataset], 1), dataset / "a.jpg")


def test_what_is_no_regular_file_is_refused_unopened(dataset: Path) -> None:
    os.mkfifo(dataset / "pipe.jpg")
    screen = Screen([dataset], 1)
    assert "not a regular file" in refusal(screen, dataset / "pipe.jpg")
    assert "not a regular file" in refusal(screen, dataset / "deep")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none.jpg", "there is no such image"),
        ("a.jpg/b.jpg", "cannot be opened"),
        ("x" * 300, "cannot be opened"),
    ],
)
def test_what_cannot_be_reached_is_refused(dataset: Path, name: str, expected: str) -> None:
    assert expected in refusal(Screen([dataset], 1), dataset / name)


def test_links_in_a_circle_are_refused(dataset: Path) -> None:
    (dataset / "x.jpg").symlink_to("y.jpg")
    (dataset / "y.jpg").symlink_to("x.jpg")
    assert "cannot be opened" in refusal(Screen([dataset], 1), dataset / "x.jpg")
