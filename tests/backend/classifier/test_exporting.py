from pathlib import Path

from backend.classifier import Classifier
from backend.models.weights import read_weights


def test_a_model_can_be_exported_again(model: Classifier, saved: Path, tmp_path: Path) -> None:
    first, _ = read_weights(saved / "model.onnx")
    again, _ = read_weights(Path(model.save(tmp_path / "again.onnx")))
    assert again.keys() == first.keys() >= model.get_weights().keys()
    assert Path(model.save(tmp_path / "again.mindir")).stat().st_size > 0
