"""Reads, divides and samples an index, as a standalone round does it, in one process."""

import time
from pathlib import Path

from bench.answering import Values, answer
from bench.dataset import CLASS_NAMES
from jobs.standalone.index import Shares, read_index, select, write_samples
from workers.data.index_file import read_index as read_samples
from workers.data.index_file import read_labels
from workers.data.round_folder import RoundFolder
from workers.learning.replay import draw_replay
from workers.storage import Mirror

_TRAIN_PROB = 0.8


def million_samples(index: str, model_folder: str, new: int, replay: int) -> Values:
    """Divide the index's last ``new`` lines, and draw ``replay`` of the older samples."""
    train_file, folder = Path(model_folder, "data.txt"), RoundFolder(Path(model_folder), Mirror({}))
    began = time.perf_counter()
    _divide(Path(index), new, train_file)
    labels = read_labels(Path(index), CLASS_NAMES, is_growing=True)
    draw_replay(folder, labels, read_samples(train_file, CLASS_NAMES), replay, seed=0)
    return {"seconds": time.perf_counter() - began}


def _divide(index: Path, new: int, train_file: Path) -> None:
    lines = read_index(index)
    shares = Shares(position=len(lines) - new).grown(len(lines), _TRAIN_PROB)
    write_samples(train_file, select(lines, shares.train))


if __name__ == "__main__":
    answer(million_samples)
