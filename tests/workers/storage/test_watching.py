from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread

from workers.storage.watching import changes

NEVER = 3600.0


def follow(folder: Path, period: float, stop: Event) -> tuple[Queue[bool], Thread]:
    seen = Queue[bool]()

    def run() -> None:
        for _ in changes(folder, period, stop):
            seen.put(True)

    thread = Thread(target=run)
    thread.start()
    return seen, thread


def test_the_first_look_is_now_and_stop_ends_the_wait(tmp_path: Path) -> None:
    stop = Event()
    seen, thread = follow(tmp_path, NEVER, stop)
    assert seen.get(timeout=10)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


def is_seen_after_touching(file: Path, seen: Queue[bool]) -> bool:
    file.touch()
    try:
        return seen.get(timeout=0.02)
    except Empty:  # the watch begins at some moment after the first look
        return False


def test_changes_are_seen_without_a_period(tmp_path: Path) -> None:
    stop = Event()
    seen, thread = follow(tmp_path, NEVER, stop)
    seen.get(timeout=10)
    assert any(is_seen_after_touching(tmp_path / f"{number}.jpg", seen) for number in range(500))
    stop.set()
    thread.join(timeout=10)


def test_a_missing_folder_is_looked_at_every_period(tmp_path: Path) -> None:
    stop = Event()
    seen, thread = follow(tmp_path / "none", 0.01, stop)
    assert [seen.get(timeout=10) for _ in range(3)] == [True] * 3
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_quiet_folder_is_looked_at_every_period(tmp_path: Path) -> None:
    stop = Event()
    seen, thread = follow(tmp_path, 0.01, stop)
    assert [seen.get(timeout=10) for _ in range(3)] == [True] * 3
    stop.set()
    thread.join(timeout=10)


def test_nothing_is_looked_at_after_stop(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    assert list(changes(tmp_path, NEVER, stop)) == []
