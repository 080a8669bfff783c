import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.classifier import TinyMSClassifier
from backend.errors import ModelFileError
from backend.models import model_file
from backend.models.model_file import ModelFile
from tests.brightness_model import SIDE
from workers.http.refusals import NotReadyError, RequestError
from workers.infer.batching import Batcher, Scores
from workers.infer.model import ModelSlot, ServedModel
from workers.infer.settings import InferSettings

INPUTS = np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)


@pytest.fixture
def slot(variables: dict[str, str]) -> ModelSlot:
    settings = InferSettings.from_environment(variables | {"batch_size": "3"})
    slot = ModelSlot(settings)
    slot.load(settings.model_url)
    return slot


def test_an_empty_slot_is_not_ready(variables: dict[str, str]) -> None:
    with pytest.raises(NotReadyError):
        ModelSlot(InferSettings.from_environment(variables)).score(
            np.zeros((1, 3, SIDE, SIDE), np.float32)
        )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_answers_do_not_depend_on_what_is_asked_with_them(
    slot: ModelSlot, count: int, seed: int
) -> None:
    inputs = np.random.default_rng(seed).normal(size=(count, 3, SIDE, SIDE)).astype(np.float32)
    together = slot.score(inputs).probabilities
    alone = np.concatenate([slot.score(each[np.newaxis]).probabilities for each in inputs])
    assert together == pytest.approx(alone, abs=1e-5)
    assert together.argmax(axis=1).tolist() == alone.argmax(axis=1).tolist()


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mobilenet") / "model.onnx"
    TinyMSClassifier(("dark", "bright"), SIDE).save(path)
    return path


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
)
def test_a_mobilenet_answers_alike_whatever_the_batches(
    variables: dict[str, str], mobilenet: Path, counts: list[int], batch_size: int, seed: int
) -> None:
    changes = {"MODEL_URL": str(mobilenet), "batch_size": str(batch_size)}
    slot = ModelSlot(InferSettings.from_environment(variables | changes))
    slot.load(mobilenet)
    inputs = np.random.default_rng(seed).normal(size=(sum(counts), 3, SIDE, SIDE))
    requests = np.split(inputs.astype(np.float32), np.cumsum(counts)[:-1])

    async def ask() -> list[Scores[ServedModel]]:
        batcher = Batcher(slot.score, batch_size=batch_size, wait_seconds=0)
        async with batcher.running():
            return await asyncio.gather(*map(batcher.submit, requests))

    together = np.concatenate([scores.probabilities for scores in asyncio.run(ask())])
    each = (image[np.newaxis] for request in requests for image in request)
    alone = np.concatenate([slot.score(image).probabilities for image in each])
    assert together == pytest.approx(alone, abs=1e-5)
    assert together.argmax(axis=1).tolist() == alone.argmax(axis=1).tolist()


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_damaged_model_leaves_the_present_one(
    slot: ModelSlot, tmp_path: Path, content: bytes
) -> None:
    before = slot.served
    (tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(ModelFileError):
        slot.load(tmp_path / "damaged.onnx")
    assert slot.served is before


def test_a_model_that_answers_no_numbers_is_refused(
    slot: ModelSlot, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    before = slot.served
    with pytest.raises(ModelFileError, match="not finite"):
        slot.load(make_model(tmp_path / "nan.onnx", sharpness=float("nan")))
    assert slot.served is before


def test_the_version_is_of_the_content_that_answers(
    slot: ModelSlot,
    tmp_path: Path,
    make_model: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (
        make_model(tmp_path / name, sharpness=4.0 * sign)
        for name, sign in (("a.onnx", 1), ("b.onnx", -1))
    )
    path, expected = tmp_path / "model.onnx", {}
    for each in (first, second):
        slot.load(each)
        expected[slot.required.version] = slot.score(INPUTS).probabilities
    path.write_bytes(first.read_bytes())
    read = model_file.read

    def read_and_replace(name: Path) -> ModelFile:
        file = read(name)
        path.write_bytes(second.read_bytes())
        return file

    monkeypatch.setattr(model_file, "read", read_and_replace)
    slot.load(path)
    np.testing.assert_array_equal(slot.score(INPUTS).probabilities, expected[slot.required.version])
    assert slot.required.version == read(first).digest[:12]


def test_a_rollback_swaps_the_last_two(
    slot: ModelSlot, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    with pytest.raises(RequestError, match="no previous model"):
        slot.rollback()
    first = slot.required
    slot.load(make_model(tmp_path / "other.onnx", sharpness=-4.0))
    second = slot.required
    assert slot.rollback() is first is slot.required
    assert slot.rollback() is second is slot.required


def test_the_same_model_again_keeps_the_one_before(
    slot: ModelSlot, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    first = slot.required
    other = make_model(tmp_path / "other.onnx", sharpness=-4.0)
    slot.load(other)
    slot.load(other)
    assert slot.rollback() is first
