import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.workers.infer.conftest import noise
from tests.workers.label.conftest import START
from workers.data.answers import HardExample, packed_features
from workers.infer.hard_examples import HardExampleStore
from workers.label.dataset import LabelledFolder
from workers.label.examples import ExampleFolder
from workers.label.labelling import NONE, Labelling, UnknownExampleError

Fill = Callable[[int], list[str]]
Start = Callable[[], Labelling]


def waiting(labelling: Labelling) -> list[str]:
    return [example.image for example in labelling.waiting()]


def lines(index: Path) -> list[str]:
    return index.read_text().splitlines() if index.exists() else []


def test_the_most_uncertain_come_first_and_skipped_ones_last(fill: Fill, start: Start) -> None:
    names, labelling = fill(4), start()
    assert waiting(labelling) == names
    labelling.skip(names[1])
    labelling.skip(names[0])
    assert waiting(labelling) == [names[2], names[3], names[1], names[0]]


def test_labels_enter_the_dataset_together_and_pictures_move(
    fill: Fill, start: Start, index: Path, folder: Path
) -> None:
    names, labelling = fill(5), start()
    for name in names[:3]:
        labelling.label(name, "dog")
    assert lines(index) == []
    labelling.label(names[3], "croissant")
    assert set(lines(index)) == {f"hard-examples/{name} dog" for name in names[:3]}
    assert labelling.counts == (1, 1, 3)
    assert labelling.save() == 1
    assert lines(index)[3:] == [f"hard-examples/{names[3]} croissant"]
    assert sorted(path.name for path in folder.glob("*.png")) == [names[4]]
    assert sorted(p.name for p in (index.parent / "hard-examples").glob("*.png")) == names[:4]
    sidecar = json.loads((folder / names[3]).with_suffix(".json").read_text())
    assert sidecar["true_label"] == "croissant"


def test_pending_labels_can_be_undone_in_turn(fill: Fill, start: Start, index: Path) -> None:
    names, labelling = fill(3), start()
    for name in names:
        labelling.label(name, "dog")
    assert [labelling.undo() for _ in range(4)] == [names[2], names[1], names[0], None]
    assert waiting(labelling) == names
    assert labelling.save() == 0
    assert lines(index) == []


def test_a_restarted_worker_goes_on(fill: Fill, start: Start, index: Path) -> None:
    names = fill(2)
    start().label(names[0], "dog")
    again = start()
    assert waiting(again) == names[1:]
    assert again.undo() == names[0]
    again.label(names[0], "croissant")
    start().save()
    assert lines(index) == [f"hard-examples/{names[0]} croissant"]


@pytest.mark.parametrize("step", ["add", "finish", "keep"])
def test_a_save_that_was_cut_short_is_finished_by_the_next_worker(
    fill: Fill, start: Start, index: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    names, labelling = fill(2), start()
    for name in names:
        labelling.label(name, "dog")
    with monkeypatch.context() as killed:
        _kill_at(killed, labelling, step)
        with pytest.raises(KeyboardInterrupt):
            labelling.save()
    start().save()
    assert sorted(lines(index)) == sorted(f"hard-examples/{name} dog" for name in names)
    assert waiting(start()) == []


def _kill_at(killed: pytest.MonkeyPatch, labelling: Labelling, step: str) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    if step == "add":
        killed.setattr(LabelledFolder, "_append", die)
    elif step == "finish":
        killed.setattr("workers.label.examples.ExampleFolder.finish", die)
    else:
        killed.setattr(labelling, "_keep", die)


def test_what_was_evicted_meanwhile_is_left_out(
    fill: Fill, start: Start, folder: Path, index: Path
) -> None:
    names, labelling = fill(2), start()
    for name in names:
        labelling.label(name, "dog")
    for path in (folder / names[0], (folder / names[0]).with_suffix(".json")):
        path.unlink()
    labelling.save()
    assert lines(index) == [f"hard-examples/{names[1]} dog"]


def test_only_what_waits_and_known_classes_are_taken(fill: Fill, start: Start) -> None:
    names, labelling = fill(1), start()
    with pytest.raises(UnknownExampleError, match="cat is not a class"):
        labelling.label(names[0], "cat")
    labelling.label(names[0], "dog")
    for name in (names[0], "../index.txt", ""):
        with pytest.raises(UnknownExampleError):
            labelling.label(name, "dog")


def test_labels_from_elsewhere_are_taken_together_or_not_at_all(
    fill: Fill, start: Start, index: Path
) -> None:
    names, labelling = fill(5), start()
    labelling.label(names[4], "dog")
    with pytest.raises(UnknownExampleError, match="cat is not a class"):
        labelling.label_all({names[0]: "dog", names[1]: "cat"})
    assert labelling.counts == (4, 1, 0)
    labels = dict.fromkeys([*names[1:], "other.png"], "croissant")
    assert labelling.label_all(labels) == 3
    expected = {f"hard-examples/{name} croissant" for name in names[1:4]}
    assert set(lines(index)) == {f"hard-examples/{names[4]} dog", *expected}


def test_new_examples_appear_and_damaged_ones_do_not(
    fill: Fill, start: Start, folder: Path
) -> None:
    labelling = start()
    assert waiting(labelling) == []
    names = fill(2)
    (folder / "x.json").write_text("{")
    foreign = json.loads((folder / names[0]).with_suffix(".json").read_text())
    (folder / "y.json").write_text(json.dumps(foreign | {"image": "../../etc/passwd"}))
    assert waiting(labelling) == names


def test_a_picture_of_none_of_the_classes_leaves_without_entering_the_dataset(
    fill: Fill, start: Start, index: Path, folder: Path
) -> None:
    names, labelling = fill(2), start()
    labelling.label(names[0], NONE)
    assert labelling.undo() == names[0]
    labelling.label(names[0], NONE)
    labelling.label(names[1], "dog")
    assert labelling.save() == 1
    assert lines(index) == [f"hard-examples/{names[1]} dog"]
    assert waiting(start()) == []
    assert json.loads((folder / names[0]).with_suffix(".json").read_text())["true_label"] == ""


def kept(folder: Path, name: str, certainty: float, features: list[float]) -> str:
    """Keep a hard example as the inference worker does, and return its name."""
    example = HardExample(
        image="",
        time=START,
        label="dog",
        probabilities={"croissant": 1 - certainty, "dog": certainty},
        miner="CrossEntropy",
        hard=True,
        model_version="0123456789ab",
        features=packed_features(np.array(features, np.float32)),
    )
    store = HardExampleStore(folder, quota=10**8)
    path = store.save(f"{name}.png", noise(sum(name.encode())), example)
    assert path
    return path.name


def test_a_label_puts_what_looks_alike_behind_pending_or_saved(folder: Path, start: Start) -> None:
    here, also_here = kept(folder, "a", 0.5, [1, 0]), kept(folder, "b", 0.5, [1, 0.01])
    there = kept(folder, "c", 0.5, [0, 1])
    labelling = start()
    order = [example.image for example in labelling.offered()]
    assert sorted(order[::2]) == sorted([here, also_here])

    labelling.label(order[0], "dog")
    assert labelling.offered()[0].image == there

    labelling.save()
    assert start().offered(1)[0].image == there


def test_skipped_ones_are_offered_last(fill: Fill, start: Start) -> None:
    names, labelling = fill(3), start()
    labelling.skip(names[0])

    assert [each.image for each in labelling.offered()] == [*names[1:], names[0]]


def test_uncertainty_alone_can_decide(folder: Path, index: Path) -> None:
    names = [kept(folder, "a", 0.5, [1, 0]), kept(folder, "b", 0.51, [1, 0.01])]
    names.append(kept(folder, "c", 0.6, [0, 1]))
    labelling = Labelling(
        ExampleFolder(folder),
        LabelledFolder(index),
        ("croissant", "dog"),
        batch=3,
        is_diverse=False,
    )

    assert [each.image for each in labelling.offered()] == names
