"""Reads, divides and samples an index, as a standalone round does it, in one process."""

import time
from collections.abc import Mapping
from pathlib import Path

from bench.answering import answer
from bench.dataset import CLASS_NAMES
from jobs.standalone.index import Shares, read_index, select, write_samples
from workers.data.index_file import read_index as read_samples
from workers.data.index_file import read_labels
from workers.data.round_folder import RoundFolder
from workers.learning.replay import draw_replay
from workers.storage import Mirror

_TRAIN_PROB = 0.8


def run(index: str, model_folder: str, new: int, replay: int) -> Mapping[str, float]:
    """Divide the index's last ``new`` lines, and draw ``replay`` of the older samples."""
    train_file = Path(model_folder, "data.txt")
    began = time.perf_counter()
    _divide(Path(index), new, train_file)
    divided = time.perf_counter()
    labels = read_labels(Path(index), CLASS_NAMES, is_growing=True)
    read = time.perf_counter()
    folder = RoundFolder(Path(model_folder), Mirror({}))
    new_samples = read_samples(train_file, CLASS_NAMES)
    drawn = draw_replay(folder, labels, new_samples, replay, seed=0)
    ended = time.perf_counter()
    return {
        "seconds": ended - began,
        "divide_seconds": divided - began,
        "read_seconds": read - divided,
        "replay_seconds": ended - read,
        "drawn": len(drawn.repeated),
    }


def _divide(index: Path, new: int, train_file: Path) -> None:
    lines = read_index(index)
    shares = Shares(position=len(lines) - new).grown(len(lines), _TRAIN_PROB)
    write_samples(train_file, select(lines, shares.train))


if __name__ == "__main__":
    answer(run)
