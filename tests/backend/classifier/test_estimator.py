import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from backend.classifier import Classifier, MindSporeClassifier, Prediction
from backend.classifier.metrics import classification_metrics
from backend.errors import DatasetError, ImageError, ModelFileError, SettingsError
from backend.images.preprocessing import LabelledImages
from backend.models.model_file import ModelCard
from backend.models.weights import Weights, write_weights
from tests.backend.classifier.conftest import CLASSES, FORMAT, SIZE, decided_weights, new_estimator
from tests.backend.conftest import encoded, random_images

SERVES_WITHOUT_A_FRAMEWORK = """
import sys
from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages

estimator = TinyMSClassifier(["croissant", "dog"], 32)
estimator.load(sys.argv[1])
(answer,) = estimator.predict([sys.argv[2]])
print(answer.probabilities.tolist())
estimator.evaluate(LabelledImages([sys.argv[2]] * 3, [0, 1, 0]))
sys.exit(", ".join({"mindspore", "tinyms", "onnx"} & sys.modules.keys()) or 0)
"""


def assert_equal(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


def assert_close(
    answers: Sequence[Prediction], expected: Sequence[Prediction], tolerance: float
) -> None:
    for answer, other in zip(answers, expected, strict=True):
        assert answer.label == other.label
        np.testing.assert_allclose(answer.probabilities, other.probabilities, atol=tolerance)


def backbone_of(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if not name.startswith("head.")}


@pytest.fixture(scope="module")
def answers(model: Classifier, other_images: LabelledImages) -> list[Prediction]:
    """What the model says of the other images, in one batch."""
    return model.predict(other_images.x)


@pytest.fixture(scope="module")
def served(saved: Path) -> Classifier:
    """The model, served from its ONNX file."""
    estimator = new_estimator("tinyms")
    estimator.load(saved / "model.onnx")
    return estimator


@pytest.fixture(scope="module")
def foreign_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network other than MobileNetV2, for images of 32 pixels and two classes, no card."""
    weight = np.array([[1, -1], [2, 0], [0, 1]], dtype=np.float32)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
            onnx.helper.make_node("MatMul", ["mean", "w"], ["y"]),
        ],
        "foreign",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path_factory.mktemp("foreign") / "foreign.onnx"
    opset = onnx.helper.make_opsetid("", 11)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    return path


@pytest.mark.parametrize("names", [(), ("dog",), ("dog", "dog"), ("dog", "cat", "dog")])
def test_class_names_that_do_not_fit_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="at least two different classes"):
        MindSporeClassifier(names)


@pytest.mark.parametrize("size", [0, -32, 31, 33, 100])
def test_an_input_size_that_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(SettingsError, match=f"input_size={size}: .* multiple of 32"):
        MindSporeClassifier(CLASSES, size)


def test_probabilities_name_the_label_and_sum_to_1(answers: list[Prediction]) -> None:
    for label, probabilities in answers:
        assert probabilities.dtype == np.float32
        assert probabilities.sum() == pytest.approx(1, abs=1e-6)
        assert label == CLASSES[int(probabilities.argmax())]
    assert len({answer.probabilities.tobytes() for answer in answers}) == len(answers)


def test_batching_does_not_change_results(
    model: Classifier,
    served: Classifier,
    answers: list[Prediction],
    other_images: LabelledImages,
) -> None:
    assert_close(model.predict(other_images.x, batch_size=4), answers, 1e-6)
    whole = served.predict(other_images.x)
    for batch_size in (1, 4):
        assert_close(served.predict(other_images.x, batch_size=batch_size), whole, 1e-6)


def test_onnx_runtime_answers_as_the_network_does(
    served: Classifier, answers: list[Prediction], other_images: LabelledImages
) -> None:
    assert_close(served.predict(other_images.x), answers, 1e-4)


def test_no_images_get_no_answers(served: Classifier) -> None:
    assert served.predict([]) == []


def test_an_unreadable_image_is_named(served: Classifier, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg"):
        served.predict([tmp_path / "gone.jpg"])


def test_evaluate_judges_the_predictions(served: Classifier, other_images: LabelledImages) -> None:
    probabilities = np.stack([each.probabilities for each in served.predict(other_images.x)])
    expected = classification_metrics(np.array(other_images.y), probabilities)
    assert served.evaluate(other_images) == expected
    assert served.evaluate(other_images, batch_size=4)["accuracy"] == expected["accuracy"]


def test_evaluate_leaves_out_what_it_reports_as_unreadable(
    served: Classifier, other_images: LabelledImages, tmp_path: Path
) -> None:
    reported: list[int] = []
    x = [tmp_path / "gone.png", *other_images.x, tmp_path / "gone.png"]
    metrics = served.evaluate(
        LabelledImages(x, [1, *other_images.y, 0]),
        on_unreadable=lambda at, _: reported.append(at),
    )
    assert reported == [0, len(x) - 1]
    assert metrics == served.evaluate(other_images)
    with pytest.raises(ImageError, match=r"gone\.png"):
        served.evaluate(LabelledImages(x[:1], [0]))


def test_evaluate_with_every_image_unreadable_judges_nothing(
    served: Classifier, tmp_path: Path
) -> None:
    metrics = served.evaluate(
        LabelledImages([tmp_path / "gone.png"], [0]), on_unreadable=lambda *_: None
    )
    assert metrics["samples"] == [0.0]


def test_a_checkpoint_is_loaded_and_written_as_onnx_without_a_framework(
    saved: Path, tmp_path: Path, model: Classifier
) -> None:
    script = (
        "import sys\n"
        "from backend.classifier import TinyMSClassifier\n"
        "estimator = TinyMSClassifier(['croissant', 'dog'], 32)\n"
        "estimator.load(sys.argv[1])\n"
        "estimator.save(sys.argv[2])\n"
        "sys.exit(', '.join({'mindspore', 'tinyms'} & sys.modules.keys()) or 0)\n"
    )
    target = tmp_path / "again.onnx"
    command = [sys.executable, "-c", script, str(saved / "model.ckpt"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    estimator = new_estimator(seed=1)
    estimator.load(target)
    assert_equal(estimator.get_weights(), model.get_weights())


def test_evaluate_on_nothing_gives_zeros(served: Classifier) -> None:
    metrics = served.evaluate(LabelledImages([], []))
    assert metrics["samples"] == metrics["accuracy"] == [0.0]


def test_evaluate_refuses_a_class_number_out_of_range(served: Classifier) -> None:
    with pytest.raises(DatasetError, match="outside 0 to 1"):
        served.evaluate(LabelledImages(random_images(1).x, [2]))


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".onnx"])
def test_a_saved_model_loads_with_equal_weights(
    model: Classifier, saved: Path, suffix: str
) -> None:
    estimator = new_estimator(seed=1)
    estimator.load(saved / f"model{suffix}")
    assert_equal(estimator.get_weights(), model.get_weights())


def test_mindspore_loads_the_exported_mindir(
    saved: Path, answers: list[Prediction], other_images: LabelledImages
) -> None:
    import mindspore  # noqa: PLC0415

    from backend.images.preprocessing import preprocess_batch  # noqa: PLC0415

    network = mindspore.nn.GraphCell(mindspore.load(str(saved / "model.mindir")))
    batch = preprocess_batch(other_images.x[:1], FORMAT)
    logits = network(mindspore.Tensor(batch)).asnumpy()
    probabilities = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(probabilities[0], answers[0].probabilities, atol=1e-4)


@pytest.mark.parametrize("suffix", [".ckpt", ".onnx"])
def test_a_model_written_over_a_longer_one_loads(
    model: Classifier, saved: Path, tmp_path: Path, suffix: str
) -> None:
    content = (saved / f"model{suffix}").read_bytes()
    path = tmp_path / f"deployed{suffix}"
    path.write_bytes(content + content[-1000:])
    estimator = new_estimator(seed=1)
    estimator.load(path)
    assert_equal(estimator.get_weights(), model.get_weights())


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".onnx"])
def test_a_cut_model_is_refused_and_changes_nothing(
    saved: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"half{suffix}"
    path.write_bytes((saved / f"model{suffix}").read_bytes()[:-1000])
    estimator = new_estimator(seed=1)
    before = estimator.get_weights()
    with pytest.raises(ModelFileError, match=f"half{suffix}"):
        estimator.load(path)
    assert_equal(estimator.get_weights(), before)


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    write_weights(path, {"fc.weight": np.zeros((2, 3), np.float32)}, ModelCard(CLASSES, SIZE))
    estimator = new_estimator()
    before = estimator.get_weights()
    with pytest.raises(ModelFileError, match=r"other\.ckpt: .*must hold a mobilenetv2"):
        estimator.load(path)
    assert_equal(estimator.get_weights(), before)


def test_a_failed_load_goes_on_serving_the_model_before(
    saved: Path, tmp_path: Path, served: Classifier, other_images: LabelledImages
) -> None:
    before = served.predict(other_images.x)
    half = tmp_path / "half.onnx"
    half.write_bytes((saved / "model.onnx").read_bytes()[:-1000])
    for path in (half, tmp_path / "gone.onnx"):
        with pytest.raises(ModelFileError, match=path.name):
            served.load(path)
        assert_close(served.predict(other_images.x), before, 0)


def test_another_network_in_onnx_is_served_but_not_trained(
    foreign_onnx: Path, saved: Path, model: Classifier, other_images: LabelledImages
) -> None:
    estimator = new_estimator()
    estimator.load(foreign_onnx)
    before = estimator.predict(other_images.x)
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"foreign\.onnx: .*must hold a mobilenetv2"):
            estimator.train(other_images)
        assert_close(estimator.predict(other_images.x), before, 0)
    estimator.load(saved / "model.ckpt")
    assert_equal(estimator.get_weights(), model.get_weights())


def test_an_onnx_model_of_another_input_size_gives_its_weights(
    saved: Path, model: Classifier
) -> None:
    estimator = MindSporeClassifier(CLASSES, 64)
    estimator.load(saved / "model.onnx")
    assert_equal(estimator.get_weights(), model.get_weights())
    assert estimator.input_size == 64


def test_a_served_model_can_be_saved_as_a_checkpoint(
    saved: Path, tmp_path: Path, model: Classifier
) -> None:
    estimator = new_estimator()
    estimator.load(saved / "model.onnx")
    estimator.save(tmp_path / "again.ckpt")
    again = new_estimator(seed=1)
    again.load_weights(tmp_path / "again.ckpt")
    assert_equal(again.get_weights(), model.get_weights())


def test_a_served_model_that_was_replaced_since_is_not_taken_for_it(
    saved: Path, tmp_path: Path, other_images: LabelledImages
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes((saved / "model.onnx").read_bytes())
    estimator = new_estimator()
    estimator.load(path)
    new_estimator(seed=1).save(path)
    with pytest.raises(ModelFileError, match=r"model\.onnx: has changed since it was loaded"):
        estimator.get_weights()
    assert estimator.predict(other_images.x)


@pytest.mark.parametrize("names", [("dog", ""), ("dog", " croissant")])
def test_names_are_neither_empty_nor_padded(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="a name must not be empty or have blanks"):
        MindSporeClassifier(names, SIZE)


def test_without_a_card_the_number_of_classes_decides(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    estimator = MindSporeClassifier(("cat", "horse"), SIZE)
    estimator.load(saved / "model.npz")
    assert not caplog.records
    other = MindSporeClassifier(("cat", "dog", "horse"), SIZE)
    other.load(saved / "model.npz")
    assert "model.npz is a model of other classes: " in caplog.text
    assert "trained for: cat, dog, horse." in caplog.text


def test_a_model_without_a_shared_class_predicts_only_after_training(
    saved: Path, other_images: LabelledImages
) -> None:
    estimator = MindSporeClassifier(("cat", "horse"), SIZE)
    estimator.load(saved / "model.onnx")
    with pytest.raises(ModelFileError, match="train it before it predicts"):
        estimator.predict(other_images.x)
    with pytest.raises(ModelFileError, match="train it before it predicts"):
        estimator.evaluate(other_images)
    metrics = estimator.train(other_images, other_images, epochs=1, fine_tune="head")
    assert {answer.label for answer in estimator.predict(other_images.x)} <= {"cat", "horse"}
    # Nine samples are fewer than a batch of sixteen, and are trained on all the same.
    assert len(metrics["loss"]) == 1
    validation = estimator.evaluate(other_images, batch_size=16)
    assert {name: metrics[f"valid_{name}"] for name in validation} == validation


@pytest.mark.parametrize("name", ["model.onnx", "model.ckpt"])
def test_a_new_class_has_probability_0_and_the_old_ones_keep_theirs(
    saved: Path, served: Classifier, other_images: LabelledImages, name: str
) -> None:
    estimator = MindSporeClassifier(("cat", "dog", "croissant"), SIZE)
    estimator.load(saved / name)
    before = np.stack([each.probabilities for each in served.predict(other_images.x)])
    now = np.stack([each.probabilities for each in estimator.predict(other_images.x)])
    np.testing.assert_array_equal(now[:, 0], 0)
    np.testing.assert_allclose(now[:, [2, 1]], before, atol=1e-4)


@pytest.mark.parametrize("name", ["model.onnx", "model.ckpt"])
def test_a_head_keeps_the_rows_that_it_knows_under_new_names_too(
    saved: Path, model: Classifier, name: str
) -> None:
    estimator = MindSporeClassifier(("hound", "cat"), SIZE, renamed={"dog": "hound"})
    initial = estimator.get_weights()
    estimator.load(saved / name)
    weights, known = estimator.get_weights(), model.get_weights()
    assert_equal(backbone_of(weights), backbone_of(known))
    for head in weights.keys() - backbone_of(weights).keys():
        np.testing.assert_array_equal(weights[head][0], known[head][1])
        np.testing.assert_array_equal(weights[head][1], initial[head][1])


@pytest.mark.parametrize("name", ["model.onnx", "model.ckpt"])
def test_a_head_of_more_classes_is_cut_to_those_asked_for(tmp_path: Path, name: str) -> None:
    larger = MindSporeClassifier(("cat", "dog", "horse"), SIZE)
    larger.save(tmp_path / name)
    estimator = MindSporeClassifier(("cat", "dog"), SIZE, seed=1)
    estimator.load(tmp_path / name)
    weights, known = estimator.get_weights(), larger.get_weights()
    for head in weights.keys() - backbone_of(weights).keys():
        np.testing.assert_array_equal(weights[head], known[head][:2])


def test_a_class_that_is_gone_leaves_its_share_to_the_others(
    saved: Path, served: Classifier, other_images: LabelledImages
) -> None:
    names = ("croissant", "horse", "dog")
    estimator = MindSporeClassifier(names, SIZE)
    estimator.load(saved / "model.onnx")
    answers = estimator.predict(other_images.x)
    np.testing.assert_allclose([each.probabilities.sum() for each in answers], 1, atol=1e-6)
    assert {each.label for each in answers} <= {"croissant", "dog"}
    metrics = estimator.evaluate(other_images)
    assert np.isfinite(metrics["loss"]).all()


def test_get_weights_gives_copies(model: Classifier) -> None:
    model.get_weights()["head.head.1.bias"][:] = 7
    assert not model.get_weights()["head.head.1.bias"].any()


def test_set_weights_is_all_or_nothing() -> None:
    estimator = new_estimator()
    before = estimator.get_weights()
    wrong = decided_weights(estimator, seed=2) | {"head.head.1.bias": np.zeros(3, np.float32)}
    with pytest.raises(ModelFileError, match=r"head\.head\.1\.bias is \(3,\), not \(2,\)"):
        estimator.set_weights(wrong)
    assert_equal(estimator.get_weights(), before)


@pytest.mark.parametrize("name", ["model.pth", "model"])
def test_an_unknown_format_is_refused(model: Classifier, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match=name):
        model.save(tmp_path / name)
    with pytest.raises(ModelFileError, match=name):
        model.load(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".mindir"])
def test_a_failing_save_leaves_the_old_file(
    model: Classifier, tmp_path: Path, disk_full: Callable[[], None], suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"old")
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_serving_an_onnx_model_imports_no_framework(
    saved: Path, tmp_path: Path, served: Classifier, other_images: LabelledImages
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(encoded(np.asarray(other_images.x[0])))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SERVES_WITHOUT_A_FRAMEWORK,
            str(saved / "model.onnx"),
            str(picture),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (expected,) = served.predict([picture])
    assert done.stdout.strip() == str(expected.probabilities.tolist())
