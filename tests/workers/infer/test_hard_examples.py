import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.infer.answers import Answer
from workers.infer.hard_examples import save_hard_example

ANSWER = Answer(
    image="a.jpg",
    time=datetime(2026, 11, 22, tzinfo=UTC),
    label="dark",
    probabilities={"dark": 0.6, "bright": 0.4},
    miner="CrossEntropy",
    hard=True,
    model_version="0123456789ab",
    size=7,
    modified=10**9,
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture")
    return path


def test_picture_and_answer_lie_side_by_side(picture: Path, tmp_path: Path) -> None:
    copy = save_hard_example(tmp_path / "hard", picture, ANSWER)
    assert copy.read_bytes() == picture.read_bytes() == b"picture"
    assert json.loads(copy.with_suffix(".json").read_text()) == {
        "image": copy.name,
        "time": "2026-11-22T00:00:00Z",
        "label": "dark",
        "probabilities": {"dark": 0.6, "bright": 0.4},
        "miner": "CrossEntropy",
        "hard": True,
        "model_version": "0123456789ab",
        "true_label": None,
    }


def test_another_picture_under_the_same_name_is_kept_beside(picture: Path, tmp_path: Path) -> None:
    first = save_hard_example(tmp_path / "hard", picture, ANSWER)
    picture.write_bytes(b"another")
    second = save_hard_example(tmp_path / "hard", picture, ANSWER)
    assert (first.read_bytes(), second.read_bytes()) == (b"picture", b"another")


def test_the_same_picture_keeps_the_label_a_person_gave_it(picture: Path, tmp_path: Path) -> None:
    sidecar = save_hard_example(tmp_path / "hard", picture, ANSWER).with_suffix(".json")
    sidecar.write_text('{"true_label": "bright"}')
    save_hard_example(tmp_path / "hard", picture, ANSWER)
    assert sidecar.read_text() == '{"true_label": "bright"}'
