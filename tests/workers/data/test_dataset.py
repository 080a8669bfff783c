from pathlib import Path

import pytest

from backend.errors import DatasetError, SettingsError
from tests.workers.conftest import FileServer, S3Store
from workers.data.dataset import DATA_INDEX_FILE, DatasetImages
from workers.data.index_file import Sample
from workers.storage import Mirror

CLASSES = ("dark", "bright")
A, B = Sample("a.jpg", 0), Sample("deep/b c.jpg", 1)


def test_images_lie_in_the_datasets_folder(tmp_path: Path) -> None:
    (tmp_path / "index.txt").write_text("a.jpg dark\ndeep/b c.jpg bright\nx")
    dataset = DatasetImages(tmp_path / "index.txt", Mirror({}))
    assert dataset.read_labels(CLASSES) == dict([A, B])
    images = dataset.images([A, B])
    assert images.x == [tmp_path / "a.jpg", tmp_path / "deep" / "b c.jpg"]
    assert images.y == [0, 1]


def test_a_missing_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"index\.txt: the index file cannot be read"):
        DatasetImages(tmp_path / "index.txt", Mirror({})).read_labels(CLASSES)


def test_what_has_vanished_from_the_node_is_not_available(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert DatasetImages(tmp_path / "index.txt", Mirror({})).available([A, B]) == [A]


@pytest.mark.parametrize("kind", ["s3", "http"])
def test_a_remote_dataset_is_read_without_an_init_container(
    s3: S3Store, file_server: FileServer, kind: str
) -> None:
    index = b"a.jpg dark\ndeep/b c.jpg bright\n"
    s3.put("d/index.txt", index)
    s3.put("d/a.jpg", b"A")
    s3.put("d/deep/b c.jpg", b"B")
    file_server.files = {
        "/d/index.txt": (200, index),
        "/d/a.jpg": (200, b"A"),
        "/d/deep/b%20c.jpg": (200, b"B"),
    }
    mirror = Mirror(s3.environment)
    url = s3.url("d/index.txt") if kind == "s3" else f"{file_server.url}/d/index.txt"
    dataset = DatasetImages(mirror.path(url), mirror)
    assert dataset.read_labels(CLASSES) == dict([A, B])
    assert [Path(str(path)).read_bytes() for path in dataset.images([A, B]).x] == [b"A", b"B"]


def test_an_image_that_is_missing_in_s3_does_not_keep_the_others(s3: S3Store) -> None:
    s3.put("d/a.jpg", b"A")
    mirror = Mirror(s3.environment)
    dataset = DatasetImages(mirror.path(s3.url("d/index.txt")), mirror)
    a, b = (Path(str(path)) for path in dataset.images([A, B]).x)
    assert a.read_bytes() == b"A"
    assert not b.exists()
    assert dataset.folders == [a.parent]


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """What the init container leaves: the round's samples, and no index."""
    folder = tmp_path / "downloads" / "out" / "data" / "train" / "2"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"downloaded before")
    return folder


@pytest.mark.parametrize("mark", ["", "@"])
def test_what_the_init_container_has_not_downloaded_comes_from_the_named_folder(
    s3: S3Store, downloads: Path, tmp_path: Path, mark: str
) -> None:
    s3.put("d/deep/b c.jpg", b"B")
    data_index = tmp_path / DATA_INDEX_FILE
    data_index.write_text(f"{mark}{s3.url('d/')}\na.jpg\n")
    mirror = Mirror(s3.environment)
    dataset = DatasetImages(downloads / DATA_INDEX_FILE, mirror, data_indexes=[data_index])
    assert dataset.read_labels(CLASSES) is None
    assert dataset.available([B, Sample("gone.jpg", 0), A]) == [B, A]
    (a, b) = dataset.images([A, B]).x
    assert a == downloads / "a.jpg"
    assert b == mirror.path(s3.url("d/deep/b c.jpg"))


def test_the_data_index_itself_may_be_in_s3(s3: S3Store, downloads: Path) -> None:
    s3.put("d/deep/b c.jpg", b"B")
    s3.put("out/data/train/2/dataIndex.txt", f"{s3.url('d/')}\na.jpg\n")
    mirror = Mirror(s3.environment)
    indexes = [
        mirror.path(s3.url(f"out/{name}/2/{DATA_INDEX_FILE}")) for name in ("x", "data/train")
    ]
    dataset = DatasetImages(downloads / DATA_INDEX_FILE, mirror, data_indexes=indexes)
    assert dataset.available([A, B]) == [A, B]


def test_without_credentials_older_samples_are_left_out(
    file_server: FileServer, downloads: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = b"<Error><Code>AccessDenied</Code></Error>"
    file_server.files["/bucket/d/deep/b%20c.jpg"] = (403, refusal)
    (tmp_path / DATA_INDEX_FILE).write_text("s3://bucket/d/\na.jpg\n")
    mirror = Mirror({"S3_ENDPOINT_URL": file_server.url})
    dataset = DatasetImages(
        downloads / DATA_INDEX_FILE, mirror, data_indexes=[tmp_path / DATA_INDEX_FILE]
    )
    assert dataset.available([A, B]) == [A]
    assert "1 files are left out, one because: ORIGINAL_DATASET_URL: s3://" in caplog.text
    with pytest.raises(SettingsError, match="AccessDenied"):
        dataset.images([B])


def test_without_a_named_folder_only_what_was_downloaded_is_available(downloads: Path) -> None:
    dataset = DatasetImages(downloads / DATA_INDEX_FILE, Mirror({}))
    assert dataset.read_labels(CLASSES) is None
    assert dataset.available([A, B]) == [A]


def test_an_index_on_the_node_may_have_the_same_name(tmp_path: Path) -> None:
    (tmp_path / DATA_INDEX_FILE).write_text("a.jpg dark\n")
    assert DatasetImages(tmp_path / DATA_INDEX_FILE, Mirror({})).read_labels(CLASSES) == dict([A])
