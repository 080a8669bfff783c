import os
from pathlib import Path

import pytest

from backend.errors import SettingsError
from workers.prepare.folders import prepare_folders

OUTPUT_FOLDERS = {"data/train", "data/eval", "train", "eval"}


def environment(root: Path, **more: str) -> dict[str, str]:
    return {
        "dataset_url": f"{root}/dataset/index.txt",
        "output_dir": f"{root}/output",
        "initial_model_url": f"{root}/models/initial/model.ckpt",
        "deploy_model_url": f"{root}/models/deploy/model.onnx",
        "folders": f"{root}/inbox, {root}/hard-examples",
        "worker_uid": str(os.getuid()),
        **more,
    }


def test_every_folder_is_made_and_the_index_is_empty(tmp_path: Path) -> None:
    prepare_folders(environment(tmp_path))
    for name in ("models/initial", "models/deploy", "inbox", "hard-examples"):
        assert (tmp_path / name).is_dir()
    assert all((tmp_path / "output" / name).is_dir() for name in OUTPUT_FOLDERS)
    assert (tmp_path / "dataset/index.txt").read_text() == ""


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    index = tmp_path / "dataset/index.txt"
    index.write_text("a.jpg dog\n")
    kept = tmp_path / "output/train/1/model.ckpt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    for _ in range(2):
        prepare_folders(environment(tmp_path))
    assert index.read_text() == "a.jpg dog\n"
    assert kept.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_new_and_old_folders_are_given_to_the_workers(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    prepare_folders(environment(tmp_path, worker_uid="10001"))
    made = [tmp_path / "inbox", tmp_path / "models", tmp_path / "output/data/eval"]
    for path in [*made, tmp_path / "dataset/index.txt"]:
        assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10001)
    assert tmp_path.stat().st_uid == os.getuid()


def test_what_may_not_be_done_is_told(tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    with pytest.raises(SettingsError, match=r"output/data/train: cannot be made .* CHOWN"):
        prepare_folders(environment(tmp_path))


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    told = environment(tmp_path, output_dir="")
    with pytest.raises(SettingsError, match="output_dir is not set"):
        prepare_folders(told)


@pytest.mark.parametrize("variable", ["dataset_url", "folders"])
def test_a_wrong_path_is_named_with_its_variable(tmp_path: Path, variable: str) -> None:
    told = environment(tmp_path, **{variable: "s3://bucket/x"})
    with pytest.raises(SettingsError, match=f"{variable}='s3://bucket/x': .*a path on the node"):
        prepare_folders(told)
