import gc
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SettingsError, TemporaryError
from tests.workers.conftest import S3_KEY, S3_SECRET, FileServer, S3Store
from workers.storage import Mirror, NotFoundError

_names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/;"),
    min_size=1,
    max_size=6,
).filter(lambda name: name not in {".", ".."})
_keys = st.lists(_names, min_size=1, max_size=4).map("/".join)


@given(key=_keys)
def test_an_object_and_its_path_stand_for_each_other(key: str) -> None:
    mirror = Mirror({})
    path = mirror.path(f"s3://bucket/{key}")
    assert mirror.url(path) == f"s3://bucket/{key}"
    assert mirror.url(path.parent / "neighbour") == mirror.url(path).rpartition("/")[0] + (
        "/neighbour"
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://host/a/model.ckpt",
        "https://host:8443/a%20b/model.ckpt",
        "https://user:word@host/model.ckpt?token=1%202",
        "https://host/a%2Fb//c/%2e/model.ckpt",
        "s3://bucket//a%2Fb//model.ckpt",
    ],
)
def test_a_web_url_and_its_path_stand_for_each_other(url: str) -> None:
    mirror = Mirror({})
    path = mirror.path(url)
    assert mirror.url(path) == url
    assert path.name == "model.ckpt"
    assert not any(secret in str(path) for secret in ("user", "word", "token"))


def test_urls_that_differ_only_in_their_escapes_have_different_paths() -> None:
    mirror = Mirror({})
    urls = [f"http://host/{path}" for path in ("a/b/x", "a%2Fb/x", "a//b/x", "a/./b/x")]
    paths = [mirror.path(url) for url in urls]
    assert len(set(paths)) == len(urls)
    assert [mirror.url(path) for path in paths] == urls
    assert mirror.url(paths[1].with_name("y z")) == "http://host/a%2Fb/y%20z"


@pytest.mark.parametrize("url", ["s3://bucket/data/", "http://host/data/"])
def test_a_folder_may_end_with_a_slash(url: str) -> None:
    mirror = Mirror({})
    assert mirror.url(mirror.path(url) / "a.jpg") == f"{url}a.jpg"


def test_a_neighbour_has_the_login_and_not_the_query() -> None:
    mirror = Mirror({})
    path = mirror.path("https://user:word@host/data/index.txt?x=1")
    assert mirror.url(path.parent / "a b.jpg") == "https://user:word@host/data/a%20b.jpg"


def test_a_path_on_the_node_is_itself(tmp_path: Path) -> None:
    mirror = Mirror({})
    path = mirror.path(str(tmp_path / "model.ckpt"))
    assert path == tmp_path / "model.ckpt"
    assert mirror.url(path) == str(path)
    assert mirror.fetch(path, "BASE_MODEL_URL") == path
    mirror.publish(path, "MODEL_URL")
    mirror.pull(tmp_path, {"model.ckpt"}, "MODEL_URL")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["s3://bucket/../../etc/passwd", "http://host/%2e%2e/%2e%2e/x"])
def test_no_url_leaves_the_mirror(url: str) -> None:
    with pytest.raises(SettingsError, match=r"not contain `\.\.`"):
        Mirror({}).path(url)


def test_the_environment_gets_local_paths_and_keeps_the_rest() -> None:
    mirror = Mirror({})
    environment = {
        "MODEL_URLS": "s3://b/new.onnx; /m/old.onnx",
        "MODEL_URL": "gs://b/x",
        "TRAIN_DATASET_URL": "/d/data.txt",
        "epochs": "3",
    }
    assert mirror.localise(environment) == environment | {
        "MODEL_URLS": f"{mirror.path('s3://b/new.onnx')};/m/old.onnx"
    }


@pytest.mark.parametrize("url", ["s3://b/../k", "http://[::1/model.ckpt"])
def test_a_url_that_cannot_be_used_names_its_variable(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^BASE_MODEL_URL: "):
        Mirror({}).localise({"BASE_MODEL_URL": url})


def test_a_file_is_fetched_once(s3: S3Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    s3.put("m/model.ckpt", b"weights")
    mirror = Mirror(s3.environment)
    path = mirror.path(s3.url("m/model.ckpt"))
    assert mirror.fetch(path, "BASE_MODEL_URL").read_bytes() == b"weights"
    s3.put("m/model.ckpt", b"others")
    assert mirror.fetch(path, "BASE_MODEL_URL").read_bytes() == b"weights"
    assert f"downloaded {s3.url('m/model.ckpt')}, 7 bytes" in caplog.messages


def test_what_is_published_is_uploaded(s3: S3Store) -> None:
    mirror = Mirror(s3.environment)
    folder = mirror.path(s3.url("out/train/1"))
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"graph")
    mirror.publish(folder / "model.onnx", "MODEL_URL")
    assert s3.get("out/train/1/model.onnx") == b"graph"


def test_pulling_brings_the_named_files_up_to_date(s3: S3Store) -> None:
    mirror = Mirror(s3.environment)
    train = mirror.path(s3.url("out/train"))
    for content in (b"first", b"second"):
        s3.put("out/train/1/samples.txt", content)
        s3.put("out/train/1/model.ckpt", content)
        mirror.pull(train, {"samples.txt"}, "MODEL_URL")
        assert (train / "1" / "samples.txt").read_bytes() == content
    assert [path.name for path in (train / "1").iterdir()] == ["samples.txt"]


def test_many_files_are_fetched_and_the_missing_ones_may_be_left_out(
    s3: S3Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        s3.put(f"d/{number}.jpg", b"1234")
    mirror = Mirror(s3.environment)
    folder = mirror.path(s3.url("d"))
    there, gone = [folder / f"{number}.jpg" for number in range(20)], folder / "gone.jpg"
    assert mirror.fetch_available([*there, gone], "ORIGINAL_DATASET_URL") == there
    assert "1 files are left out, one because: ORIGINAL_DATASET_URL: s3://" in caplog.text
    with pytest.raises(NotFoundError, match=r"ORIGINAL_DATASET_URL: s3://.*/d/gone\.jpg"):
        mirror.fetch_all([*there, gone], "ORIGINAL_DATASET_URL")


def test_a_problem_names_variable_and_url(file_server: FileServer) -> None:
    file_server.files |= {"/a": (403, b""), "/b": (503, b"")}
    mirror = Mirror({})
    with pytest.raises(SettingsError, match=rf"^BASE_MODEL_URL: {file_server.url}/a: "):
        mirror.fetch(mirror.path(f"{file_server.url}/a"), "BASE_MODEL_URL")
    with pytest.raises(TemporaryError, match=rf"^BASE_MODEL_URL: {file_server.url}/b: "):
        mirror.fetch_available([mirror.path(f"{file_server.url}/b")], "BASE_MODEL_URL")


def test_no_secret_is_logged(
    s3: S3Store, file_server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file_server.files["/m?token=hush"] = (200, b"model")
    s3.put("m", b"model")
    mirror = Mirror(s3.environment)
    web = f"{file_server.url}/m?token=hush".replace("://", "://user:word@")
    mirror.fetch(mirror.path(web), "MODEL_URL")
    mirror.publish(mirror.fetch(mirror.path(s3.url("m")), "MODEL_URL"), "MODEL_URL")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("workers")]
    assert len(ours) == 3
    for secret in (S3_KEY, S3_SECRET, "hush", "user", "word"):
        assert secret not in "\n".join(ours)


def test_the_copies_go_with_the_mirror() -> None:
    mirror = Mirror({})
    path = mirror.path("s3://bucket/x")
    path.parent.mkdir(parents=True)
    folder = path.parent.parent.parent
    assert folder.exists()
    del mirror
    gc.collect()
    assert not folder.exists()
