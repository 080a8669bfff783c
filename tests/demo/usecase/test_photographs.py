from pathlib import Path

import pytest

from backend.classifier import MindSporeMobileNetV2
from backend.errors import PermanentError, SettingsError
from demo.pictures import CLASS_NAMES
from demo.usecase.photographs import Photographs


def _folder(folder: Path) -> Path:
    for part in ("train", "eval"):
        for name in CLASS_NAMES:
            (folder / "photos" / part / name).mkdir(parents=True)
            (folder / "photos" / part / name / "1.jpg").write_bytes(b"")
    (folder / "weights.npz").write_bytes(b"")
    return folder


def test_photographs_are_labelled_by_their_folder(tmp_path: Path) -> None:
    photographs = Photographs.of(_folder(tmp_path), CLASS_NAMES)
    assert photographs.weights.name == "weights.npz"
    assert [label for _, label in photographs.train] == list(CLASS_NAMES)
    assert [path.parent.parent.name for path, _ in photographs.evaluation] == ["eval", "eval"]


def test_a_folder_without_weights_is_refused_before_anything_runs(tmp_path: Path) -> None:
    _folder(tmp_path)
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(SettingsError, match=r"weights \(\*\.npz\) and photos/train"):
        Photographs.of(tmp_path, CLASS_NAMES)


@pytest.mark.e2e
def test_a_round_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "data")
    MindSporeMobileNetV2(CLASS_NAMES).save(folder / "weights.npz")
    photographs = Photographs.of(folder, CLASS_NAMES)
    with pytest.raises(
        PermanentError, match=r"the round on photographs failed: train.* see .*\.log"
    ):
        photographs.run("MINDSPORE", "head", 1, tmp_path / "work")
