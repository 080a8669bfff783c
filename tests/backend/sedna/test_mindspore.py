"""Bare models of either framework, driven through their backends."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from backend import MindSporeBackend, TinyMSBackend
from backend.errors import ModelFileError
from backend.models.weights import Weights

MakeBackend = Callable[..., MindSporeBackend]
GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(0, 1, (32, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(np.int32)
OPTIMIZERS: dict[str, dict[str, float]] = {
    "Momentum": {"learning_rate": 0.5, "momentum": 0.9},
    "Adam": {"learning_rate": 0.1},
}


def bare_model(framework: str, width: int = 2, optimizer_name: str = "Momentum") -> Any:
    from mindspore import Model, nn  # noqa: PLC0415
    from tinyms.model import Model as TinyMSModel  # noqa: PLC0415

    network = nn.Dense(4, width)
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    optimizer = getattr(nn, optimizer_name)(
        network.trainable_params(), **OPTIMIZERS[optimizer_name]
    )
    if framework == "mindspore":
        return Model(network, loss, optimizer, metrics={"acc", "loss"})
    model = TinyMSModel(network)
    model.compile(loss_fn=loss, optimizer=optimizer, metrics={"acc", "loss"})
    return model


@pytest.fixture(params=["mindspore", "tinyms"])
def framework(request: pytest.FixtureRequest, mindspore: ModuleType) -> str:
    return str(request.param)


@pytest.fixture
def make_backend(framework: str, tmp_path: Path) -> MakeBackend:
    """Wrap a new bare model; models are saved under the test's own folder."""
    backend_class = {"mindspore": MindSporeBackend, "tinyms": TinyMSBackend}[framework]
    folder = str(tmp_path / "models")
    return lambda **model: backend_class(bare_model(framework, **model), model_save_path=folder)


def dataset() -> Any:
    from mindspore.dataset import NumpySlicesDataset  # noqa: PLC0415

    return NumpySlicesDataset((INPUTS, LABELS), ["input", "label"], shuffle=False).batch(8)


def weights_of(backend: MindSporeBackend, value: float) -> Weights:
    return {name: np.full_like(each, value) for name, each in backend.get_weights().items()}


def assert_equal(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value)


def test_a_bare_model_is_trained_and_evaluated(make_backend: MakeBackend) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 0))
    before = backend.evaluate(dataset())
    after = backend.train(dataset(), valid_data=dataset(), epochs=10)
    assert before["acc"] == [pytest.approx(1 - LABELS.mean())]
    assert after["acc"][0] > 0.9
    assert backend.evaluate(dataset()) == after


def test_a_bare_model_predicts(make_backend: MakeBackend) -> None:
    backend = make_backend()
    weight = np.arange(8, dtype=np.float32).reshape(2, 4)
    backend.set_weights({"weight": weight, "bias": np.array([1, 2], np.float32)})
    outputs = backend.predict(INPUTS[:3])
    np.testing.assert_allclose(outputs, INPUTS[:3] @ weight.T + [1, 2], atol=1e-5)


def test_a_bare_model_is_saved_and_loaded(make_backend: MakeBackend, framework: str) -> None:
    first, second = make_backend(), make_backend()
    first.set_weights(weights_of(first, 0.25))
    path = first.save()
    assert Path(path).name == f"model_finetune_{framework}.ckpt"
    second.load(path)
    assert second.has_load
    assert_equal(second.get_weights(), first.get_weights())


def test_fine_tuning_of_a_bare_model_starts_from_the_saved_one(make_backend: MakeBackend) -> None:
    first, second = make_backend(), make_backend()
    first.set_weights(weights_of(first, 0.25))
    first.save()
    second.finetune()
    assert_equal(second.get_weights(), first.get_weights())


@pytest.fixture(params=["eager", "graph"])
def mode(request: pytest.FixtureRequest, mindspore: ModuleType) -> Iterator[str]:
    """MindSpore's execution mode."""
    before = mindspore.get_context("mode")
    modes = {"eager": mindspore.PYNATIVE_MODE, "graph": mindspore.GRAPH_MODE}
    mindspore.set_context(mode=modes[request.param])
    yield request.param
    mindspore.set_context(mode=before)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("source", ["weights", "file"])
def test_a_trained_model_that_is_given_weights_learns_again(
    make_backend: MakeBackend, optimizer: str, source: str, tmp_path: Path
) -> None:
    backend = make_backend(optimizer_name=optimizer)
    start = weights_of(backend, 0)
    backend.set_weights(start)
    path = backend.save(str(tmp_path / "start.ckpt"))
    for _ in range(3):
        backend.load(path) if source == "file" else backend.set_weights(start)
        assert_equal(backend.get_weights(), start)
        before = backend.evaluate(dataset())["loss"]
        assert backend.train(dataset(), valid_data=dataset(), epochs=2)["loss"] < before
        trained = backend.get_weights()
        assert not any(np.array_equal(trained[name], start[name]) for name in start)


def test_two_model_files_give_two_evaluations(make_backend: MakeBackend, tmp_path: Path) -> None:
    backend = make_backend()
    good = np.array([[-1, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    paths = []
    for name, weight in (("candidate", good), ("deployed", -good)):
        backend.set_weights({"weight": weight, "bias": np.zeros(2, np.float32)})
        paths.append(backend.save(str(tmp_path / f"{name}.ckpt")))
    assert [backend.evaluate(dataset(), model_path=path)["acc"] for path in paths] == [[1.0], [0.0]]


def test_get_weights_gives_copies(make_backend: MakeBackend) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 1))
    backend.get_weights()["weight"][:] = 7
    assert_equal(backend.get_weights(), weights_of(backend, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights | {"weight": np.zeros((3, 4), np.float32)},
        lambda weights: weights | {"other": np.zeros(2, np.float32)},
        lambda weights: {"weight": weights["weight"]},
    ],
    ids=["shape", "unknown", "missing"],
)
def test_set_weights_is_all_or_nothing(
    make_backend: MakeBackend, change: Callable[[Weights], Weights]
) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 1))
    with pytest.raises(ModelFileError, match="of another network"):
        backend.set_weights(change(weights_of(backend, 2)))
    assert_equal(backend.get_weights(), weights_of(backend, 1))


def test_a_checkpoint_of_another_network_changes_nothing(
    make_backend: MakeBackend, tmp_path: Path, framework: str
) -> None:
    other = MindSporeBackend(bare_model(framework, width=3))
    path = other.save(str(tmp_path / "other.ckpt"))
    backend = make_backend()
    before = backend.get_weights()
    with pytest.raises(ModelFileError, match=r"other\.ckpt: .*another network"):
        backend.load(path)
    assert_equal(backend.get_weights(), before)


def test_an_optimizers_state_in_a_checkpoint_is_passed_over(
    make_backend: MakeBackend, tmp_path: Path, mindspore: ModuleType
) -> None:
    path = tmp_path / "training.ckpt"
    backend = make_backend()
    state = weights_of(backend, 0.5) | {"moments.weight": np.zeros((2, 4), np.float32)}
    entries = [{"name": name, "data": mindspore.Tensor(each)} for name, each in state.items()]
    mindspore.save_checkpoint(entries, str(path))
    backend.load(str(path))
    assert_equal(backend.get_weights(), weights_of(backend, 0.5))


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_what_is_no_checkpoint_is_named(
    make_backend: MakeBackend, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "bad.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"bad\.ckpt"):
        make_backend().load(str(path))


def test_a_failing_save_leaves_the_old_checkpoint(
    make_backend: MakeBackend, disk_full: Callable[[], None]
) -> None:
    backend = make_backend()
    path = Path(backend.save())
    old = path.read_bytes()
    backend.set_weights(weights_of(backend, 9))
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        backend.save()
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_callable_may_make_the_bare_model(framework: str) -> None:
    backend = TinyMSBackend(partial(bare_model, framework))
    assert backend.get_weights().keys() == {"weight", "bias"}


def test_the_execution_mode_is_not_forced_as_by_sedna(
    framework: str, mindspore: ModuleType
) -> None:
    before = mindspore.get_context("mode")
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    try:
        TinyMSBackend(bare_model(framework))
        assert mindspore.get_context("mode") == mindspore.PYNATIVE_MODE
    finally:
        mindspore.set_context(mode=before)
