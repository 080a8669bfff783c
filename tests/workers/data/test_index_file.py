import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import DatasetError
from workers.data.index_file import (
    BadLine,
    Sample,
    format_index,
    ignore,
    labelled_images,
    read_index,
    read_labels,
    sample_paths,
)

CLASSES = ("croissant", "dog")

_parts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda part: part not in {".", ".."} and not {"/", "\\"} & set(part)
)
paths = st.lists(
    st.lists(_parts, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=3
).map("/".join)
samples = st.lists(
    st.builds(Sample, paths, st.integers(0, 1)), unique_by=lambda sample: sample.path
)


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "data.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dataset")


@settings(deadline=None)
@given(written=samples)
def test_what_is_written_is_read(folder: Path, written: list[Sample]) -> None:
    file = write(folder, format_index(written, CLASSES))
    assert read_index(file, CLASSES) == written
    assert list(sample_paths(file)) == [sample.path for sample in written]


@settings(deadline=None)
@given(written=samples, repeats=st.integers(2, 4), data=st.data())
def test_repeated_lines_count_once(
    folder: Path, written: list[Sample], repeats: int, data: st.DataObject
) -> None:
    lines = format_index(written, CLASSES).splitlines(keepends=True) * repeats
    file = write(folder, "".join(data.draw(st.permutations(lines))))
    assert {sample.path: sample for sample in read_index(file, CLASSES)} == {
        sample.path: sample for sample in written
    }


@settings(deadline=None)
@given(path=st.text(st.sampled_from("ab./ \\"), min_size=1, max_size=12))
def test_no_accepted_path_leaves_the_folder(folder: Path, path: str) -> None:
    try:
        read = read_index(write(folder, f"{path} dog\n"), CLASSES)
    except DatasetError as error:
        assert "line 1" in str(error)  # noqa: PT017 - either is right
    else:
        assert [folder in (folder / sample.path).resolve().parents for sample in read] == [True]


@settings(deadline=None)
@given(lines=st.lists(st.text(st.sampled_from("ab1./ \\\t\r\x85\u2003\ufffd"), max_size=9)))
def test_lines_are_read_together_as_they_are_read_alone(folder: Path, lines: list[str]) -> None:
    bad: list[tuple[int, str]] = []

    def read(content: str, first: int) -> dict[str, int]:
        file = write(folder, content)
        return read_labels(
            file, "ab", on_bad_line=lambda each: bad.append((first + each.number, each.reason))
        )

    alone: dict[str, int] = {}
    for number, line in enumerate(lines):
        alone |= read(line, number)
    expected, bad = bad, []
    assert list(read("\n".join(lines), 0).items()) == list(alone.items())
    assert bad == expected


@pytest.mark.parametrize(
    "text",
    [
        "a b/c d.jpg dog\nx.jpg croissant\n",
        "a b/c d.jpg 1\nx.jpg 0\n",
        "\ufeffa b/c d.jpg dog\r\n\r\n  \r\nx.jpg\tcroissant",
        "./a b//c d.jpg   dog\nb/../x.jpg croissant",
    ],
)
def test_blanks_numbers_marks_and_line_ends_are_tolerated(tmp_path: Path, text: str) -> None:
    assert read_index(write(tmp_path, text), CLASSES) == [
        Sample("a b/c d.jpg", 1),
        Sample("x.jpg", 0),
    ]


def test_the_newest_label_of_a_path_counts(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg dog\nb.jpg dog\na.jpg croissant\n")
    assert read_index(file, CLASSES) == [Sample("a.jpg", 0), Sample("b.jpg", 1)]


def test_a_class_name_goes_before_a_number(tmp_path: Path) -> None:
    assert read_index(write(tmp_path, "a.jpg 1\n"), ("1", "0")) == [Sample("a.jpg", 0)]


def test_a_growing_file_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg dog\nb.jpg cro")
    assert read_index(file, CLASSES, is_growing=True) == [Sample("a.jpg", 1)]


BAD_LINES: list[tuple[str | bytes, str]] = [
    ("a.jpg dog\nb.jpg wolf\n", "line 2: the label 'wolf' .* croissant, dog"),
    ("a.jpg 2\n", "line 1: the label '2'"),
    ("\n\na.jpg\n", "line 3: 'a.jpg' has no label"),
    ("../a.jpg dog\n", "line 1: the path '../a.jpg' is not in"),
    ("a/../../b.jpg dog\n", "line 1: the path"),
    ("/etc/a.jpg dog\n", "line 1: the path"),
    ("//etc/a.jpg dog\n", "line 1: the path"),
    (". dog\n", "line 1: the path"),
    ("a\0b.jpg dog\n", "line 1: the path .* control character"),
    ("a\x1b[31mb.jpg dog\n", "line 1: the path .* control character"),
    ("day\\1.jpg dog\n", "line 1: the path .* backslash: separate folders with /"),
    ("a b.jpg dog\rc.jpg dog\r", "line 1: it contains carriage returns"),
    (b"a.jpg dog\n\xff.jpg dog\n", "line 2: it is not UTF-8"),
    ("a" * 5000 + ".jpg dog", "line 1: it has more than 4096 characters"),
    ("a.jpg dog\na.jpg " + "d" * 3_000_000, "line 2: it has more than 4096 characters"),
]


@pytest.mark.parametrize(("text", "expected"), BAD_LINES)
def test_a_bad_line_is_refused_with_file_and_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    with pytest.raises(DatasetError, match=f"data.txt, {expected}") as caught:
        read_index(write(tmp_path, text), CLASSES)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("text", "expected"), BAD_LINES)
def test_a_bad_line_is_left_out_and_all_others_are_read(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    bad: list[BadLine] = []
    content = text if isinstance(text, bytes) else text.encode()
    file = write(tmp_path, content.rstrip(b"\n") + b"\nlast.jpg dog\n")
    assert read_index(file, CLASSES, on_bad_line=bad.append)[-1] == Sample("last.jpg", 1)
    (line,) = bad
    assert re.match(expected, f"line {line.number}: {line.reason}")
    assert Sample("last.jpg", 1) in read_index(file, CLASSES, on_bad_line=ignore)
    assert "last.jpg" in sample_paths(file)


def test_a_mistake_far_down_is_named_with_its_line(tmp_path: Path) -> None:
    lines = [f"{number:07}.jpg dog" for number in range(100_000)]
    lines[98_765] = "wolf.jpg wolf"
    bad: list[BadLine] = []
    read = read_index(write(tmp_path, "\n".join(lines)), CLASSES, on_bad_line=bad.append)
    lines[98_765] = "\udcff.jpg dog"
    broken = "\n".join(lines).encode(errors="surrogateescape")
    assert read_index(write(tmp_path, broken), CLASSES, on_bad_line=bad.append) == read
    assert [(line.number, line.path) for line in bad] == [(98_766, "wolf.jpg"), (98_766, "")]


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg dog\n")
    os.truncate(file, 2**30 + 1)
    with pytest.raises(DatasetError, match=r"data\.txt: the index file is larger than 1 GiB"):
        read_index(file, CLASSES)


def test_a_growing_file_may_end_within_a_letter(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg dog\nü.jpg dog".encode()[:-9])
    assert read_index(file, CLASSES, is_growing=True) == [Sample("a.jpg", 1)]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.txt: the index file cannot be read \(No such"):
        read_index(tmp_path / "none.txt", CLASSES)


def test_images_lie_in_the_datasets_folder(tmp_path: Path) -> None:
    images = labelled_images(tmp_path, [Sample("a/b.jpg", 1)])
    assert images.x == [tmp_path / "a" / "b.jpg"]
    assert images.y == [1]


def test_a_renamed_class_is_read_under_its_old_name_too(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg hound\nb.jpg dog\nc.jpg bun\n")
    renamed = {"hound": "dog", "bun": "croissant"}
    assert read_index(file, CLASSES, renamed=renamed) == [
        Sample("a.jpg", 1),
        Sample("b.jpg", 1),
        Sample("c.jpg", 0),
    ]
