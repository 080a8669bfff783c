from pathlib import Path
from threading import Event

from tests.workers.infer.test_hard_examples import example
from workers.data.answers import HardExample
from workers.infer.hard_examples import HardExampleStore
from workers.infer.recording import HardExampleRecorder


class SlowStore(HardExampleStore):
    """A store on a disk that hangs until it may go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, quota=10**6)
        self.may_write = Event()

    def save(self, name: str, picture: bytes, example: HardExample) -> Path | None:
        self.may_write.wait(10)
        if name == "full":
            raise OSError(28, "No space left on device")
        return super().save(name, picture, example)


def test_what_was_recorded_is_on_disk_after_close(tmp_path: Path) -> None:
    store = SlowStore(tmp_path)
    recorder = HardExampleRecorder(store)
    for number in range(3):
        recorder.record("a.png", bytes([number]), example())
    store.may_write.set()
    recorder.close()
    assert (store.count, recorder.dropped) == (3, 0)


def test_a_disk_that_does_not_keep_up_drops_instead_of_filling_the_memory(tmp_path: Path) -> None:
    store = SlowStore(tmp_path)
    recorder = HardExampleRecorder(store)
    for number in range(100):
        recorder.record("a.png", bytes([number]), example())
    store.may_write.set()
    recorder.close()
    assert store.count + recorder.dropped == 100
    assert 32 <= store.count <= 33


def test_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    store = SlowStore(tmp_path)
    store.may_write.set()
    recorder = HardExampleRecorder(store)
    recorder.record("full", b"1", example())
    recorder.record("a.png", b"2", example())
    recorder.close()
    assert (store.count, recorder.dropped) == (1, 1)
