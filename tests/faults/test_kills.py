"""SIGKILL and SIGTERM at random moments: every job ends as if nothing had happened.

``KILLS`` and ``SEED`` say how many and which; a failure shows both, and what was killed when.
"""

import os
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.jobs import SmallJob, seeded
from tests.faults.siege import Siege, stages_of_a_round

ROUNDS = 2
SEED = int(os.environ.get("SEED", "0"))
KILLS = int(os.environ.get("KILLS", "200"))
KILLS_OF_A_JOB = 10


def besiege(root: Path, models: Path, seed: int, kills: int) -> int:
    """Kill processes of one job, up to so many; return how many it were."""
    rng = seeded(seed)
    hot_update = rng.random() < 3 / 4
    job = SmallJob.make(root, models, hot_update=hot_update)
    steps = ROUNDS * len(stages_of_a_round(hot_update=hot_update))
    siege = Siege(job, rng, ROUNDS, steps, kills)
    try:
        siege.run()
        invariants.check(job, ROUNDS, hot_update=hot_update)
        invariants.check_answers(job, siege.asked)
    except BaseException as error:
        error.add_note("\n".join([f"SEED={seed}, killed in {root}:", *siege.history]))
        raise
    finally:
        for process in job.processes().values():
            process.kill()
    return len(siege.history)


@pytest.mark.e2e
def test_a_job_survives_ten_kills(tmp_path: Path, models: Path) -> None:
    assert besiege(tmp_path / "job", models, SEED, KILLS_OF_A_JOB)


@pytest.mark.faults
def test_every_job_survives_its_kills(tmp_path: Path, models: Path) -> None:
    killed, jobs = 0, 0
    while killed < KILLS:
        kills = min(KILLS_OF_A_JOB, KILLS - killed)
        killed += besiege(tmp_path / str(jobs), models, SEED + jobs, kills)
        jobs += 1
        print(f"{killed} kills, {jobs} jobs")  # noqa: T201 - how far it is
