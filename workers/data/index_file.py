"""Index files: one sample a line, ``path label``.

The label is the last field, a class name or its number; the path may contain blanks and is
relative to the dataset's folder. Blank lines, a byte order mark and CRLF are ignored. A line that
is not a sample is a bad line: it is left out with its reason, or it ends the reading.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import fstat
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from backend.errors import DatasetError
from backend.images.preprocessing import LabelledImages

__all__ = [
    "BadLine",
    "Sample",
    "format_index",
    "ignore",
    "labelled_images",
    "read_index",
    "read_labels",
    "sample_paths",
]

_FIELDS = 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# The longest path of Linux; no one writes a gigabyte of them by hand.
_LONGEST_LINE = 4096
_LARGEST_INDEX = 2**30
_BLOCK = 2**20

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ODD = re.compile(rf"^[/.]|/$|/\.|//|\\|{_CONTROL.pattern}")
"""What a path needs a closer look for."""


class Sample(NamedTuple):
    """One image of the dataset and its class."""

    path: str
    """Relative to the dataset's folder, without ``.`` and ``..``."""
    label: int
    """The class's number, from 0."""


class BadLine(NamedTuple):
    """A line that is not a sample."""

    number: int
    """From 1."""
    reason: str
    path: str = ""
    """The sample's, where only its label is wrong."""
    label: str = ""
    """The wrong label."""


OnBadLine = Callable[[BadLine], None]


def ignore(_: BadLine) -> None:
    """Skip bad lines silently: another reader of the file reports them."""


def read_index(
    file: Path,
    class_names: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
    on_bad_line: OnBadLine | None = None,
    is_growing: bool = False,
) -> list[Sample]:
    """Return the samples of an index file, each path once, in order; the last label counts.

    Takes and raises what `read_labels` does.
    """
    labels = read_labels(
        file, class_names, renamed=renamed, on_bad_line=on_bad_line, is_growing=is_growing
    )
    return list(map(Sample._make, labels.items()))


def read_labels(
    file: Path,
    class_names: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
    on_bad_line: OnBadLine | None = None,
    is_growing: bool = False,
) -> dict[str, int]:
    """Return the class number of each path in an index file, in order; the last label counts.

    A million lines take about a second and 150 MB.

    Args:
        file: The index file.
        class_names: The classes, in the order of their numbers.
        renamed: Old names of classes to the names that they have now.
        on_bad_line: Called for each line that is not a sample; without it such a line raises.
        is_growing: Whether it may still be being written: then an incomplete last line is ignored.

    Raises:
        DatasetError: If the file cannot be read or is larger than 1 GiB; it names the file and,
            for a bad line, the line.
    """
    numbers = {str(number): number for number in range(len(class_names))}
    numbers |= {name: number for number, name in enumerate(class_names)}
    numbers |= {old: numbers[new] for old, new in (renamed or {}).items() if new in numbers}
    bad = on_bad_line or _refuse(file)
    labels: dict[str, int] = {}
    for line, path, label in _fields(file, bad, is_growing):
        number = numbers.get(label)
        if number is None:
            bad(_unknown(line, path, label, class_names))
        else:
            labels[path] = number
    return labels


def sample_paths(file: Path) -> Iterator[str]:
    """Return the path of each line of an index file, whatever its label, without bad lines.

    Raises DatasetError if the file cannot be read.
    """
    return (path for _, path, _ in _fields(file, ignore))


def format_index(samples: Iterable[Sample], class_names: Sequence[str]) -> str:
    """Return the text of an index file that `read_index` reads as these samples."""
    return "".join(f"{sample.path} {class_names[sample.label]}\n" for sample in samples)


def labelled_images(folder: Path, samples: Sequence[Sample]) -> LabelledImages:
    """Return the samples with their paths under the dataset's folder."""
    return LabelledImages(
        x=[folder / sample.path for sample in samples], y=[sample.label for sample in samples]
    )


def _refuse(file: Path) -> OnBadLine:
    def refuse(line: BadLine) -> None:
        raise DatasetError(f"{file}, line {line.number}: {line.reason}.")

    return refuse


def _fields(
    file: Path, on_bad_line: OnBadLine, is_growing: bool = False
) -> Iterator[tuple[int, str, str]]:
    """Yield number, path and label of each line that is not blank."""
    for number, line in _lines(file, is_growing):
        if isinstance(line, bytes):
            on_bad_line(BadLine(number, "it is not UTF-8 text: save the file as UTF-8"))
            continue
        fields = line.split()
        # Nearly every line is so plain that a million of them need not be taken apart.
        if len(fields) == _FIELDS and not _ODD.search(fields[0]) and len(line) <= _LONGEST_LINE:
            yield number, fields[0], fields[1]
        elif fields:
            try:
                yield number, *_parse(line.strip())
            except DatasetError as error:
                on_bad_line(BadLine(number, str(error)))


def _lines(file: Path, is_growing: bool) -> Iterator[tuple[int, str | bytes]]:
    """Yield each line's number, from 1, and text; as bytes where it is not UTF-8."""
    first = 1
    for block in _blocks(file, is_growing):
        content = block.removeprefix(_BYTE_ORDER_MARK) if first == 1 else block
        try:
            lines: Sequence[str | bytes] = content.decode().split("\n")
        except UnicodeDecodeError:
            lines = [_decoded(line) for line in content.split(b"\n")]
        yield from enumerate(lines, first)
        first += len(lines)


def _decoded(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _blocks(file: Path, is_growing: bool) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            if fstat(opened.fileno()).st_size > _LARGEST_INDEX:
                raise DatasetError(f"{file}: the index file is larger than 1 GiB: split it.")
            yield from _whole_lines(opened, is_growing)
    except OSError as error:
        raise DatasetError(
            f"{file}: the index file cannot be read ({error.strerror}): check that it is there."
        ) from None


def _whole_lines(opened: BinaryIO, is_growing: bool) -> Iterator[bytes]:
    """Yield thousands of lines at once: one by one takes twice the time."""
    rest = b""
    while block := opened.read(_BLOCK):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield lines
        elif len(rest) > _BLOCK:
            # It is a bad line already: its end need not be kept.
            rest = rest[:_BLOCK]
    if not is_growing:
        yield rest


def _parse(line: str) -> tuple[str, str]:
    if len(line) > _LONGEST_LINE:
        raise DatasetError(f"it has more than {_LONGEST_LINE} characters: shorten the path")
    if "\r" in line:
        raise DatasetError("it contains carriage returns: end each line with a line feed")
    fields = line.rsplit(maxsplit=1)
    if len(fields) < _FIELDS:
        raise DatasetError(f"{fields[0]!r} has no label: write `path label`")
    path, label = fields
    if "\\" in path:
        raise DatasetError(f"the path {path!r} contains a backslash: separate folders with /")
    if _CONTROL.search(path):
        raise DatasetError(f"the path {path!r} contains a control character: rename the image")
    return _inside(path), label


def _inside(path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise _outside(path)
    if not parts or PurePosixPath(path).is_absolute():
        raise _outside(path)
    return "/".join(parts)


def _outside(path: str) -> DatasetError:
    return DatasetError(
        f"the path {path!r} is not in the dataset's folder: write it relative to that folder"
    )


def _unknown(number: int, path: str, label: str, class_names: Sequence[str]) -> BadLine:
    expected = f"use one of {', '.join(class_names)} or its number"
    return BadLine(number, f"the label {label!r} is not a class: {expected}", path, label)
