from pathlib import Path

import pytest

from backend.models import model_file
from backend.models.model_file import ModelCard
from demo.usecase.tables import blocks
from jobs.status import Outcome
from tests.demo.usecase.conftest import NOW, MakeRecord
from workers.data.answers import HardExample

CROISSANT, DOG = "croissant", "dog"


@pytest.mark.parametrize(
    ("block", "figure"),
    [
        ("measured", "Measured on 04 March 2026"),
        ("summary", "| initial model | 93.0 % (86 to 97) | 56.0 % (46 to 65) |"),
        ("summary", "| change | -4.0 (-9.0 to +1.0) | +28.0 (+23.0 to +33.0) |"),
        ("rounds", "| seed 0 | 1 | 216 | 4 | 50.0 % (15 to 85) → 75.0 % (30 to 95) |"),
        ("rounds", "| deployed: `accuracy_delta[0] = 0.25 > 0.02: deploy` | 25.6 | 0.7 | 0.3 |"),
        ("accuracy", "|  | after round 1 | 89.0 % (81 to 94) | 84.0 % (76 to 90) |"),
        ("forgetting", "| seed 0 | day | initial model | 93.0 % (86 to 97) | 89.0 %"),
        ("forgetting", "| 89.0 % (81 to 94) | -4.0 (-9.0 to +1.0) |"),
        (
            "forgetting",
            "|  | night | after round 1 | 84.0 % (76 to 90) | 84.0 % (76 to 90) | +0.0 |",
        ),
        ("classes", "| day | initial model | croissant | 94.0 % (84 to 98) |"),
    ],
)
def test_a_figure_of_the_records_is_in_its_table(
    make_record: MakeRecord, block: str, figure: str
) -> None:
    assert figure in blocks([make_record()], [])[block]()


def test_a_round_that_failed_has_no_accuracy(make_record: MakeRecord) -> None:
    failed = make_record(
        outcome=Outcome.FAILED, eval_samples=0, candidate_metrics={}, deployed_metrics={}
    )
    assert "| 1 | 216 | 0 |  | failed: " in blocks([failed], [])["rounds"]()


def test_a_model_that_was_not_deployed_did_not_serve(make_record: MakeRecord) -> None:
    record = make_record(outcome=Outcome.REJECTED)
    assert record.moments == ["initial model", "after round 1"]
    assert len(set(record.serving.values())) == 1
    assert record.updates == ["initial model"]
    assert "after round 1" not in blocks([record], [])["forgetting"]()


def test_what_was_learned_is_told_from_the_first_deployment_on(make_record: MakeRecord) -> None:
    record = make_record()
    assert record.updates == ["initial model", "after round 1"]
    assert "| night | after round 1 |" in blocks([record], [])["forgetting"]()


def test_each_model_answers_for_what_it_found(make_record: MakeRecord) -> None:
    record = make_record()
    model_file.write(record.serving["after round 1"], b"a network", ModelCard((CROISSANT, DOG), 96))
    folder = record.setting.hard_examples
    _keep(folder, "a", 0.6, DOG)
    _keep(folder, "b", 0.7, CROISSANT)
    _keep(folder, "c", 0.4, DOG, version="2f782beca6c4")
    _keep(folder, "unlabelled", 0.5, None)

    assert [each.image for each in record.labelled] == ["a.jpg", "c.jpg", "b.jpg"]
    table = blocks([record], [])["hard examples"]()
    assert "| initial model | 2 | 50.0 % (9 to 91) | 44.0 % (35 to 54) |" in table
    assert "| after round 1 | 1 | 100.0 % (21 to 100) | 16.0 % (10 to 24) |" in table


def _keep(
    folder: Path, name: str, dog: float, true_label: str | None, version: str = "0" * 12
) -> None:
    example = HardExample(
        image=f"{name}.jpg",
        time=NOW,
        label=DOG if dog > 0.5 else CROISSANT,
        probabilities={CROISSANT: 1 - dog, DOG: dog},
        miner="CrossEntropy",
        hard=True,
        model_version=version,
        true_label=true_label,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(example.to_json())
