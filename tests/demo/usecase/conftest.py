"""Results of a small study, as a run would write them."""

from datetime import UTC, datetime

import pytest

from demo.usecase.results import (
    INITIAL,
    Cost,
    Framework,
    HardExampleFound,
    Machine,
    Manifests,
    MinedByModel,
    ModelAnswers,
    PhotographRun,
    Results,
    RoundDone,
    StoryRun,
)
from jobs.status import Outcome, Stage

DAY, NIGHT, ROUND = "01" * 50, "10" * 50, "0011"


def answers(right_by_day: int, right_by_night: int, right_in_round: int) -> dict[str, str]:
    """Answer the first so many of each set correctly and the rest wrongly."""
    return {
        name: truth[:right] + truth[right:].translate({48: 49, 49: 48})
        for name, truth, right in (
            ("day", DAY, right_by_day),
            ("night", NIGHT, right_by_night),
            ("round 1", ROUND, right_in_round),
        )
    }


def story(backend: str, seed: int = 0, *, deployed: bool = True, digest: str = "b") -> StoryRun:
    """Return a run of one round."""
    return StoryRun(
        backend=backend,
        seed=seed,
        replay=120,
        seconds=119.6,
        stream=300,
        truth={"day": DAY, "night": NIGHT, "round 1": ROUND},
        models=[
            ModelAnswers(
                name=INITIAL, digest="a" * 64, was_deployed=True, answers=answers(93, 56, 2)
            ),
            ModelAnswers(
                name="round 1",
                digest=digest * 64,
                was_deployed=deployed,
                answers=answers(89, 84, 3),
            ),
        ],
        rounds=[round_done(deployed=deployed)],
        mined=[MinedByModel(model=INITIAL, labelled=150, wrong=63)],
        costs=[
            Cost(what="train", round=1, seconds=31.4, cpu_seconds=55.5, peak_megabytes=1234.5),
        ],
    )


def round_done(*, deployed: bool = True) -> RoundDone:
    """Return a round that was judged on four pictures."""
    return RoundDone(
        number=1,
        outcome=Outcome.DEPLOYED if deployed else Outcome.REJECTED,
        reason="accuracy_delta[0] = 0.25 > 0.02: deploy",
        new={"day": 96, "night": 120},
        replayed=0,
        candidate={"accuracy": [0.75], "samples": [4.0], "forgetting": [0.125]},
        deployed={"accuracy": [0.5], "samples": [4.0]},
        seconds={Stage.TRAIN: 25.6, Stage.EVAL: 0.7, Stage.DEPLOY: 0.3},
    )


@pytest.fixture
def results() -> Results:
    """Return the study, to be changed as a test likes."""
    return study()


def study() -> Results:
    """Two frameworks with the same weights, another seed, and one round on photographs."""
    return Results(
        when=datetime(2026, 3, 4, tzinfo=UTC),
        machine=Machine(
            processor="A processor",
            cores=2,
            memory_gigabytes=24.0,
            versions={"mindspore": "2.10.0", "tinyms": "0.3.2"},
        ),
        class_names=["croissant", "dog"],
        input_size=96,
        initial_training=320,
        initial_epochs=8,
        dataset=120,
        labels_per_round=150,
        manifests=Manifests(
            train_prob=0.8,
            train_trigger="num_of_samples >= 100",
            deploy_trigger="accuracy_delta[0] > 0.02",
            miner="CrossEntropy(threshold_cross_entropy=0.5)",
            training={
                "epochs": "5",
                "batch_size": "16",
                "learning_rate": "0.001",
                "fine_tune": "full",
                "replay": "120",
            },
        ),
        stories=[story("TINYMS"), story("MINDSPORE"), story("TINYMS", seed=1, digest="c")],
        hard_examples=[
            HardExampleFound(
                picture="night-7.jpg", label="dog", true_label="croissant", probability=0.52
            )
        ],
        frameworks=[
            Framework(
                backend=backend,
                start_seconds=[seconds, 9.9],
                start_megabytes=440.0,
                code_lines={"backend/net.py": 26},
            )
            for backend, seconds in (("MINDSPORE", 3.5), ("TINYMS", 5.1))
        ],
        photographs=[
            PhotographRun(
                backend="TINYMS",
                fine_tune="head",
                epochs=10,
                digest="d" * 64,
                round=round_done(),
                costs=[
                    Cost(what="train", round=1, seconds=9.0, cpu_seconds=12.0, peak_megabytes=987.0)
                ],
            )
        ],
    )
