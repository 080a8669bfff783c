from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import DatasetError, ModelFileError, SettingsError
from backend.models import model_file
from backend.models.model_file import ModelCard
from tests.brightness_model import SIDE
from workers.compare.__main__ import main
from workers.compare.comparison import compare

ENVIRONMENT = {"class_names": "dark,bright", "input_shape": str(SIDE)}


@pytest.fixture
def index(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    """Three dark pictures and two bright ones, in the folders day and night and in none."""
    lines = ["day/0.png dark", "day/1.png bright", "night/2.png dark", "night/3.png dark"]
    for line in [*lines, "4.png bright"]:
        path, kind = line.split()
        make_image(tmp_path / "dataset" / path, kind)
    index = tmp_path / "dataset" / "index.txt"
    index.write_text("\n".join([*lines, "4.png bright"]) + "\n")
    return index


@pytest.fixture
def models(tmp_path: Path, make_model: Callable[..., Path]) -> tuple[Path, Path]:
    """One that is always right, and one that is always wrong."""
    return make_model(tmp_path / "right.onnx"), make_model(tmp_path / "wrong.onnx", sharpness=-4.0)


def with_card(model: Path, *class_names: str) -> Path:
    model_file.write(model, model.read_bytes(), ModelCard(class_names, SIDE))
    return model


def test_figures_are_told_by_class_and_by_first_folder(
    index: Path, models: tuple[Path, Path]
) -> None:
    right, _ = models

    [judgement] = compare([right], index, ENVIRONMENT)

    assert (judgement.total.value, judgement.balanced_accuracy, judgement.worst_recall) == (1, 1, 1)
    assert {name: each.samples for name, each in judgement.classes.items()} == {
        "bright": 2,
        "dark": 3,
    }
    assert {name: each.samples for name, each in judgement.folders.items()} == {
        ".": 1,
        "day": 2,
        "night": 2,
    }
    assert judgement.against_first is None


def test_other_models_are_compared_with_the_first(index: Path, models: tuple[Path, Path]) -> None:
    _, (against) = compare(models, index, ENVIRONMENT)

    assert against.total.value == 0
    assert against.against_first
    assert against.against_first.gain == -1
    assert against.against_first.gain_low == pytest.approx(-1)
    assert -1 < against.against_first.gain_high < 0
    assert against.against_first.better_probability < 0.05


def test_each_model_keeps_the_order_of_its_own_classes(
    index: Path, models: tuple[Path, Path]
) -> None:
    right, exchanged = models
    with_card(right, "dark", "bright")
    with_card(exchanged, "bright", "dark")

    first, second = compare(models, index, {})

    assert (first.total.value, second.total.value) == (1, 1)


def test_what_cannot_be_used_is_left_out_with_its_reason(
    index: Path, models: tuple[Path, Path]
) -> None:
    index.write_text(index.read_text() + "5.png cat\nnone.png dark\nindex.txt dark\n")

    [judgement] = compare(models[:1], index, ENVIRONMENT)

    assert judgement.total.samples == 5
    bad, missing, text = judgement.left_out
    assert "line 6" in bad
    assert "none.png" in missing
    assert "index.txt" in text


@pytest.mark.parametrize("content", ["", "none.png dark\n"])
def test_an_index_without_a_usable_sample_is_an_error(
    index: Path, models: tuple[Path, Path], content: str
) -> None:
    index.write_text(content)

    with pytest.raises(DatasetError, match="no sample that can be used"):
        compare(models, index, ENVIRONMENT)


def test_models_of_other_classes_are_not_compared(index: Path, models: tuple[Path, Path]) -> None:
    right, other = models
    with_card(right, "dark", "bright")
    with_card(other, "cat", "dog")

    with pytest.raises(SettingsError, match=r"other\.onnx|wrong\.onnx tells apart cat, dog"):
        compare(models, index, {})


def test_a_model_without_a_card_needs_the_settings(index: Path, models: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match=r"right\.onnx does not say .*class_names is not set"):
        compare(models, index, {})


def test_a_model_that_cannot_be_read_is_one_sentence(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")

    status = main([str(tmp_path / "broken.onnx"), "--index", str(index)])

    assert status in {SettingsError.exit_status, ModelFileError.exit_status}
    assert capsys.readouterr().err.count("\n") == 1
