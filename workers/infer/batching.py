"""Runs requests that arrive at the same time through the network together.

While two batches are computed the next one gathers. A batch holds whole requests only and is
computed by one model, so each answer comes from exactly one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batcher", "Scores"]

_IN_FLIGHT = 2
"""Batches computed at a time, so that no core waits for the next one."""

Array = NDArray[np.float32]
M = TypeVar("M")


class Scores(NamedTuple, Generic[M]):
    """Probabilities (N, C), and the model that gave them."""

    probabilities: Array
    model: M


@dataclass(frozen=True)
class _Request(Generic[M]):
    inputs: Array
    answer: asyncio.Future[Scores[M]]


class Batcher(Generic[M]):
    """Answers within one event loop; the network runs in threads of its own.

    The caller bounds how much may wait (`workers.http.capacity`).
    """

    def __init__(
        self, score: Callable[[Array], Scores[M]], *, batch_size: int, wait_seconds: float
    ) -> None:
        """Create an idle batcher; `running` starts it.

        Args:
            score: Runs the network on inputs (N, 3, S, S); threads share it.
            batch_size: Images in a full batch; a larger request is a batch of its own.
            wait_seconds: How long an incomplete batch waits for more images.
        """
        self._score = score
        self._batch_size = batch_size
        self._wait_seconds = wait_seconds
        self._waiting: deque[_Request[M]] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    async def submit(self, inputs: Array) -> Scores[M]:
        """Return the scores of inputs (N, 3, S, S); raises what ``score`` raises."""
        request = _Request[M](inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._arrived.set()
        if sum(len(each.inputs) for each in self._waiting) >= self._batch_size:
            self._full.set()
        return await request.answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while the block runs."""
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="batch") as executor:
            workers = [asyncio.create_task(self._work(executor)) for _ in range(_IN_FLIGHT)]
            try:
                yield
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.wait(workers)

    async def _work(self, executor: ThreadPoolExecutor) -> None:
        while True:
            await self._arrived.wait()
            await self._gather()
            if batch := self._take():
                await self._answer(batch, executor)

    async def _gather(self) -> None:
        if self._wait_seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_seconds):
                    await self._full.wait()

    def _take(self) -> list[_Request[M]]:
        """Take requests off the queue until a batch is full; abandoned ones are dropped."""
        batch: list[_Request[M]] = []
        room = self._batch_size
        while self._waiting and (not batch or len(self._waiting[0].inputs) <= room):
            request = self._waiting.popleft()
            if not request.answer.done():
                batch.append(request)
                room -= len(request.inputs)
        if not self._waiting:
            self._arrived.clear()
        self._full.clear()
        return batch

    async def _answer(self, batch: list[_Request[M]], executor: ThreadPoolExecutor) -> None:
        inputs = [request.inputs for request in batch]
        together = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        loop = asyncio.get_running_loop()
        try:
            scores = await loop.run_in_executor(executor, self._score, together)
        except Exception as error:  # noqa: BLE001 - each request's sender is told of it
            for request in batch:
                if not request.answer.done():
                    request.answer.set_exception(error)
            return
        ends = np.cumsum([len(each) for each in inputs])[:-1]
        parts = np.split(scores.probabilities, ends)
        for request, part in zip(batch, parts, strict=True):
            if not request.answer.done():
                request.answer.set_result(Scores(part, scores.model))
