import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.data.answers import HardExample
from workers.infer.hard_examples import HardExampleStore

START = datetime(2026, 11, 22, tzinfo=UTC)


def example(certainty: float = 0.6, minutes: int = 0, true_label: str | None = None) -> HardExample:
    return HardExample(
        image="",
        time=START + timedelta(minutes=minutes),
        label="dark",
        probabilities={"dark": certainty, "bright": 1 - certainty},
        miner="CrossEntropy",
        hard=True,
        model_version="0123456789ab",
        true_label=true_label,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hard").mkdir()
    return tmp_path / "hard"


@pytest.fixture
def store(folder: Path) -> HardExampleStore:
    return HardExampleStore(folder, quota=10**6)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_picture_and_answer_lie_side_by_side(store: HardExampleStore) -> None:
    copy = store.save("a.jpg", b"picture", example())
    assert copy
    assert copy.read_bytes() == b"picture"
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


def test_the_same_picture_is_kept_once_whatever_its_name(
    store: HardExampleStore, folder: Path
) -> None:
    store.save("a.jpg", b"picture", example())
    assert store.save("b.png", b"picture", example()) is None
    assert HardExampleStore(folder, quota=10**6).save("c.png", b"picture", example()) is None
    assert len(list(folder.iterdir())) == 2


def test_another_picture_under_the_same_name_is_kept_beside(store: HardExampleStore) -> None:
    first = store.save("a.jpg", b"picture", example())
    second = store.save("a.jpg", b"another", example())
    assert first
    assert second
    assert (first.read_bytes(), second.read_bytes()) == (b"picture", b"another")


def test_a_picture_that_was_labelled_and_moved_does_not_come_again(
    store: HardExampleStore, folder: Path
) -> None:
    copy = store.save("a.jpg", b"picture", example())
    assert copy
    copy.unlink()
    copy.with_suffix(".json").write_bytes(
        example(true_label="bright").model_copy(update={"image": copy.name}).to_json()
    )
    assert store.save("a.jpg", b"picture", example()) is None
    assert HardExampleStore(folder, quota=10**6).save("a.jpg", b"picture", example()) is None


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a b\n.jpg", "." * 300, "", "ä" * 200 + ".png"]
)
def test_any_name_becomes_one_in_the_folder(
    store: HardExampleStore, folder: Path, name: str
) -> None:
    copy = store.save(name, b"picture", example())
    assert copy
    assert copy.parent == folder
    assert not copy.name.startswith(".")
    assert len(copy.name.split()) == 1


def test_the_oldest_easy_ones_go_first(folder: Path) -> None:
    store = HardExampleStore(folder, quota=5000)
    for minute, certainty in enumerate([0.86, 0.52, 0.75, 0.51, 0.89]):
        store.save(f"{minute}.jpg", bytes([minute]) * 700, example(certainty, minute))
    store.save("5.jpg", b"5" * 700, example(0.55, 5))
    assert sorted(path.name[0] for path in folder.glob("*.jpg")) == ["1", "2", "3", "5"]


def test_what_a_person_labelled_goes_last(folder: Path) -> None:
    store = HardExampleStore(folder, quota=2500)
    store.save("a.jpg", b"a" * 900, example(0.89, true_label="dark"))
    for name in "bc":
        store.save(f"{name}.jpg", name.encode() * 900, example(0.51))
    assert [path.name[0] for path in folder.glob("*.jpg")] == ["a"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3000), st.floats(0.5, 1))))
def test_the_folder_never_outgrows_its_quota(
    tmp_path_factory: pytest.TempPathFactory, saves: list[tuple[int, int, float]]
) -> None:
    folder = tmp_path_factory.mktemp("hard")
    store = HardExampleStore(folder, quota=4000)
    for number, size, certainty in saves:
        store.save(f"{number}.jpg", bytes([number]) * size, example(certainty))
        assert size_of(folder) == store.bytes <= 4000
        assert store.count == len(list(folder.glob("*.json")))


def test_the_rest_of_an_interrupted_write_is_cleared_away(folder: Path) -> None:
    store = HardExampleStore(folder, quota=10**6)
    copy = store.save("a.jpg", b"picture", example())
    assert copy
    rest, fresh = (folder / f"b-{digit * 16}.jpg" for digit in "01")
    temporary, hidden, foreign = (
        folder / name for name in (".c-partial-xyz.jpg", ".nomedia", "e.jpg")
    )
    for path in (rest, fresh, temporary, hidden, foreign):
        path.write_bytes(b"x")
    for path in (rest, hidden, foreign, copy):
        os.utime(path, (0, 0))
    HardExampleStore(folder, quota=10**6)
    assert {path.name for path in folder.iterdir()} == {
        copy.name,
        copy.with_suffix(".json").name,
        fresh.name,
        hidden.name,
        foreign.name,
    }


def test_a_damaged_answer_is_passed_over(folder: Path) -> None:
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_bytes(example().to_json())
    (folder / "c.json").write_bytes(example().model_copy(update={"image": "../d"}).to_json())
    assert HardExampleStore(folder, quota=10**6).count == 0


def test_no_part_of_a_name_can_break_a_line_of_an_index(store: HardExampleStore) -> None:
    copy = store.save("q\u2028 \udce9.j\nx dog", b"picture", example())
    assert copy
    assert re.fullmatch(r"q_-[0-9a-f]{16}\.j_x_dog", copy.name)
    assert json.loads(copy.with_name(f"{copy.stem}.json").read_text())["image"] == copy.name


def test_the_longest_name_fits(store: HardExampleStore) -> None:
    copy = store.save("ß" * 200 + "." + "b" * 200, b"picture", example())
    assert copy
    assert len(copy.name.encode()) < 130


def test_what_cannot_be_evicted_stays_and_ends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = HardExampleStore(folder, quota=1000)
    kept = small.save("a.jpg", b"a" * 600, example())
    unlink = Path.unlink

    def unlink_own(path: Path, missing_ok: bool = False) -> None:
        if kept and path.stem == kept.stem:
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_own)
    assert small.save("b.jpg", b"b" * 600, example(certainty=0.5))
    assert kept
    assert kept.exists()
