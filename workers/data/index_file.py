"""Index files: one sample a line, ``path label``.

The label is the last field, a class name or its number; the path may hold blanks and is
relative to the dataset's folder. Blank lines, a byte order mark and CRLF are passed over.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from os import fstat
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from backend.errors import DatasetError
from backend.images.preprocessing import LabelledImages

__all__ = ["Sample", "format_index", "labelled_images", "read_index", "read_labels", "sample_paths"]

_FIELDS = 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Linux takes no longer path, and nobody writes a gigabyte of them by hand.
_LONGEST_LINE = 4096
_LARGEST_INDEX = 2**30
_BLOCK = 2**20


class Sample(NamedTuple):
    """One image of the dataset and its class."""

    path: str
    """Relative to the dataset's folder, without ``.`` and ``..``."""
    label: int
    """The class's number, from 0."""


def read_index(file: Path, class_names: Sequence[str], *, is_growing: bool = False) -> list[Sample]:
    """Return the samples of an index file, each path once, in order; the last label counts.

    Raises as `read_labels` does.
    """
    labels = read_labels(file, class_names, is_growing=is_growing)
    return list(map(Sample._make, labels.items()))


def read_labels(
    file: Path, class_names: Sequence[str], *, is_growing: bool = False
) -> dict[str, int]:
    """Return the class number of each path in an index file, in order; the last label counts.

    ``is_growing`` passes over a last line without an end, which somebody may be writing. A
    million lines take about a second and 150 MB.

    Raises DatasetError, which names file and line, for what is no sample, and for a line of
    more than 4096 characters or a file of more than 1 GiB.
    """
    numbers = {str(number): number for number in range(len(class_names))}
    numbers |= {name: number for number, name in enumerate(class_names)}
    labels: dict[str, int] = {}
    for line, path, label in _fields(file, is_growing):
        number = numbers.get(label)
        if number is None:
            raise _unknown(f"{file}, line {line}", label, class_names)
        labels[path] = number
    return labels


def sample_paths(file: Path) -> Iterator[str]:
    """Return the path of each line of an index file, whatever its label; raises DatasetError."""
    return map(itemgetter(1), _fields(file))


def format_index(samples: Iterable[Sample], class_names: Sequence[str]) -> str:
    """Return the text of an index file that `read_index` reads as these samples."""
    return "".join(f"{sample.path} {class_names[sample.label]}\n" for sample in samples)


def labelled_images(folder: Path, samples: Sequence[Sample]) -> LabelledImages:
    """Return the samples with their paths under the dataset's folder."""
    return LabelledImages(
        x=[folder / sample.path for sample in samples], y=[sample.label for sample in samples]
    )


def _fields(file: Path, is_growing: bool = False) -> Iterator[tuple[int, str, str]]:
    """Yield number, path and label of each line that is not blank."""
    for number, text in _lines(file, is_growing):
        fields = text.split()
        # Nearly every line is so plain that a million of them need not be taken apart.
        if len(fields) == _FIELDS and _is_plain(fields[0]):
            yield number, fields[0], fields[1]
        elif fields:
            yield number, *_parse(f"{file}, line {number}", text.strip())


def _lines(file: Path, is_growing: bool) -> Iterator[tuple[int, str]]:
    """Yield each line's number, from 1, and text."""
    first = 1
    for block in _blocks(file, is_growing):
        texts = _decoded(file, first, block).split("\n")
        if max(map(len, texts)) > _LONGEST_LINE:
            raise _too_long(file)
        yield from enumerate(texts, first)
        first += len(texts)


def _blocks(file: Path, is_growing: bool) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            if fstat(opened.fileno()).st_size > _LARGEST_INDEX:
                raise DatasetError(f"{file}: is larger than 1 GiB: divide the dataset.")
            yield from _whole_lines(file, opened, is_growing)
    except OSError as error:
        raise DatasetError(
            f"{file}: the index file cannot be read ({error.strerror}): check that it is there."
        ) from None


def _whole_lines(file: Path, opened: BinaryIO, is_growing: bool) -> Iterator[bytes]:
    """Yield thousands of lines at once: one by one takes twice the time."""
    rest = b""
    while block := opened.read(_BLOCK):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > _BLOCK:
            raise _too_long(file)
        if end:
            yield lines
    if not is_growing:
        yield rest


def _too_long(file: Path) -> DatasetError:
    return DatasetError(f"{file}: has a line of more than 4096 characters: shorten it.")


def _decoded(file: Path, first: int, block: bytes) -> str:
    try:
        return (block.removeprefix(_BYTE_ORDER_MARK) if first == 1 else block).decode()
    except UnicodeDecodeError as error:
        number = first + block[: error.start].count(b"\n")
        raise DatasetError(f"{file}, line {number}: is not UTF-8 text: save it as such.") from None


def _is_plain(path: str) -> bool:
    is_odd = path[0] in "/." or path[-1] == "/" or "/." in path or "//" in path or "\0" in path
    return not is_odd


def _parse(place: str, text: str) -> tuple[str, str]:
    fields = text.rsplit(maxsplit=1)
    if len(fields) < _FIELDS:
        raise DatasetError(f"{place}: {fields[0]!r} has no label: write `path label`.")
    return _inside(place, fields[0]), fields[1]


def _inside(place: str, path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise _outside(place, path)
    if not parts or PurePosixPath(path).is_absolute() or "\0" in path:
        raise _outside(place, path)
    return "/".join(parts)


def _outside(place: str, path: str) -> DatasetError:
    return DatasetError(
        f"{place}: the path {path!r} is no file in the dataset's folder: write it relative to it."
    )


def _unknown(place: str, label: str, class_names: Sequence[str]) -> DatasetError:
    return DatasetError(
        f"{place}: the label {label!r} is no class:"
        f" use one of {', '.join(class_names)} or its number."
    )
