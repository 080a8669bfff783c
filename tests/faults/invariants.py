"""What is true of every job that has ended, whatever was done to it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from backend.models import model_file
from jobs.status import Outcome, Stage
from tests.faults.jobs import EVAL_SHARE, INCREMENT, TRAIN_SHARE, SmallJob
from tests.faults.siege import stages_of_a_round

SCRATCH_BYTES = 50e6
"""A worker that was killed leaves at most what it was exporting."""

DONE, REJECTED = "done", "rejected"


def check(job: SmallJob, rounds: int, *, hot_update: bool) -> None:
    """Hold a job that was to deploy in each of ``rounds`` rounds to all of it."""
    check_rounds(job, rounds, hot_update=hot_update)
    check_samples(job, rounds)
    check_files(job)
    check_deployed(job, rounds, hot_update=hot_update)
    assert not job.processes(), "a worker is left"


def check_rounds(job: SmallJob, rounds: int, *, hot_update: bool) -> None:
    """Every stage of every round was done once, by one worker."""
    status = job.status()
    assert status
    assert [r.outcome for r in status.rounds] == [Outcome.DEPLOYED] * rounds, status.rounds
    conditions = [f"{each.stage} {each.type}" for each in status.conditions]
    once = stages_of_a_round(hot_update=hot_update)
    assert conditions == [*once * rounds, f"{Stage.TRAIN} Waiting"]
    workers = Counter(worker.kind for worker in status.workers)
    assert (workers["train"], workers["eval"]) == (rounds, rounds)
    assert workers["infer"] == (1 if hot_update else 1 + rounds)


def check_samples(job: SmallJob, rounds: int) -> None:
    """Every sample of the train share was new in one round; no other was ever trained on."""
    index = job.index.read_text().splitlines()
    increments = [index[start : start + INCREMENT] for start in range(0, len(index), INCREMENT)]
    for number in range(1, rounds + 1):
        new = increments[number - 1][:TRAIN_SHARE]
        assert lines(job.output / f"data/train/{number}/data.txt") == new
        assert Counter(lines(job.output / f"train/{number}/samples.txt")) == Counter(new)
        judged = lines(job.output / f"data/eval/{number}/data.txt")
        shares = [line for each in increments for line in each[TRAIN_SHARE:]]
        # The share of the next increment is judged on too where it has come by then.
        assert judged == shares[: max(len(judged), number * EVAL_SHARE)]


def check_files(job: SmallJob) -> None:
    """Every model verifies by its card, every JSON file can be read, and nothing is left over."""
    for path in files(job.root):
        if path.suffix in {".ckpt", ".onnx"}:
            assert model_file.read(path).card, path
        if path.suffix == ".json":
            json.loads(path.read_bytes())
    assert not [path for path in files(job.root) if "-partial-" in path.name]
    scratch = sum(path.stat().st_size for path in files(job.output / "iljob" / "tmp"))
    assert scratch < SCRATCH_BYTES


def check_deployed(job: SmallJob, rounds: int, *, hot_update: bool) -> None:
    """What is served is the last round's model."""
    last = (job.output / f"train/{rounds}/model.onnx").read_bytes()
    assert (job.node / "served/net.onnx").read_bytes() == last
    copies = [p for p in files(job.root / "var") if p.suffix == ".onnx"]
    assert [copy.read_bytes() for copy in copies] == [last] * hot_update


def check_answers(job: SmallJob, asked: int) -> None:
    """Every image is answered, or still waits; none is both, and none is rejected."""
    pictures = [path for path in files(job.inbox) if path.suffix == ".png"]
    assert len(pictures) == len({path.name for path in pictures}) == asked
    for path in pictures:
        assert path.parent.name != REJECTED
        if path.parent.name == DONE:
            assert json.loads(Path(f"{path}.json").read_bytes())["image"] == path.name


def lines(file: Path) -> list[str]:
    """Return the lines of a file."""
    return file.read_text().splitlines()


def files(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and below."""
    return (path for path in folder.rglob("*") if path.is_file())
