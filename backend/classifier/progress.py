"""What training shows of itself. Imports MindSpore: the toolkit prepares it before."""

import logging
import sys
import time
from typing import Any

import numpy as np
from mindspore.train import Callback
from tqdm import tqdm

from backend.metrics import Metrics

__all__ = ["Progress"]

_log = logging.getLogger(__name__)


class Progress(Callback):
    """A bar on a terminal, one log line an epoch elsewhere; collects each epoch's metrics."""

    def __init__(self, epochs: int, steps: int, metrics: Metrics) -> None:
        """Show ``epochs`` epochs of ``steps`` steps; ``metrics`` are of those done before."""
        super().__init__()
        self.metrics: Metrics = {"loss": [], "seconds": []} | {**metrics}
        self._epochs = epochs
        self._losses: list[float] = []
        self._started = time.monotonic()
        self._bar = tqdm(
            total=epochs * steps,
            initial=self.epochs_done * steps,
            unit="step",
            disable=not sys.stderr.isatty(),
            leave=False,
        )

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()

    @property
    def epochs_done(self) -> int:
        """How many epochs have ended."""
        return len(self.metrics["loss"])

    def on_train_epoch_begin(self, _: Any) -> None:
        """Start the epoch's clock."""
        self._losses = []
        self._started = time.monotonic()

    def on_train_step_end(self, run_context: Any) -> None:
        """Show the step and its loss."""
        loss = run_context.original_args().net_outputs
        self._losses.append(float(loss.asnumpy().mean()))
        self._bar.update()
        self._bar.set_postfix(loss=f"{self._losses[-1]:.3f}", refresh=False)

    def on_train_epoch_end(self, _: Any) -> None:
        """Keep the epoch's metrics, and log them where there is no bar."""
        loss, seconds = float(np.mean(self._losses)), time.monotonic() - self._started
        self.metrics["loss"].append(loss)
        self.metrics["seconds"].append(seconds)
        if self._bar.disable:
            done = self.epochs_done
            _log.info("epoch %d/%d: loss %.3f, %.1f s", done, self._epochs, loss, seconds)
