import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import SettingsError
from workers.data.answers import Answer, Rejection
from workers.infer.inbox import Inbox, WaitingImage


def put(inbox: Inbox, name: str, *, modified: int = 10**9, content: bytes = b"x") -> WaitingImage:
    path = inbox.folder / name
    path.write_bytes(content)
    os.utime(path, ns=(modified, modified))
    image = WaitingImage.look(path)
    assert image
    return image


def answer_to(image: WaitingImage) -> Answer:
    return Answer(
        image=image.name,
        time=datetime.now(UTC),
        label="dark",
        probabilities={"dark": 1.0},
        miner=None,
        hard=False,
        model_version="0123456789ab",
        size=image.size,
        modified=image.modified,
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "inbox")


def test_the_oldest_waits_first_and_folders_and_dot_files_do_not(inbox: Inbox) -> None:
    late, early = put(inbox, "a.jpg", modified=2 * 10**9), put(inbox, "b.jpg")
    put(inbox, ".c.jpg")
    assert inbox.waiting() == [early, late]


def test_an_answer_lies_beside_its_image(inbox: Inbox) -> None:
    image = put(inbox, "a.jpg")
    inbox.answer(image, answer_to(image))
    assert inbox.waiting() == []
    assert (inbox.folder / "done" / "a.jpg").read_bytes() == b"x"
    written = (inbox.folder / "done" / "a.jpg.json").read_bytes()
    assert Answer.model_validate_json(written) == answer_to(image).model_copy(
        update={"time": Answer.model_validate_json(written).time}
    )


def test_a_file_whose_move_was_cut_short_is_known(inbox: Inbox) -> None:
    image = put(inbox, "a.jpg")
    inbox.answer(image, answer_to(image))
    (inbox.folder / "done" / "a.jpg").replace(image.path)
    assert [inbox.is_answered(waiting) for waiting in inbox.waiting()] == [True]


@pytest.mark.parametrize(("modified", "content"), [(2 * 10**9, b"x"), (10**9, b"xy")])
def test_another_file_under_an_old_name_is_new(inbox: Inbox, modified: int, content: bytes) -> None:
    image = put(inbox, "a.jpg")
    inbox.answer(image, answer_to(image))
    assert not inbox.is_answered(put(inbox, "a.jpg", modified=modified, content=content))


def test_a_damaged_answer_is_none(inbox: Inbox) -> None:
    image = put(inbox, "a.jpg")
    (inbox.folder / "done" / "a.jpg.json").write_text("{")
    assert not inbox.is_answered(image)


def test_a_rejected_file_has_its_reason(inbox: Inbox) -> None:
    inbox.reject(put(inbox, "a.txt"), "no image")
    assert (inbox.folder / "rejected" / "a.txt").exists()
    rejection = (inbox.folder / "rejected" / "a.txt.json").read_bytes()
    assert Rejection.model_validate_json(rejection).reason == "no image"


def test_only_one_worker_answers_at_a_time(inbox: Inbox) -> None:
    other = Inbox(inbox.folder)
    with inbox.lock() as ours, other.lock() as theirs:
        assert (ours, theirs) == (True, False)
    with other.lock() as theirs:
        assert theirs


def test_a_file_that_is_gone_is_not_seen(tmp_path: Path) -> None:
    assert WaitingImage.look(tmp_path / "none.jpg") is None


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file")
    with pytest.raises(SettingsError, match="infer_url="):
        Inbox(tmp_path / "inbox")


@pytest.mark.parametrize("name", ["caf\udce9.jpg", "a\nb.jpg", "ß" * 125 + ".jpg", "a" * 255])
def test_any_name_gets_an_answer_under_a_name_that_fits(inbox: Inbox, name: str) -> None:
    image = put(inbox, name)
    inbox.answer(image, answer_to(image))
    (sidecar,) = (inbox.folder / "done").glob("*.json")
    picture = sidecar.with_suffix("")
    assert picture.read_bytes() == b"x"
    assert Answer.model_validate_json(sidecar.read_bytes()).image == picture.name
    assert inbox.waiting() == []


def test_names_that_become_alike_stay_apart(inbox: Inbox) -> None:
    names = {put(inbox, name).name for name in ("a\nb.jpg", "a\tb.jpg", "a_b.jpg")}
    assert len(names) == 3


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_a_rejected_file_goes_beside_a_folder_of_its_name(inbox: Inbox, suffix: str) -> None:
    (inbox.folder / "rejected" / f"a.jpg{suffix}").mkdir()
    inbox.reject(put(inbox, "a.jpg"), "no image")
    assert (inbox.folder / "rejected" / "1-a.jpg").read_bytes() == b"x"
    assert (inbox.folder / "rejected" / "1-a.jpg.json").is_file()


def test_a_file_that_is_left_waits_again_when_it_has_changed(inbox: Inbox) -> None:
    inbox.leave(put(inbox, "a.jpg"))
    assert inbox.waiting() == []
    changed = put(inbox, "a.jpg", modified=2 * 10**9)
    assert inbox.waiting() == [changed]


def test_an_inbox_that_was_away_can_be_locked_again(inbox: Inbox) -> None:
    (inbox.folder / ".lock").unlink(missing_ok=True)
    with inbox.lock() as is_ours:
        assert is_ours
