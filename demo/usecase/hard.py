"""The hard examples that the rounds were trained on."""

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from backend.models.model_file import read
from demo.usecase.results import INITIAL, HardExampleFound, MinedByModel
from workers.data.answers import HardExample

__all__ = ["labelled_by_model", "show_hard_examples"]

_EACH = 6


def labelled_by_model(folder: Path, models: Mapping[str, Path]) -> list[MinedByModel]:
    """Count what each model found, and what of it the model got wrong.

    ``models`` are those of the rounds, by name, in order; what none of them found, the initial
    model did.
    """
    digests = {name: sha256(read(path).payload).hexdigest() for name, path in models.items()}
    found: dict[str, list[HardExample]] = {name: [] for name in (INITIAL, *models)}
    for example in _labelled(folder):
        finders = [n for n, digest in digests.items() if digest.startswith(example.model_version)]
        found[next(iter(finders), INITIAL)].append(example)
    return [
        MinedByModel(model=name, labelled=len(examples), wrong=sum(map(_is_wrong, examples)))
        for name, examples in found.items()
        if examples
    ]


def show_hard_examples(folder: Path, target: Path) -> list[HardExampleFound]:
    """Copy the six most uncertain pictures, and the six surest mistakes, to ``target``."""
    examples = sorted(_labelled(folder), key=lambda each: (each.certainty, each.image))
    mistakes = [each for each in examples[_EACH:] if _is_wrong(each)]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    return [
        _shown(example, folder, target)
        for example in examples[:_EACH] + mistakes[: -_EACH - 1 : -1]
    ]


def _labelled(folder: Path) -> list[HardExample]:
    examples = (
        HardExample.model_validate_json(file.read_bytes()) for file in folder.glob("*.json")
    )
    return [each for each in examples if each.true_label is not None]


def _is_wrong(example: HardExample) -> bool:
    return example.label != example.true_label


def _shown(example: HardExample, folder: Path, target: Path) -> HardExampleFound:
    shutil.copyfile(folder / example.image, target / example.image)
    return HardExampleFound(
        picture=example.image,
        label=example.label,
        true_label=str(example.true_label),
        probability=example.certainty,
    )
