"""Many rounds with the inference worker under load: nothing grows, and no request fails.

``ROUNDS`` says how many. Memory and open files of the runner and of the inference worker are
noted at the end of each round. The first rounds warm both up; then the median of the last
third is held against that of the third before it.
"""

import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
import pytest
from watchfiles import watch

from tests.faults import invariants
from tests.faults.jobs import SmallJob
from tests.faults.load import Load

ROUNDS = int(os.environ.get("ROUNDS", "30"))
GROWTH = 1.05
"""Of memory. Of open files, two more are allowed: a request in flight, a report under way."""
FILES = 2
MEBIBYTE = 1024**2


@dataclass
class Usage:
    """What a process used at the end of each round."""

    process: psutil.Process
    memory: list[float] = field(default_factory=list)
    """Resident, MiB."""
    files: list[int] = field(default_factory=list)

    def note(self) -> None:
        self.memory.append(self.process.memory_info().rss / MEBIBYTE)
        self.files.append(self.process.num_fds())

    def __str__(self) -> str:
        return f"{self.memory[-1]:.1f} MiB, {self.files[-1]} files"

    def check(self, name: str) -> None:
        third = len(self.memory) // 3
        for values, limit, unit in (
            (self.memory, median(self.memory[third:-third]) * GROWTH, "MiB"),
            (self.files, median(self.files[third:-third]) + FILES, "files"),
        ):
            last = median(values[-third:])
            assert last <= limit, (
                f"{name} grew to {last:.1f} {unit}, more than {limit:.1f}: {values}"
            )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def rounds_ended(job: SmallJob) -> int:
    status = job.status()
    return status.rounds_ended if status else 0


def wait_for_round(job: SmallJob, number: int, runner: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of a round."""
    for _ in watch(job.output / "iljob", rust_timeout=500, yield_on_timeout=True, recursive=False):
        if rounds_ended(job) >= number:
            return
        assert runner.poll() is None, f"iljob ended with {runner.returncode} in round {number}"


def inference_worker(job: SmallJob, runner: "subprocess.Popen[bytes]") -> psutil.Process:
    """Wait until the inference worker serves, and return its process."""
    logs = job.output / "iljob" / "logs"
    for _ in watch(job.root, rust_timeout=500, yield_on_timeout=True):
        assert runner.poll() is None, f"iljob ended with {runner.returncode}"
        if any("waiting for images" in log.read_text() for log in logs.glob("infer-*.log")):
            break
    return next(each for name, each in job.processes().items() if name.startswith("infer"))


@pytest.mark.soak
def test_nothing_grows_and_no_request_fails(tmp_path: Path, models: Path) -> None:
    port = free_port()
    job = SmallJob.make(tmp_path / "job", models, http_port=str(port))
    with (job.root / "runner.log").open("w") as log:
        runner = job.run("--rounds", ROUNDS, log=log)
    try:
        served = inference_worker(job, runner)
        usages = {"runner": Usage(psutil.Process(runner.pid)), "inference worker": Usage(served)}
        with Load(port, job.name) as load:
            for number in range(1, ROUNDS):
                job.append(number)
                wait_for_round(job, number, runner)
                for usage in usages.values():
                    usage.note()
                told = ", ".join(f"{name} {usage}" for name, usage in usages.items())
                print(f"round {number}: {told}, {load.answers.total()} answers")  # noqa: T201 - how far it is
        # The last round ends the runner, and the inference worker with it.
        job.append(ROUNDS)
        assert runner.wait() == 0
    finally:
        runner.terminate()
        runner.wait()
    assert not load.failures
    assert len(load.answers) >= ROUNDS - 2
    for name, usage in usages.items():
        usage.check(name)
    invariants.check_files(job)
