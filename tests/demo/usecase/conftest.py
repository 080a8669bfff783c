"""Records of a job that did not run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from demo.pictures import Light
from demo.scenario import Scenario
from demo.setting import Setting
from demo.usecase.record import Record
from jobs.resources.loader import load_job
from jobs.status import JobStatus, Outcome, Round, Stage

MakeRecord = Callable[..., Record]

NOW = datetime(2026, 3, 4, tzinfo=UTC)
RIGHT = {
    ("initial model", Light.DAY): 93,
    ("initial model", Light.NIGHT): 56,
    ("after round 1", Light.DAY): 89,
    ("after round 1", Light.NIGHT): 84,
}
"""Of 100 pictures."""


@pytest.fixture
def make_record(tmp_path: Path) -> MakeRecord:
    """Return a function that makes a record of one round with these changes."""

    def make(**changes: object) -> Record:
        round_ = Round(
            number=1,
            started=NOW,
            outcome=Outcome.DEPLOYED,
            reason="accuracy_delta[0] = 0.25 > 0.02: deploy",
            train_samples=216,
            eval_samples=4,
            seconds={Stage.TRAIN: 25.6, Stage.EVAL: 0.7, Stage.DEPLOY: 0.3},
            model_urls=["/output/train/1/model.ckpt", "/output/train/1/model.onnx"],
            candidate_metrics={"accuracy": [0.75], "samples": [4.0]},
            deployed_metrics={"accuracy": [0.5], "samples": [4.0]},
        ).model_copy(update=changes)
        status = JobStatus(
            name="dogs", namespace="farm", runner="standalone", started=NOW, rounds=[round_]
        )
        resources = load_job([Path(__file__).parents[3] / "manifests"])
        record = Record("seed 0", Scenario(), status, Setting.of(resources, tmp_path))
        truth = np.array([0, 1] * 50)
        vars(record)["truth"] = dict.fromkeys(Light, truth)
        vars(record)["answers"] = {
            key: np.where(np.arange(100) < right, truth, 1 - truth) for key, right in RIGHT.items()
        }
        return record

    return make
