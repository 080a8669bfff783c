"""Records of a job that did not run."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.pictures import Light
from demo.scenario import Scenario
from demo.setting import Setting
from demo.usecase.record import Record
from jobs.resources.loader import load_job
from jobs.status import JobStatus, Outcome, Round, Stage
from workers.judgement import Comparison, Judgement, Share

MakeRecord = Callable[..., Record]

NOW = datetime(2026, 3, 4, tzinfo=UTC)
RIGHT = {
    ("initial model", Light.DAY): 93,
    ("initial model", Light.NIGHT): 56,
    ("after round 1", Light.DAY): 89,
    ("after round 1", Light.NIGHT): 84,
}
"""Of 100 pictures."""


MOMENTS = ["initial model", "after round 1"]


def _judged(light: Light, moments: Sequence[str]) -> dict[str, Judgement]:
    """Return judgements of models that are right on the first of 100 pictures."""
    first = RIGHT[moments[0], light]
    return {
        moment: Judgement(
            model=moment,
            total=Share(right=right, samples=100),
            balanced_accuracy=right / 100,
            worst_recall=right // 2 / 50,
            classes={
                "croissant": Share(right=(right + 1) // 2, samples=50),
                "dog": Share(right=right // 2, samples=50),
            },
            folders={},
            left_out=[],
            against_first=Comparison(
                better_probability=0.5,
                gain=(right - first) / 100,
                gain_low=(right - first - 5) / 100,
                gain_high=(right - first + 5) / 100,
            )
            if moment != moments[0]
            else None,
        )
        for moment in moments
        for right in [RIGHT[moment, light]]
    }


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
        vars(record)["judged"] = {
            (light, first): _judged(light, moments)
            for light in Light
            for first, moments in {MOMENTS[0]: MOMENTS, MOMENTS[1]: MOMENTS[1:]}.items()
        }
        return record

    return make
