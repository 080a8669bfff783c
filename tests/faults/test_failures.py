"""Rounds that fail in every way, one after the other: no sample that was handed out is lost.

``FAILURES`` and ``SEED`` say how many and which; a failure of the test shows what was done.
"""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from PIL import Image

from tests.e2e.conftest import BARE_ENVIRONMENT
from tests.faults.jobs import CLASSES, COLOURS, INPUT_SIZE, seeded
from tests.local_controller import serve_local_controller

SEED = int(os.environ.get("SEED", "0"))
FAILURES = int(os.environ.get("FAILURES", "200"))
FAILURES_OF_A_SLICE = 12
MOST_IN_A_ROW = 8
SAMPLES = 6
"""New ones of each round."""
KINDS = ("bad label", "wrong setting", "unreadable line", "missing image", "no model", "kill")
TRAINED = re.compile(r"training on (\d+) new, (\d+) missed and (\d+) older samples")


class Ended(NamedTuple):
    status: int
    log: str


class Zygote:
    """Forks train workers."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests, self._answers = requests, answers

    @classmethod
    @contextmanager
    def born(cls) -> Iterator["Zygote"]:
        command = [sys.executable, "-m", "tests.faults.zygote"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            yield cls(process.stdin, process.stdout)
            process.stdin.close()

    def train(self, environment: dict[str, str], log: Path, kill_after: float | None) -> Ended:
        request = {"environment": environment, "log": str(log), "kill_after": kill_after}
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        return Ended(int(self._answers.readline()), log.read_text())


class Course:
    """A job's rounds, as the LocalController hands them out."""

    def __init__(self, folder: Path, models: Path, rng: random.Random, server: str) -> None:
        self._folder, self._models, self._rng, self._server = folder, models, rng, server
        self._index = folder / "dataset" / "index.txt"
        self._index.parent.mkdir(parents=True)
        self._number = 0
        self._corrections: list[str] = []
        self._absent: dict[Path, str] = {}
        self.handed_out: set[str] = set()
        """The samples' paths."""
        self.history: list[str] = []

    def fail(self, zygote: Zygote) -> bool:
        """Let a round fail in one way or several; return whether it did: a kill may come late."""
        kinds = self._rng.sample(KINDS, self._rng.choice([1, 1, 1, 2, 3]))
        lines, variables = self._new_lines(kinds), {}
        if "wrong setting" in kinds:
            variables["epochs"] = self._rng.choice(["many", "-1", "1e9"])
        if "no model" in kinds:
            variables["BASE_MODEL_URL"] = str(self._folder / "none.ckpt")
        kill_after = 10 ** self._rng.uniform(-3, 1) if "kill" in kinds else None
        ended = self._round(zygote, lines, variables, kill_after)
        self.history.append(f"round {self._number}: {', '.join(kinds)}: {ended.status}")
        return ended.status != 0

    def succeed(self, zygote: Zygote) -> None:
        """Correct everything, and let a round train: on all that was ever handed out."""
        self._append([line.encode() for line in self._corrections])
        for path, label in self._absent.items():
            _draw(path, label)
        self._corrections, self._absent = [], {}
        ended = self._round(zygote, self._new_lines([]), {}, None)
        self.history.append(f"round {self._number}: {ended.status}")
        assert ended.status == 0, ended.log
        told = TRAINED.search(ended.log)
        assert told, ended.log
        assert sum(map(int, told.groups())) == len(self.handed_out), ended.log
        assert "left out" not in ended.log

    def _new_lines(self, kinds: list[str]) -> list[bytes]:
        lines = []
        for place in range(SAMPLES):
            label = CLASSES[place % 2]
            path = self._index.parent / f"{self._number}-{place}.png"
            self.handed_out.add(path.name)
            if "missing image" in kinds and place < SAMPLES // 2:
                self._absent[path] = label
            else:
                _draw(path, label)
            if "bad label" in kinds and place >= SAMPLES // 2:
                self._corrections.append(f"{path.name} {label}")
                label = "wolf"
            lines.append(f"{path.name} {label}".encode())
        if "unreadable line" in kinds:
            lines += [b"\xff\xfe no text", b"\\\\server\\picture.png red"]
        return lines

    def _append(self, lines: list[bytes]) -> None:
        with self._index.open("ab") as index:
            index.writelines(line + b"\n" for line in lines)

    def _round(
        self,
        zygote: Zygote,
        lines: list[bytes],
        variables: dict[str, str],
        kill_after: float | None,
    ) -> Ended:
        self._number += 1
        self._append(lines)
        given = self._folder / "out" / "data" / "train" / str(self._number) / "data.txt"
        given.parent.mkdir(parents=True)
        given.write_bytes(b"".join(line + b"\n" for line in lines))
        environment = {
            **BARE_ENVIRONMENT,
            "NAMESPACE": "default",
            "JOB_NAME": "colours",
            "WORKER_NAME": f"train-worker-{self._number}",
            "LC_SERVER": self._server,
            "BASE_MODEL_URL": str(self._models / "first" / "net.ckpt"),
            "MODEL_URL": str(self._folder / "out" / "train" / str(self._number)),
            "TRAIN_DATASET_URL": str(given),
            "ORIGINAL_DATASET_URL": str(self._index),
            "class_names": ",".join(CLASSES),
            "input_shape": str(INPUT_SIZE),
            "epochs": "1",
            "batch_size": "64",
            "unreadable_share": "0",
            "fine_tune": "head",
            **variables,
        }
        log = self._folder / f"{self._number}.log"
        return zygote.train(environment, log, kill_after)


def _draw(path: Path, label: str) -> None:
    Image.new("RGB", (8, 8), COLOURS[label]).save(path)


def run(folder: Path, models: Path, seed: int, failures: int) -> Counter[str]:
    """Let so many rounds fail, with one that trains after every few; count what failed."""
    rng = seeded(seed)
    with serve_local_controller() as controller, Zygote.born() as zygote:
        course = Course(folder, models, rng, controller.url)
        failed = 0
        try:
            while failed < failures:
                for _ in range(min(rng.randint(1, MOST_IN_A_ROW), failures - failed)):
                    failed += course.fail(zygote)
                course.succeed(zygote)
                print(f"{failed} failures, {len(course.history)} rounds")  # noqa: T201 - how far
        except BaseException as error:
            error.add_note("\n".join([f"SEED={seed}, in {folder}:", *course.history]))
            raise
    return Counter(kind for each in course.history for kind in KINDS if kind in each)


@pytest.mark.e2e
def test_no_sample_of_a_dozen_failed_rounds_is_lost(tmp_path: Path, models: Path) -> None:
    assert run(tmp_path, models, SEED, FAILURES_OF_A_SLICE)


@pytest.mark.faults
def test_no_sample_is_lost_however_rounds_fail(tmp_path: Path, models: Path) -> None:
    counted = run(tmp_path, models, SEED, FAILURES)
    print(f"{FAILURES} failures: {dict(counted)}")  # noqa: T201 - what they were
