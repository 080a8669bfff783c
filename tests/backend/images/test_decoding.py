import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from backend.errors import ImageError
from backend.images.decoding import DecodedOnce, RandomCrops, in_threads, input_batches, readable
from backend.images.opening import ImageSource
from backend.images.preprocessing import InputFormat, preprocess_batch
from tests.backend.conftest import random_images

FORMAT = InputFormat(32)

Reported = list[tuple[int, str]]


@pytest.fixture
def mixed(tmp_path: Path) -> list[ImageSource]:
    """Seven images, of which the third, no picture, and the sixth, no file, cannot be read."""
    bad = tmp_path / "bad.png"
    bad.write_text("no picture", encoding="utf-8")
    images: list[ImageSource] = [*random_images(7).x]
    images[2], images[5] = bad, tmp_path / "gone.png"
    return images


@given(
    count=st.integers(0, 120),
    batch_size=st.integers(1, 50),
)
@settings(max_examples=25, deadline=None)
def test_batches_hold_every_image_in_order(count: int, batch_size: int) -> None:
    images = random_images(count).x
    batches = list(input_batches(images, FORMAT, batch_size))
    assert [each for batch in batches for each in batch.positions] == list(range(count))
    assert [len(batch.inputs) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    if count:
        joined = np.concatenate([batch.inputs for batch in batches])
        np.testing.assert_array_equal(joined, preprocess_batch(images, FORMAT))


@pytest.mark.parametrize(("most_bytes", "kept"), [(0, 0), (2 * 32 * 32 * 3, 2), (10**9, 3)])
def test_what_several_models_are_asked_is_decoded_once_as_far_as_there_is_room(
    tmp_path: Path, most_bytes: int, kept: int
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    images = DecodedOnce(files, most_bytes=most_bytes)

    def inputs() -> NDArray[np.float32]:
        return np.concatenate([batch.inputs for batch in input_batches(images, FORMAT, 2)])

    def draw(grey: int) -> None:
        for file in files:
            Image.new("RGB", (40, 30), (grey,) * 3).save(file)

    draw(10)
    first = inputs()
    np.testing.assert_array_equal(first, preprocess_batch(files, FORMAT))
    draw(200)
    assert (inputs() == first).all(axis=(1, 2, 3)).sum() == kept


def test_random_crops_differ_from_each_other_and_not_from_time_to_time() -> None:
    images = RandomCrops([random_images(1).x[0]] * 3, seed=5)
    [first], [again] = (list(input_batches(images, FORMAT, 4)) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert len({each.tobytes() for each in first.inputs}) == 3


def test_an_unreadable_image_is_reported_to_each_model(mixed: list[ImageSource]) -> None:
    reported: list[int] = []
    images = DecodedOnce(mixed)
    for _ in range(2):
        batches = input_batches(images, FORMAT, 4, lambda at, _: reported.append(at))
        assert [each for batch in batches for each in batch.positions] == [0, 1, 3, 4, 6]
    assert reported == [2, 5, 2, 5]


def test_the_first_unreadable_image_is_raised(mixed: list[ImageSource]) -> None:
    with pytest.raises(ImageError, match=r"bad\.png"):
        list(input_batches(mixed, FORMAT, 2))


def test_unreadable_images_are_reported_once_and_left_out(mixed: list[ImageSource]) -> None:
    reported: Reported = []
    batches = list(input_batches(mixed, FORMAT, 2, lambda at, why: reported.append((at, str(why)))))
    assert [batch.positions for batch in batches] == [[0, 1], [3, 4], [6]]
    assert [at for at, _ in reported] == [2, 5]
    assert "bad.png" in reported[0][1]
    assert "gone.png" in reported[1][1]


def test_images_are_reported_in_the_callers_thread(mixed: list[ImageSource]) -> None:
    threads = set()
    kept = readable(mixed, 32, lambda *_: threads.add(threading.current_thread()))
    assert kept == [0, 1, 3, 4, 6]
    assert threads == {threading.current_thread()}


def test_only_a_few_images_are_decoded_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    doubled = in_threads(lambda number: 2 * number, numbers())
    assert [next(doubled) for _ in range(3)] == [0, 2, 4]
    assert 3 <= len(taken) < 100
    doubled.close()
    assert len(taken) < 100


def test_several_images_are_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    both = threading.Barrier(2, timeout=10)
    assert len(list(in_threads(lambda _: both.wait(), range(2)))) == 2


def test_what_a_thread_raises_is_raised_in_its_turn() -> None:
    answers = in_threads(lambda number: 1 / number, [1, 2, 0, 4])
    assert [next(answers), next(answers)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(answers)
