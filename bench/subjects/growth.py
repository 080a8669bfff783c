"""What grows with the number of samples, pictures or examples, each in a process of its own."""

import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.answering import Values, answer
from bench.dataset import CLASS_NAMES
from jobs.standalone.index import Shares, select, write_samples
from jobs.standalone.index import read_index as read_lines
from workers.data.answers import Answer, HardExample
from workers.data.index_file import read_index, read_labels
from workers.data.round_folder import RoundFolder
from workers.infer.hard_examples import HardExampleStore
from workers.infer.inbox import Inbox
from workers.learning.replay import draw_replay
from workers.storage import Mirror

_TRAIN_PROB = 0.8
_PICTURE = bytes(range(256)) * 32
"""8 KiB, like a camera's JPEG file."""


def index(index: str, model_folder: str, new: int, replay: int) -> Values:
    """Divide the index's last ``new`` lines, and draw ``replay`` of the older samples."""
    train_file, folder = Path(model_folder, "data.txt"), RoundFolder(Path(model_folder), Mirror({}))
    began = time.perf_counter()
    lines = read_lines(Path(index))
    shares = Shares(position=len(lines) - new).grown(len(lines), _TRAIN_PROB)
    write_samples(train_file, select(lines, shares.train))
    labels = read_labels(Path(index), CLASS_NAMES, is_growing=True)
    draw_replay(folder, labels, read_index(train_file, CLASS_NAMES), replay, seed=0)
    return {"seconds": time.perf_counter() - began}


def hard_examples(total: int) -> Values:
    """Keep so many hard examples, of which the quota has room for half."""
    with TemporaryDirectory() as folder:
        store = HardExampleStore(Path(folder), quota=total * len(_PICTURE) // 2)
        began = time.perf_counter()
        for number in range(total):
            example = HardExample.model_validate(_answer(number).model_dump())
            store.save(f"{number}.jpg", _PICTURE + number.to_bytes(4, "big"), example)
        return {"seconds": time.perf_counter() - began}


def inbox(total: int) -> Values:
    """Find so many waiting pictures, write an answer to each, and put it away."""
    with TemporaryDirectory() as folder:
        waiting = Inbox(Path(folder))
        for number in range(total):
            Path(folder, f"{number}.jpg").write_bytes(_PICTURE)
        began, numbers = time.perf_counter(), count()
        for image in waiting.waiting():
            if not waiting.is_answered(image):
                waiting.answer(image, _answer(next(numbers)))
        return {"seconds": time.perf_counter() - began}


def _answer(number: int) -> Answer:
    name = CLASS_NAMES[number % len(CLASS_NAMES)]
    return Answer(
        image=f"{number}.jpg",
        time=datetime.now(UTC),
        label=name,
        probabilities=dict.fromkeys(CLASS_NAMES, 1 / len(CLASS_NAMES)),
        miner="EntropyMiner",
        hard=True,
        model_version="1",
        size=len(_PICTURE),
        modified=0,
    )


if __name__ == "__main__":
    answer(index, hard_examples, inbox)
