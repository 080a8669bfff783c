"""A network without shortcuts, LeNet-5, through all that an estimator does."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from backend.classifier import MindSporeClassifier, TinyMSClassifier
from backend.errors import ModelFileError, SettingsError
from backend.images.preprocessing import LabelledImages, preprocess_batch
from backend.models import model_file
from backend.networks import BUILT_IN, FineTune
from backend.networks.mobilenetv2.initial import initial_weights
from tests.backend.classifier.conftest import CLASSES, new_estimator
from tests.backend.conftest import random_images


def headless(class_count: int) -> object:
    from mindspore import nn  # noqa: PLC0415

    return nn.SequentialCell(nn.Flatten(), nn.Dense(3 * 224 * 224, class_count))


def lenet(seed: int = 0) -> TinyMSClassifier:
    return TinyMSClassifier(CLASSES, network="lenet5", seed=seed)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained model in every format."""
    folder, estimator = tmp_path_factory.mktemp("lenet"), lenet()
    for suffix in (".ckpt", ".npz", ".onnx", ".mindir"):
        estimator.save(folder / f"model{suffix}")
    return folder


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".onnx"])
def test_every_format_holds_the_weights_and_answers_alike(saved: Path, suffix: str) -> None:
    other = lenet(seed=1)
    other.load(saved / f"model{suffix}")
    expected = lenet()
    for name, value in expected.get_weights().items():
        np.testing.assert_array_equal(other.get_weights()[name], value)
    images = random_images(3, seed=2).x
    for answer, same in zip(other.predict(images), expected.predict(images), strict=True):
        np.testing.assert_allclose(answer.probabilities, same.probabilities, atol=1e-6)


def test_the_exported_model_takes_any_batch_and_gives_features(saved: Path) -> None:
    session = onnxruntime.InferenceSession(model_file.read(saved / "model.onnx").payload)
    (images,) = session.get_inputs()
    assert (images.name, images.shape) == ("images", ["batch", 1, 32, 32])
    inputs = preprocess_batch(random_images(3).x, lenet().input_format)
    logits, features = session.run(["logits", "features"], {"images": inputs})
    weights = lenet().get_weights()
    assert features.shape == (3, 84)
    expected = features @ weights["fc3.weight"].T + weights["fc3.bias"]
    np.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("fine_tune", "layers"),
    [("head", {"fc3"}), (2, {"fc1", "fc2", "fc3"}), (9, {"conv1", "conv2", "fc1", "fc2", "fc3"})],
)
def test_only_what_is_fine_tuned_changes(
    saved: Path, fine_tune: FineTune, layers: set[str]
) -> None:
    estimator = lenet()
    estimator.load(saved / "model.ckpt")
    before = estimator.get_weights()
    estimator.train(random_images(16), epochs=1, batch_size=8, fine_tune=fine_tune)
    after = estimator.get_weights()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in changed} == layers


def test_a_model_of_another_network_is_refused_by_name(saved: Path) -> None:
    for suffix in (".ckpt", ".onnx"):
        with pytest.raises(ModelFileError, match="of the network lenet5, and network=mobilenetv2"):
            new_estimator().load(saved / f"model{suffix}")


@pytest.mark.parametrize("network", [name for name, each in BUILT_IN.items() if each.is_chain])
def test_the_rest_of_a_chain_answers_as_the_whole_network(network: str, tmp_path: Path) -> None:
    estimator = MindSporeClassifier(CLASSES, 64, network=network)
    estimator.set_weights(initial_weights(estimator.shapes, 0))
    estimator.load(estimator.save(tmp_path / "model.onnx"))
    image = random_images(1).x[0]
    inputs = preprocess_batch([image], estimator.input_format)
    views = [
        float(-np.log(estimator.probabilities(each)[0, 1])) for each in (inputs, inputs[..., ::-1])
    ]
    metrics = estimator.train(
        LabelledImages([image], [1]), epochs=1, learning_rate=1e-30, label_smoothing=0, fine_tune=3
    )
    assert min(abs(view - np.log(2)) for view in views) > 0.01
    assert min(abs(view - metrics["loss"][0]) for view in views) < 1e-3


def test_a_network_without_head_or_blocks_is_only_trained_whole() -> None:
    estimator = MindSporeClassifier(CLASSES, network=f"{__name__}:headless")
    with pytest.raises(SettingsError, match=r"fine_tune=head: .* names no head: use full"):
        estimator.train(random_images(2), fine_tune="head")
    with pytest.raises(SettingsError, match=r"fine_tune=1: .* names no blocks"):
        estimator.train(random_images(2), fine_tune=1)
