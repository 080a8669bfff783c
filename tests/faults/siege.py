"""Ends processes of a running job at random moments, and starts its runner again each time."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from watchfiles import watch

from jobs.standalone.supervisor import RESTARTS
from jobs.status import Stage
from tests.faults.jobs import SmallJob

RUNNER, EVERYTHING = "the runner", "runner and workers"
ENDS = {signal.SIGKILL: {-signal.SIGKILL}, signal.SIGTERM: {-signal.SIGTERM, 1}}
"""Exit statuses of a runner that was sent a signal before its job had ended."""
PATIENCE = 300.0
"""Seconds that a runner may live, and a step of the job may take."""


@dataclass
class Siege:
    """One job under fire; what was done to it is its history, which every failure shows.

    A kill, SIGKILL or SIGTERM, is aimed at one of the steps that are still to come, so that the
    short ones are hit as often as the long ones, and comes a random moment after it or after a
    file has changed.
    """

    job: SmallJob
    rng: random.Random
    rounds: int
    steps: int
    """How many conditions the job has when it has ended."""
    kills: int
    """How many are still to come."""
    history: list[str] = field(default_factory=list)
    asked: int = 0
    _killed: Counter[str] = field(default_factory=Counter)
    _due: set[int] = field(default_factory=set)
    """Exit statuses that the runner may have for what was done to it."""
    _appended: int = 0
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Run the job to its end, however often its processes are killed."""
        while (status := self._live()) in self._due:
            self._pause(self.rng.choice([0.0, 1.5]))
        assert status == 0, f"iljob ended with {status}: {self._log.read_text()}"

    def _live(self) -> int:
        """Let a runner live until it ends or is killed; return its exit status."""
        self._due = set()
        with self._log.open("a") as log:
            runner = self.job.run("--rounds", self.rounds, "--timeout", PATIENCE, log=log)
        while self.kills and self._reaches(self._next_target(), runner):
            self._wait_a_moment(runner)
            if runner.poll() is None:
                self._strike(runner)
        while runner.poll() is None:
            self._see_change(runner)
        return runner.returncode

    def _next_target(self) -> int:
        left = self.steps - self._step
        return self._step + int(self.rng.expovariate(self.kills / max(1, left)))

    def _reaches(self, step: int, runner: "subprocess.Popen[bytes]") -> bool:
        """Wait until the job has gone so far, and say whether its runner still lives."""
        while runner.poll() is None and self._step < min(step, self.steps - 2):
            self._see_change(runner)
        return runner.poll() is None

    def _see_change(self, runner: "subprocess.Popen[bytes]") -> None:
        """Wait for the job's next step at most for a moment, and give it something to do."""
        self._feed()
        with contextlib.suppress(subprocess.TimeoutExpired):
            runner.wait(0.05)

    def _wait_a_moment(self, runner: "subprocess.Popen[bytes]") -> None:
        seconds = 10 ** self.rng.uniform(-3, 0.7)
        if self.rng.random() < 1 / 2 and self.job.output.is_dir():
            next(watch(self.job.output, rust_timeout=5000, yield_on_timeout=True, step=1))
            seconds /= 100
        with contextlib.suppress(subprocess.TimeoutExpired):
            runner.wait(seconds)

    def _pause(self, seconds: float) -> None:
        """Let workers that have lost their runner be alone."""
        psutil.wait_procs([*self.job.processes().values()], seconds)

    def _feed(self) -> None:
        """Append the next increment once the last one is being trained on, and ask an image."""
        status = self.job.status()
        begun = len(status.rounds) if status else 0
        if begun == self._appended < self.rounds:
            self.job.append(self._appended)
            self._appended += 1
        if self.job.inbox.is_dir() and self.asked < len(self.history) + 1:
            self.job.ask(self.asked)
            self.asked += 1

    def _strike(self, runner: "subprocess.Popen[bytes]") -> None:
        workers = self.job.processes()
        # A worker that failed once more would fail its stage.
        targets = [name for name in workers if self._killed[name] < RESTARTS]
        victim = self.rng.choice([RUNNER, EVERYTHING, *targets, *targets])
        names = {RUNNER: [], EVERYTHING: [*workers]}.get(victim, [victim])
        pids = [workers[name].pid for name in names]
        if victim in {RUNNER, EVERYTHING}:
            pids.insert(self.rng.randint(0, len(pids)), runner.pid)
        number = self.rng.choice([*ENDS])
        self._note(f"{number.name} to {victim}")
        for pid in pids:
            is_group = pid != runner.pid and self.rng.random() < 1 / 2
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if is_group else os.kill)(pid, number)
        if victim in {RUNNER, EVERYTHING}:
            self._due = ENDS[number]
            runner.wait()
        self._killed.update(names)
        self.kills -= 1

    def _note(self, strike: str) -> None:
        status = self.job.status()
        condition = status.condition if status else None
        where = f"{condition.stage} {condition.type}" if condition else "before the first round"
        seconds = time.monotonic() - self._began
        self.history.append(f"{seconds:7.2f} s, {where}: {strike}")

    @property
    def _step(self) -> int:
        status = self.job.status()
        return len(status.conditions) if status else 0

    @property
    def _log(self) -> Path:
        return self.job.root / "runner.log"


def stages_of_a_round(*, hot_update: bool) -> list[str]:
    """Return the conditions that a round goes through, each once."""
    whole = ["Waiting", "Ready", "Starting", "Running", "Completed"]
    deploy = whole if hot_update else ["Waiting", "Ready", "Completed"]
    stages = {Stage.TRAIN: whole, Stage.EVAL: whole, Stage.DEPLOY: deploy}
    return [f"{stage} {type_}" for stage, types in stages.items() for type_ in types]
