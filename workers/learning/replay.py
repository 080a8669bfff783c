"""Older samples to train on in addition to new ones, without touching what it is judged on.

Every round's train worker copies the lines it was given into ``<MODEL_URL>/samples.txt`` before it
does anything else. A later round draws its replay from those files alone; where no worker came
so far, the LocalController's own index file of the round stands in. What the
LocalController kept for evaluation was never given to a train worker, so it is in none of
them: nothing leaks from evaluation into training.

A round that reported no model has trained nothing that lasts, and the LocalController never
gives its samples again: all of them come back, however few are replayed, and count as the new
round's own from then on.

An image that a round could not read is listed in its quarantine file. It was not trained on and
is not drawn, so that later rounds need not try it again. Once it is repaired, append its line to
the index again: then it is new. A bad line comes back by itself once the index has a valid one
for the same path.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from backend.errors import DatasetError
from backend.files import write_atomically
from workers.data.index_file import Sample, format_index, ignore, read_labels, sample_paths
from workers.data.quarantine import read_quarantine
from workers.data.round_folder import RoundFolder
from workers.learning.sampling import draw_evenly, number_kinds

__all__ = ["Replay", "draw_replay", "record_samples", "recorded_labels"]


class Replay(NamedTuple):
    """Samples of earlier rounds."""

    missed: list[Sample]
    """Of rounds that reported no model, and trained on in no other."""
    repeated: dict[Sample, int]
    """A draw from those that were trained on, with the round in which each was new."""


class _Untrained(Enum):
    """Why no round so far has trained on a sample of the index."""

    UNKNOWN = 0
    MISSED = 1
    LEFT_OUT = 2


_Histories = dict[str, _Untrained | int]
"""By path; a number is that of the round in which the sample was new."""


def record_samples(
    folder: RoundFolder,
    index: Path,
    missed: Sequence[Sample] = (),
    class_names: Sequence[str] = (),
) -> None:
    """Write the round's own index file, and what earlier rounds missed, for the rounds to come.

    Raises DatasetError if the index file cannot be read.
    """
    try:
        lines = index.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{index}: the index file cannot be read ({error.strerror}): check that it is there."
        ) from None
    end = b"" if not lines or lines.endswith(b"\n") else b"\n"
    write_atomically(folder.samples, lines + end + format_index(missed, class_names).encode())
    folder.publish(folder.samples)


def recorded_labels(
    folder: RoundFolder, class_names: Sequence[str], renamed: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Return the samples of all earlier rounds, for a worker that cannot see the index.

    The newest class number by path. Raises DatasetError if an earlier file cannot be read.
    """
    labels: dict[str, int] = {}
    for _, file in _recorded_rounds(folder):
        labels |= read_labels(file, class_names, renamed=renamed, on_bad_line=ignore)
    return labels


def draw_replay(
    folder: RoundFolder,
    labels: Mapping[str, int],
    new: Iterable[Sample],
    count: int,
    seed: int,
) -> Replay:
    """Return all missed samples and up to ``count`` repeated ones, as many of each class and round.

    One with too few gives what it has, and the others more. Only samples of the index, whose
    class numbers by path are ``labels``, are drawn, and none of ``new``. The same arguments give
    the same samples. A million samples take about a second and 50 MB.

    Raises DatasetError if an earlier file cannot be read.
    """
    histories: _Histories = dict.fromkeys(labels, _Untrained.UNKNOWN)
    for earlier, file in _recorded_rounds(folder):
        _add_round(earlier, file, histories)
    for path, _ in new:
        histories.pop(path, None)
    missed = [path for path, history in histories.items() if history is _Untrained.MISSED]
    trained = [path for path, history in histories.items() if isinstance(history, int)]
    rounds = [history for history in histories.values() if isinstance(history, int)]
    kinds = number_kinds(zip(rounds, map(labels.__getitem__, trained), strict=True))
    drawn = draw_evenly(kinds, count, seed)
    return Replay(
        missed=[Sample(path, labels[path]) for path in missed],
        repeated={Sample(trained[at], labels[trained[at]]): rounds[at] for at in drawn},
    )


def _add_round(folder: RoundFolder, file: Path, histories: _Histories) -> None:
    """Note what a round, later than those before it, has done with the samples."""
    history = folder.number if folder.is_completed else _Untrained.MISSED
    for path in sample_paths(file):
        if isinstance(histories.get(path), _Untrained):
            histories[path] = history
    if not folder.is_completed:
        return
    # Those that it tried to repeat, too.
    for left_out in read_quarantine(folder.train_quarantine):
        if left_out.path in histories:
            histories[left_out.path] = _Untrained.MISSED if left_out.line else _Untrained.LEFT_OUT


def _recorded_rounds(folder: RoundFolder) -> Iterator[tuple[RoundFolder, Path]]:
    """Yield the earlier rounds of which samples are known, and where; the oldest first."""
    return ((each, each.recorded) for each in folder.earlier() if each.recorded)
