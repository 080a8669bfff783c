import asyncio
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.infer.batching import Batcher, Scores

Array = NDArray[np.float32]


class Network:
    """Answers each image with its own number, and notes the sizes of its batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.may_run = Event()
        self.may_run.set()
        self.runs = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def score(self, inputs: Array) -> Scores[int]:
        self.sizes.append(len(inputs))
        self.loop.call_soon_threadsafe(self.runs.set)
        self.may_run.wait(10)
        numbers = inputs.reshape(len(inputs), -1)[:, :1]
        return Scores(numbers, len(self.sizes), 2 * numbers)


def images(*numbers: int) -> Array:
    return np.array(numbers, np.float32).reshape(-1, 1, 1, 1)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.001]),
)
def test_everybody_gets_their_own_answers_whatever_the_batches(
    counts: list[int], batch_size: int, wait_seconds: float
) -> None:
    async def ask() -> None:
        network = Network()
        batcher = Batcher(network.score, batch_size=batch_size, wait_seconds=wait_seconds)
        starts = np.cumsum([0, *counts])
        requests = [
            images(*range(start, start + count))
            for start, count in zip(starts, counts, strict=False)
        ]
        async with batcher.running():
            answers = await asyncio.gather(*map(batcher.submit, requests))
        for request, answer in zip(requests, answers, strict=True):
            assert answer.probabilities.ravel().tolist() == request.ravel().tolist()
        assert sum(network.sizes) == sum(counts)
        assert max(network.sizes) <= max(batch_size, *counts)

    asyncio.run(ask())


async def test_what_comes_during_a_batch_makes_the_next() -> None:
    network = Network()
    network.may_run.clear()
    batcher = Batcher(network.score, batch_size=4, wait_seconds=0)
    async with batcher.running():
        first = asyncio.create_task(batcher.submit(images(0)))
        await network.runs.wait()
        network.runs.clear()
        others = [asyncio.create_task(batcher.submit(images(n))) for n in range(1, 6)]
        await network.runs.wait()
        network.may_run.set()
        await asyncio.gather(first, *others)
    assert network.sizes == [1, 4, 1]


async def test_two_batches_are_computed_at_a_time() -> None:
    network = Network()
    network.may_run.clear()
    batcher = Batcher(network.score, batch_size=1, wait_seconds=0)
    async with batcher.running(), asyncio.timeout(10):
        requests = [asyncio.create_task(batcher.submit(images(n))) for n in range(3)]
        while len(network.sizes) < 2:
            network.runs.clear()
            await network.runs.wait()
        assert len(network.sizes) == 2
        network.may_run.set()
        await asyncio.gather(*requests)
    assert network.sizes == [1, 1, 1]


async def test_what_comes_one_by_one_while_two_are_computed_makes_one_batch() -> None:
    network = Network()
    network.may_run.clear()
    batcher = Batcher(network.score, batch_size=4, wait_seconds=0)
    async with batcher.running(), asyncio.timeout(10):
        requests = []
        for number in range(5):
            requests.append(asyncio.create_task(batcher.submit(images(number))))
            for _ in range(3):
                await asyncio.sleep(0)
        network.may_run.set()
        await asyncio.gather(*requests)
    assert network.sizes == [1, 1, 3]


async def test_a_full_batch_does_not_wait() -> None:
    network = Network()
    batcher = Batcher(network.score, batch_size=2, wait_seconds=60)
    async with batcher.running(), asyncio.timeout(10):
        await asyncio.gather(batcher.submit(images(1)), batcher.submit(images(2)))
    assert network.sizes == [2]


async def test_a_batch_that_is_not_full_waits_no_longer_than_it_may() -> None:
    network = Network()
    batcher = Batcher(network.score, batch_size=2, wait_seconds=0.01)
    async with batcher.running(), asyncio.timeout(10):
        assert (await batcher.submit(images(1))).probabilities == [[1]]


async def test_who_gave_up_is_not_computed() -> None:
    network = Network()
    network.may_run.clear()
    batcher = Batcher(network.score, batch_size=1, wait_seconds=0)
    async with batcher.running():
        first = asyncio.create_task(batcher.submit(images(0)))
        await network.runs.wait()
        impatient = asyncio.create_task(batcher.submit(images(1)))
        patient = asyncio.create_task(batcher.submit(images(2)))
        await asyncio.sleep(0)
        impatient.cancel()
        network.may_run.set()
        assert (await patient).probabilities == [[2]]
        await first
    assert network.sizes == [1, 1]


async def test_a_failure_is_told_and_the_next_request_answered() -> None:
    def fail(inputs: Array) -> Scores[int]:
        if inputs[0] == 0:
            raise RuntimeError("out of memory")
        return Scores(inputs, 1, inputs)

    batcher = Batcher(fail, batch_size=1, wait_seconds=0)
    async with batcher.running():
        with pytest.raises(RuntimeError, match="out of memory"):
            await batcher.submit(images(0))
        assert (await batcher.submit(images(1))).model == 1
