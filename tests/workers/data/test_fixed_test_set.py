from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import DatasetError, SettingsError
from workers.data.dataset import DatasetImages
from workers.data.fixed_test_set import FixedTestSet
from workers.data.index_file import Sample
from workers.data.settings import DatasetSettings
from workers.storage import Mirror

Make = Callable[..., FixedTestSet]


def draw(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    for number in range(4):
        draw(tmp_path / "dataset" / f"{number}.png", 10 * number)
    return tmp_path / "dataset" / "index.txt"


@pytest.fixture
def make(index: Path) -> Make:
    """Make the set of a `test_index`."""

    def make(test_index: str | None) -> FixedTestSet:
        settings = DatasetSettings.model_validate(
            {"ORIGINAL_DATASET_URL": str(index), "test_index": test_index}
        )
        mirror = Mirror({})
        return FixedTestSet(settings, DatasetImages(index, mirror), mirror, ["dark", "bright"])

    return make


def write_index(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def left(test_set: FixedTestSet, index: Path) -> list[str]:
    samples = [Sample(f"{number}.png", 0) for number in range(4)]
    images = DatasetImages(index, Mirror({})).images(samples)
    return [sample.path for sample in test_set.without(samples, images)]


def test_without_the_setting_there_is_none_and_nothing_is_left_out(make: Make, index: Path) -> None:
    test_set = make(None)

    assert not test_set.samples
    assert len(left(test_set, index)) == 4


def test_its_samples_are_left_out_by_path(make: Make, index: Path) -> None:
    write_index(index.parent / "test.txt", "1.png dark")

    test_set = make("test.txt")

    assert test_set.samples == [Sample("1.png", 0)]
    assert left(test_set, index) == ["0.png", "2.png", "3.png"]


def test_a_copy_in_another_folder_under_another_name_is_left_out(
    make: Make, index: Path, tmp_path: Path
) -> None:
    draw(tmp_path / "elsewhere" / "copy.png", 20)
    write_index(tmp_path / "elsewhere" / "test.txt", "copy.png bright")

    test_set = make(str(tmp_path / "elsewhere" / "test.txt"))

    assert test_set.samples == [Sample("copy.png", 1)]
    assert left(test_set, index) == ["0.png", "1.png", "3.png"]


def test_bad_lines_and_missing_images_are_left_out_of_it(make: Make, index: Path) -> None:
    write_index(index.parent / "test.txt", "1.png dark", "2.png cat", "none.png dark")

    assert make("test.txt").samples == [Sample("1.png", 0)]


def test_an_index_that_is_missing_is_named(make: Make) -> None:
    with pytest.raises((DatasetError, SettingsError), match=r"none\.txt"):
        make("none.txt")
