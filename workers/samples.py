"""Index files: one sample a line, ``path label``.

The label is the last field, a class name or its number; the path may hold blanks and is
relative to the dataset's folder. Blank lines, a byte order mark and CRLF are passed over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from backend.errors import DatasetError
from backend.preprocessing import LabelledImages

__all__ = ["Sample", "format_index", "labelled_images", "read_index", "sample_paths"]

_FIELDS = 2


@dataclass(frozen=True)
class Sample:
    """One image of the dataset and its class."""

    path: str
    """Relative to the dataset's folder, without ``.`` and ``..``."""
    label: int
    """The class's number, from 0."""


class _Line(NamedTuple):
    place: str
    path: str
    label: str


def read_index(file: Path, class_names: Sequence[str], *, is_growing: bool = False) -> list[Sample]:
    """Return the samples of an index file, each path once, in order; the last label counts.

    ``is_growing`` passes over a last line without an end, which somebody may be writing.
    Raises DatasetError, which names file and line, for what is no sample.
    """
    numbers = {str(number): number for number in range(len(class_names))}
    numbers |= {name: number for number, name in enumerate(class_names)}
    labels = {
        line.path: _class_number(line, class_names, numbers) for line in _lines(file, is_growing)
    }
    return [Sample(path, label) for path, label in labels.items()]


def sample_paths(file: Path) -> set[str]:
    """Return the paths in an index file, whatever their labels; raises DatasetError."""
    return {line.path for line in _lines(file)}


def format_index(samples: Iterable[Sample], class_names: Sequence[str]) -> str:
    """Return the text of an index file that `read_index` reads as these samples."""
    return "".join(f"{sample.path} {class_names[sample.label]}\n" for sample in samples)


def labelled_images(folder: Path, samples: Sequence[Sample]) -> LabelledImages:
    """Return the samples with their paths under the dataset's folder."""
    return LabelledImages(
        x=[folder / sample.path for sample in samples], y=[sample.label for sample in samples]
    )


def _lines(file: Path, is_growing: bool = False) -> Iterator[_Line]:
    texts = _read(file).split("\n")
    for number, text in enumerate(texts[:-1] if is_growing else texts, start=1):
        if text.strip():
            yield _parse(f"{file}, line {number}", text)


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DatasetError(f"{file}, line {number}: is not UTF-8 text: save it as such.") from None
    except OSError as error:
        raise DatasetError(
            f"{file}: the index file cannot be read ({error.strerror}): check that it is there."
        ) from None


def _parse(place: str, text: str) -> _Line:
    fields = text.strip().rsplit(maxsplit=1)
    if len(fields) < _FIELDS:
        raise DatasetError(f"{place}: {fields[0]!r} has no label: write `path label`.")
    return _Line(place, _inside(place, fields[0]), fields[1])


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


def _class_number(line: _Line, class_names: Sequence[str], numbers: Mapping[str, int]) -> int:
    if line.label not in numbers:
        raise DatasetError(
            f"{line.place}: the label {line.label!r} is no class:"
            f" use one of {', '.join(class_names)} or its number."
        )
    return numbers[line.label]
