import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SettingsError
from jobs.standalone.paths import JobFiles, Node

NODE = Node(Path("/srv/node"))

parts = st.lists(st.sampled_from(["a", "b c", "..", ".", "", "model.ckpt"]), max_size=6)


def test_the_root_stands_for_the_nodes_slash() -> None:
    assert NODE.local("/data/x.txt") == Path("/srv/node/data/x.txt")
    assert NODE.prefix == "/srv/node"


def test_with_slash_as_root_paths_are_as_they_are() -> None:
    node = Node(Path("/"))
    assert node.local("/data/x.txt") == Path("/data/x.txt")
    assert node.prefix == ""


@given(parts)
def test_no_path_leaves_the_root(names: list[str]) -> None:
    local = NODE.local("/" + "/".join(names))
    assert local.is_relative_to(NODE.root)
    assert ".." not in local.parts


@given(parts)
def test_without_the_prefix_a_local_path_is_the_nodes_again(names: list[str]) -> None:
    local = NODE.local("/" + "/".join(names))
    assert NODE.local(str(local).removeprefix(NODE.prefix) or "/") == local


@pytest.mark.parametrize("url", ["s3://bucket/x", "https://host/x", "x", ""])
def test_only_the_nodes_paths_are_local(url: str) -> None:
    with pytest.raises(SettingsError, match="not an absolute path"):
        NODE.local(url)


def files_on(folder: Path) -> JobFiles:
    return JobFiles(Node(folder), "farm", "dogs", "/out")


def test_what_the_runner_keeps_is_its_users_alone(tmp_path: Path) -> None:
    files = files_on(tmp_path)
    files.make_folders()
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert files.logs.is_dir()


def test_a_folder_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    files = files_on(tmp_path)
    files.folder.mkdir(parents=True, mode=0o755)
    files.make_folders()
    assert files.folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_runners_folder_is_refused(tmp_path: Path) -> None:
    files = files_on(tmp_path / "node")
    files.folder.parent.mkdir(parents=True)
    files.folder.symlink_to(tmp_path)
    mode = tmp_path.stat().st_mode
    with pytest.raises(SettingsError, match="iljob is a link or belongs to another user"):
        files.make_folders()
    assert tmp_path.stat().st_mode == mode


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_on(tmp_path)
    files.make_folders()
    monkeypatch.setattr(os, "getuid", lambda: files.folder.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="belongs to another user: remove it"):
        files.make_folders()


def test_a_jobs_files_are_where_sedna_has_them() -> None:
    files = JobFiles(NODE, "farm", "dogs", "/out")
    assert files.train_data_url(3) == "/out/data/train/3/data.txt"
    assert files.eval_data_url(3) == "/out/data/eval/3/data.txt"
    assert files.train_output_url(3) == "/out/train/3"
    assert files.hot_update_config == Path(
        "/srv/node/var/lib/sedna/model-hot-update/farm/incrementallearningjob/dogs/"
        "model_config.json"
    )
