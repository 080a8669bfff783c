"""Where there is no room, the old file stays, one sentence says so, and later work goes on."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import WriteError
from backend.files import write_atomically
from backend.models import model_file
from backend.models.model_file import ModelCard
from jobs.report import write_report
from jobs.standalone.conditions import StageModel
from jobs.standalone.deployment import copy_model
from jobs.standalone.index import write_samples
from jobs.standalone.state import JobState, StateFile
from jobs.status import JobStatus, Outcome
from tests.faults.disks import Disk, NoLargerFiles, SmallDisk
from tests.jobs.conftest import WHOLE_ROUND, Job
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.answers import HardExample
from workers.data.index_file import Sample
from workers.data.round_folder import KeptReport, RoundFolder
from workers.infer.hard_examples import HardExampleStore
from workers.learning.replay import record_samples
from workers.sedna.outbox import Outbox
from workers.storage import Mirror

Write = Callable[[Path, str], None]
"""Writes a file whose content a word decides."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write_model(path: Path, word: str) -> None:
    model_file.write(path, word.encode() * 1000, ModelCard(("cat", "dog"), 32))


def write_index(path: Path, word: str) -> None:
    write_samples(path, [f"{word}.jpg dog"])


def write_trained(path: Path, word: str) -> None:
    missed = [Sample(f"{word}.jpg", 1)]
    record_samples(RoundFolder(path.parent, Mirror({})), Path("/dev/null"), missed, ("cat", "dog"))


def write_state(path: Path, word: str) -> None:
    status = JobStatus(name=word, namespace="farm", runner="standalone", started=NOW)
    StateFile(path, JobState(status=status, base=StageModel())).save()


def write_page(path: Path, word: str) -> None:
    status = JobStatus(name=word, namespace="farm", runner="standalone", started=NOW)
    write_report(status, path)


def copy(path: Path, word: str) -> None:
    """Copy from a disk with room, as a deployment may do."""
    source = path.parent.parent / "source"
    if not source.exists():
        source.write_text("old")
        source.with_name("new").write_text("new")
    copy_model(source if word == "old" else source.with_name("new"), path)


PLACES: dict[str, tuple[str, Write]] = {
    "checkpoint": ("model.ckpt", write_model),
    "onnx": ("model.onnx", write_model),
    "index": ("data.txt", write_index),
    "samples": ("samples.txt", write_trained),
    "state": ("state.json", write_state),
    "report": ("report.html", write_page),
    "hot update": ("served.onnx", copy),
}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk.mounted(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(params=["small disk", "no larger files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A folder that can be full: by a small disk, or by a limit where mounting is not allowed."""
    if request.param == "small disk":
        with SmallDisk.mounted(tmp_path / "disk") as small:
            yield small
    else:
        with NoLargerFiles.limited(tmp_path / "disk") as limited:
            yield limited


@pytest.mark.parametrize("place", PLACES)
def test_the_old_file_stays_until_there_is_room(disk: Disk, place: str) -> None:
    name, write = PLACES[place]
    path = disk.folder / name
    write(path, "old")
    old = path.read_bytes()
    disk.fill()
    with pytest.raises(WriteError, match="free disk space") as caught:
        write(path, "new")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == old
    disk.clear()
    assert [each.name for each in disk.folder.iterdir()] == [name]
    write(path, "new")
    assert path.read_bytes() != old


def test_a_read_only_disk_is_told_and_nothing_is_lost(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "file"
    write_atomically(path, b"old")
    small_disk.protect()
    with pytest.raises(WriteError, match="Read-only file system"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    small_disk.release()
    write_atomically(path, b"new")


def test_a_hard_example_is_kept_once_there_is_room(disk: Disk) -> None:
    store = HardExampleStore(disk.folder, quota=10**6)
    example = HardExample(
        image="a.png", time=NOW, label="dog", probabilities={"dog": 1.0}, miner="m", hard=True,
        model_version="1",
    )  # fmt: skip
    disk.fill()
    with pytest.raises(WriteError):
        store.save("a.png", b"picture", example)
    assert store.count == 0
    disk.clear()
    assert store.save("a.png", b"picture", example)
    assert HardExampleStore(disk.folder, quota=10**6).count == 1


def test_a_report_that_cannot_be_kept_leaves_the_one_before(disk: Disk) -> None:
    outbox = Outbox("w", [disk.folder / "report.json"], Mirror({}))
    message = WorkerMessage(
        name="w", namespace="farm", ownerName="dogs", kind=WorkerKind.TRAIN,
        status=WorkerStatus.COMPLETED,
    )  # fmt: skip
    assert outbox.claim()
    disk.fill()
    assert not outbox.keep(KeptReport(worker="w", message=message))
    assert outbox.read() == KeptReport(worker="w")
    disk.clear()
    assert outbox.keep(KeptReport(worker="w", message=message))


async def _unless_full(run: Awaitable[JobStatus]) -> JobStatus | None:
    try:
        return await run
    except WriteError:
        return None


async def test_a_job_whose_disk_fills_at_any_step_stops_there_and_goes_on_when_there_is_room(
    small_disk: SmallDisk,
) -> None:
    job = Job(small_disk.folder)
    lines = job.append(10)
    filled = set[int]()

    def fill(status: JobStatus) -> None:
        step = len(status.conditions)
        if step < len(WHOLE_ROUND) and step not in filled:
            filled.add(step)
            small_disk.fill()

    async def run() -> JobStatus:
        return await job.runner().run(rounds=1, timeout=60, on_status=fill)

    stopped = 0
    while (status := await _unless_full(run())) is None:
        stopped += 1
        assert not job.processes()
        small_disk.clear()
    assert stopped == len(filled) >= 3
    assert [f"{each.stage} {each.type}" for each in status.conditions[:-1]] == WHOLE_ROUND
    assert [round_.outcome for round_ in status.rounds] == [Outcome.DEPLOYED]
    assert job.lines("out/data/train/1/data.txt") == lines[:8]
