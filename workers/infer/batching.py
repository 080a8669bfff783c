"""Runs requests that arrive at the same time through the network together.

While two batches are computed the next one gathers. A batch holds whole requests only and is
computed by one model, so each answer comes from exactly one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
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
    """What a network says of N images, and the model that it is."""

    probabilities: Array
    """(N, C)."""
    model: M
    features: Array
    """(N, F), what the head is given; F is 0 for a network that does not tell it."""


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
        self._in_flight = 0
        self._timer: asyncio.Handle | None = None
        """Starts the next batch."""
        self._executor: ThreadPoolExecutor | None = None

    async def submit(self, inputs: Array) -> Scores[M]:
        """Return the scores of inputs (N, 3, S, S); raises what ``score`` raises."""
        request = _Request[M](inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._schedule()
        return await request.answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while the block runs."""
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="batch") as self._executor:
            yield

    def _schedule(self) -> None:
        """Start a batch once this turn of the loop is over, and with it who asks now, too."""
        loop = asyncio.get_running_loop()
        is_full = sum(len(each.inputs) for each in self._waiting) >= self._batch_size
        if self._timer is not None and is_full:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            delay = 0 if is_full else self._wait_seconds
            self._timer = (
                loop.call_later(delay, self._start) if delay else loop.call_soon(self._start)
            )

    def _start(self) -> None:
        self._timer = None
        while self._executor and self._in_flight < _IN_FLIGHT and (batch := self._take()):
            self._in_flight += 1
            self._compute_in(self._executor, batch)

    def _compute_in(self, executor: ThreadPoolExecutor, batch: list[_Request[M]]) -> None:
        loop = asyncio.get_running_loop()

        def finish(computed: Future[list[Scores[M]]]) -> None:
            loop.call_soon_threadsafe(self._finish, batch, computed)

        executor.submit(self._compute, batch).add_done_callback(finish)

    def _take(self) -> list[_Request[M]]:
        """Take requests off the queue until a batch is full; abandoned ones are dropped."""
        batch: list[_Request[M]] = []
        room = self._batch_size
        while self._waiting and (not batch or len(self._waiting[0].inputs) <= room):
            request = self._waiting.popleft()
            if not request.answer.done():
                batch.append(request)
                room -= len(request.inputs)
        return batch

    def _compute(self, batch: list[_Request[M]]) -> list[Scores[M]]:
        if len(batch) == 1:
            return [self._score(batch[0].inputs)]
        inputs = [request.inputs for request in batch]
        probabilities, model, features = self._score(np.concatenate(inputs))
        ends = np.cumsum([len(each) for each in inputs])[:-1]
        parts = zip(np.split(probabilities, ends), np.split(features, ends), strict=True)
        return [Scores(part, model, of_part) for part, of_part in parts]

    def _finish(self, batch: list[_Request[M]], computed: Future[list[Scores[M]]]) -> None:
        """Hand each request its scores, or the error that its sender is told."""
        self._in_flight -= 1
        error = computed.exception()
        for number, request in enumerate(batch):
            if request.answer.done():
                continue
            if error:
                request.answer.set_exception(error)
            else:
                request.answer.set_result(computed.result()[number])
        if self._waiting:
            self._schedule()
