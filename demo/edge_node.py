"""The edge node's folders: pictures come in, hard examples come out and get their labels."""

from collections.abc import Iterable
from pathlib import Path

from watchfiles import awatch

from backend.files import write_atomically
from workers.data.answers import HardExample
from workers.infer.inbox import DONE_FOLDER
from workers.learning.offering import offered

__all__ = ["EdgeNode"]

_LONGEST_WAIT_MS = 1000


class EdgeNode:
    """What a person at the edge node sees of the inference worker."""

    def __init__(self, inbox: Path, hard_examples: Path) -> None:
        """Watch an inference worker with these folders."""
        self._inbox = inbox
        self._hard_examples = hard_examples

    async def classify(self, pictures: Iterable[Path]) -> None:
        """Hand pictures to the inference worker and wait until it has answered them all."""
        done = self._inbox / DONE_FOLDER
        done.mkdir(parents=True, exist_ok=True)
        missing = set()
        for picture in pictures:
            hidden = self._inbox / f".{picture.name}"
            picture.replace(hidden)
            hidden.rename(self._inbox / picture.name)
            missing.add(done / f"{picture.name}.json")
        async for _ in awatch(done, yield_on_timeout=True, rust_timeout=_LONGEST_WAIT_MS):
            missing = {answer for answer in missing if not answer.exists()}
            if not missing:
                return

    def unlabelled(self) -> list[tuple[Path, HardExample]]:
        """Return the hard examples without a label, in the order in which to label them."""
        sidecars = self._hard_examples.glob("*.json")
        examples = [HardExample.model_validate_json(sidecar.read_bytes()) for sidecar in sidecars]
        labelled = [example for example in examples if example.true_label is not None]
        waiting = [example for example in examples if example.true_label is None]
        ordered = offered(waiting, labelled)
        return [(self._hard_examples / example.image, example) for example in ordered]

    def label(self, picture: Path, example: HardExample, true_label: str) -> None:
        """Write down what a hard example really shows."""
        labelled = example.model_copy(update={"true_label": true_label})
        write_atomically(picture.with_suffix(".json"), labelled.to_json())
