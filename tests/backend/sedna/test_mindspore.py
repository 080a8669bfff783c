"""Bare models of either framework, driven through their backends."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from backend import MindSporeBackend, TinyMSBackend
from backend.errors import ModelFileError

MakeBackend = Callable[..., MindSporeBackend]
Weights = list[Any]
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
    """Return weights for the backend's network, bias before weight, all of one value."""
    return [np.full_like(each, value).tolist() for each in backend.get_weights()]


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
    backend.set_weights([[1, 2], weight])
    outputs = backend.predict(INPUTS[:3])
    np.testing.assert_allclose(outputs, INPUTS[:3] @ weight.T + [1, 2], atol=1e-5)


def test_nested_lists_are_answered_with_lists(make_backend: MakeBackend) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 1))
    answer = json.loads(json.dumps(backend.predict([[0, 0, 0, 0], [1, 2, 3, 4]])))
    assert answer == [[1, 1], [11, 11]]


@dataclass
class DataSource:
    """What Sedna's data sources have."""

    x: Any
    y: Any


def test_a_data_source_of_sednas_trains_and_judges_a_bare_model(make_backend: MakeBackend) -> None:
    backend, source = make_backend(), DataSource(INPUTS, LABELS)
    backend.set_weights(weights_of(backend, 0))
    after = backend.train(source, valid_data=source, epochs=10, batch_size=8)
    assert after["acc"][0] > 0.9
    assert backend.evaluate(source) == after


def test_a_model_of_any_name_is_saved_and_loaded(make_backend: MakeBackend, tmp_path: Path) -> None:
    first, second = make_backend(), make_backend()
    path = first.save(str(tmp_path), "global.model")
    assert [each.name for each in tmp_path.iterdir()] == ["global.model"]
    second.load(path)
    assert second.get_weights() == first.get_weights()


def test_weights_survive_json_and_are_averaged_as_sedna_does(make_backend: MakeBackend) -> None:
    backends = [make_backend(), make_backend()]
    sent = [json.loads(json.dumps(backend.get_weights())) for backend in backends]
    average = [
        (np.array(one) / 2 + np.array(other) / 2).tolist() for one, other in zip(*sent, strict=True)
    ]
    backends[0].set_weights(average)
    np.testing.assert_allclose(backends[0].get_weights()[1], average[1], rtol=1e-6)


def test_a_bare_model_is_saved_and_loaded(make_backend: MakeBackend, framework: str) -> None:
    first, second = make_backend(), make_backend()
    first.set_weights(weights_of(first, 0.25))
    path = first.save()
    assert Path(path).name == f"model_finetune_{framework}.ckpt"
    second.load(path)
    assert second.has_load
    assert second.get_weights() == first.get_weights()


def test_fine_tuning_of_a_bare_model_starts_from_the_saved_one(make_backend: MakeBackend) -> None:
    first, second = make_backend(), make_backend()
    first.set_weights(weights_of(first, 0.25))
    first.save()
    second.finetune()
    assert second.get_weights() == first.get_weights()


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
        assert backend.get_weights() == start
        before = backend.evaluate(dataset())["loss"]
        assert backend.train(dataset(), valid_data=dataset(), epochs=2)["loss"] < before
        trained = backend.get_weights()
        assert not any(after == before for after, before in zip(trained, start, strict=True))


def test_two_model_files_give_two_evaluations(make_backend: MakeBackend, tmp_path: Path) -> None:
    backend = make_backend()
    good = np.array([[-1, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    paths = []
    for name, weight in (("candidate", good), ("deployed", -good)):
        backend.set_weights([[0, 0], weight])
        paths.append(backend.save(str(tmp_path / f"{name}.ckpt")))
    assert [backend.evaluate(dataset(), model_path=path)["acc"] for path in paths] == [[1.0], [0.0]]


def test_get_weights_gives_copies(make_backend: MakeBackend) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 1))
    backend.get_weights()[0][:] = [7, 7]
    assert backend.get_weights() == weights_of(backend, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: [weights[0], np.zeros((3, 4))],
        lambda weights: [weights[0], [[1, 2], [3]]],
        lambda weights: [*weights, np.zeros(2)],
        lambda weights: weights[:1],
    ],
    ids=["shape", "ragged", "unknown", "missing"],
)
def test_set_weights_is_all_or_nothing(
    make_backend: MakeBackend, change: Callable[[Weights], Weights]
) -> None:
    backend = make_backend()
    backend.set_weights(weights_of(backend, 1))
    with pytest.raises(ModelFileError, match="of another network"):
        backend.set_weights(change(weights_of(backend, 2)))
    assert backend.get_weights() == weights_of(backend, 1)


def test_a_checkpoint_of_another_network_changes_nothing(
    make_backend: MakeBackend, tmp_path: Path, framework: str
) -> None:
    other = MindSporeBackend(bare_model(framework, width=3))
    path = other.save(str(tmp_path / "other.ckpt"))
    backend = make_backend()
    before = backend.get_weights()
    with pytest.raises(ModelFileError, match=r"other\.ckpt: .*where the network has"):
        backend.load(path)
    assert backend.get_weights() == before


def test_an_optimizers_state_in_a_checkpoint_is_ignored(
    make_backend: MakeBackend, tmp_path: Path, mindspore: ModuleType
) -> None:
    path = tmp_path / "training.ckpt"
    backend = make_backend()
    bias, weight = weights_of(backend, 0.5)
    state = {"bias": bias, "weight": weight, "moments.weight": np.zeros((2, 4))}
    tensors = {name: mindspore.Tensor(each, mindspore.float32) for name, each in state.items()}
    entries = [{"name": name, "data": each} for name, each in tensors.items()]
    mindspore.save_checkpoint(entries, str(path))
    backend.load(str(path))
    assert backend.get_weights() == weights_of(backend, 0.5)


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
    assert [np.shape(each) for each in backend.get_weights()] == [(2,), (2, 4)]


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
