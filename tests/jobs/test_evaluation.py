import io
import json
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from backend.models import model_file
from backend.models.model_file import ModelCard
from jobs.cli import main
from jobs.evaluation import print_judgements
from tests.brightness_model import SIDE, write_model
from workers.judgement import Comparison, Judgement, Share


@pytest.fixture
def index(tmp_path: Path) -> Path:
    for name, value in {"night": 20, "day": 235}.items():
        (tmp_path / name).mkdir()
        Image.new("L", (40, 40), value).save(tmp_path / name / "0.png")
    index = tmp_path / "index.txt"
    index.write_text("night/0.png dark\nday/0.png bright\n")
    return index


def model(path: Path, sharpness: float) -> str:
    write_model(path, sharpness)
    model_file.write(path, path.read_bytes(), ModelCard(("dark", "bright"), SIDE))
    return str(path)


def test_models_are_judged_in_a_process_of_their_own(
    tmp_path: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [model(tmp_path / "old.onnx", -4.0), model(tmp_path / "new.onnx", 4.0)]

    assert main(["evaluate", *models, "--index", str(index), "--json"]) == 0

    old, new = map(json.loads, capsys.readouterr().out.splitlines())
    assert (old["total"]["right"], new["total"]["right"]) == (0, 2)
    assert new["against_first"]["gain"] == 1


def test_what_is_wrong_is_the_worker_s_own_sentence(
    tmp_path: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.onnx")

    assert main(["evaluate", missing, "--index", str(index)]) == 1

    assert capsys.readouterr().err == (
        f"iljob: {missing}: cannot read the model (No such file or directory): check its name and"
        " who may read it.\n"
    )


def test_the_table_has_a_column_for_each_model() -> None:
    half, most = Share(right=5, samples=10), Share(right=8, samples=10)
    first = Judgement(
        model="a/old.onnx", total=half, balanced_accuracy=0.5, worst_recall=0.4,
        classes={"dog": half}, folders={"night": half}, left_out=["line 3: no label"],
    )  # fmt: skip
    against = Comparison(better_probability=0.912, gain=0.3, gain_low=-0.02, gain_high=0.6)
    second = first.model_copy(
        update={"model": "b/new.onnx", "total": most, "against_first": against}
    )
    out = io.StringIO()

    print_judgements([first, second], Console(file=out, width=120))

    rows = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert rows[0] == "old.onnx new.onnx"
    assert "accuracy 50.0% 80.0%" in rows
    assert "better than the first — 91.2%" in rows
    assert "gain in accuracy, 95 % — +30.0 points (-2.0 to +60.0)" in rows
    assert "dog (10) 50.0% 50.0%" in rows
    assert rows[-1] == "1 left out, the first: line 3: no label"
