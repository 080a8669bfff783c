"""Index files: one sample a line, ``path label``.

The label is the last field, a class name or its number; the path may contain blanks and is
relative to the dataset's folder. Blank lines, a byte order mark and CRLF are ignored. A line that
is not a sample is a bad line: it is left out with its reason, or it ends the reading.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
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
_REPLACEMENT = "\ufffd"
"""Stands for what is not UTF-8."""

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_PART = rf"[^\s/\\.{_CONTROLS}][^\s/\\{_CONTROLS}]{{0,254}}+"
_PLAIN = re.compile(rf"(?:{_PART}(?:/{_PART}){{0,13}}+[ \t]\S{{1,255}}+\r?+(?:\n|\Z))*+")
"""Lines that need no closer look, of less than _LONGEST_LINE."""


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

    A million lines take less than a second, and 150 MB.

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
    for first, paths, names in _fields(file, bad, is_growing):
        try:
            labels.update(zip(paths, [numbers[name] for name in names], strict=True))
        except KeyError:
            for line, path, name in zip(count(first), paths, names, strict=False):
                if name in numbers:
                    labels[path] = numbers[name]
                else:
                    bad(_unknown(line, path, name, class_names))
    return labels


def sample_paths(file: Path) -> Iterator[str]:
    """Return the path of each line of an index file, whatever its label, without bad lines.

    Raises DatasetError if the file cannot be read.
    """
    return (path for _, paths, _ in _fields(file, ignore) for path in paths)


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
) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield a line's number, and path and label of this and following lines."""
    first = 1
    for block in _blocks(file, is_growing):
        content = block.removeprefix(_BYTE_ORDER_MARK) if first == 1 else block
        text = content.decode(errors="replace")
        # Nearly all lines are so plain that a million of them need not be looked at one by one.
        if _PLAIN.fullmatch(text) and _REPLACEMENT not in text:
            fields = text.split()
            yield first, fields[::2], fields[1::2]
        else:
            for number, line in enumerate(content.split(b"\n"), first):
                try:
                    fields = _parse(line)
                except DatasetError as error:
                    on_bad_line(BadLine(number, str(error)))
                else:
                    yield number, fields[:1], fields[1:]
        first += content.count(b"\n") + 1


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


def _parse(content: bytes) -> list[str]:
    """Return a line's path and label, or nothing of a blank line."""
    try:
        line = content.decode().strip()
    except UnicodeDecodeError:
        raise DatasetError("it is not UTF-8 text: save the file as UTF-8") from None
    if _PLAIN.fullmatch(line):
        return line.split()
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
    return [_inside(path), label]


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
