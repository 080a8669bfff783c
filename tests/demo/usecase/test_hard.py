import hashlib
from datetime import UTC, datetime
from pathlib import Path

from backend.models import model_file
from backend.models.model_file import ModelCard
from demo.usecase.hard import labelled_by_model, show_hard_examples
from workers.data.answers import HardExample

CROISSANT, DOG = "croissant", "dog"


def _keep(
    folder: Path, name: str, dog: float, true_label: str | None, version: str = "0" * 12
) -> None:
    example = HardExample(
        image=f"{name}.jpg",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        label=DOG if dog > 0.5 else CROISSANT,
        probabilities={CROISSANT: 1 - dog, DOG: dog},
        miner="CrossEntropy",
        hard=True,
        model_version=version,
        true_label=true_label,
    )
    (folder / f"{name}.jpg").write_bytes(name.encode())
    (folder / f"{name}.json").write_bytes(example.to_json())


def test_each_model_answers_for_what_it_found(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model_file.write(model, b"a network", ModelCard((CROISSANT, DOG), 96))
    version = hashlib.sha256(b"a network").hexdigest()[:12]
    _keep(tmp_path, "a", 0.6, DOG)
    _keep(tmp_path, "b", 0.7, CROISSANT)
    _keep(tmp_path, "c", 0.4, DOG, version)
    _keep(tmp_path, "unlabelled", 0.5, None)
    found = labelled_by_model(tmp_path, {"round 1": model})
    assert [(each.model, each.labelled, each.wrong) for each in found] == [
        ("initial model", 2, 1),
        ("round 1", 1, 1),
    ]


def test_the_least_sure_come_first_and_then_the_surest_mistakes(tmp_path: Path) -> None:
    folder, shown = tmp_path / "hard", tmp_path / "shown"
    folder.mkdir()
    for number in range(20):
        truth = CROISSANT if number % 2 else DOG
        _keep(folder, f"{number:02d}", 0.51 + number / 50, truth)
    examples = show_hard_examples(folder, shown)
    names = [each.picture.removesuffix(".jpg") for each in examples]
    assert names[:6] == ["00", "01", "02", "03", "04", "05"]
    assert names[6:] == ["19", "17", "15", "13", "11", "09"]
    assert {path.name for path in shown.iterdir()} == {each.picture for each in examples}
    assert all(each.label == DOG != each.true_label for each in examples[6:])
