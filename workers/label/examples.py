"""The folder of hard examples, as the labelling page sees it."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from backend.files import write_atomically
from workers.data.answers import HardExample
from workers.learning.offering import COMPARED, by_uncertainty

__all__ = ["ExampleFolder"]


class _Read(NamedTuple):
    modified: int
    example: HardExample | None


class ExampleFolder:
    """Hard examples by the name of their picture."""

    def __init__(self, folder: Path) -> None:
        """Read ``folder``, which the inference worker fills."""
        self._folder = folder
        self._read: dict[Path, _Read] = {}

    def unlabelled(self) -> dict[str, HardExample]:
        """Return the examples without a label by picture, the most uncertain first."""
        waiting = [example for example in self._examples() if example.true_label is None]
        present = {path.name for path in self._folder.iterdir()}
        return {
            example.image: example
            for example in by_uncertainty(waiting)
            if example.image in present
        }

    def labelled(self) -> list[HardExample]:
        """Return the examples with a label, whose pictures are in the dataset."""
        return [example for example in self._examples() if example.true_label is not None]

    def with_features(self, examples: Iterable[HardExample]) -> list[HardExample]:
        """Return the examples with their features, which are read now: they take more memory."""
        named = ((each, self.path(each.image).with_suffix(".json")) for each in examples)
        return [
            each.model_copy(update={"features": _features(file, self._read[file].modified)})
            for each, file in named
        ]

    def _examples(self) -> list[HardExample]:
        sidecars = list(self._folder.glob("[!.]*.json"))
        self._read = {sidecar: self._look(sidecar) for sidecar in sidecars}
        return [read.example for read in self._read.values() if read.example]

    def path(self, name: str) -> Path:
        """Return the path of the picture with that name."""
        return self._folder / Path(name).name

    def finish(self, name: str, label: str) -> None:
        """Record a picture's label, and remove the picture, which is now in the dataset."""
        picture = self.path(name)
        sidecar = picture.with_suffix(".json")
        if example := _parse(sidecar):
            labelled = example.model_copy(update={"true_label": label})
            write_atomically(sidecar, labelled.to_json())
        picture.unlink(missing_ok=True)

    def _look(self, sidecar: Path) -> _Read:
        try:
            modified = sidecar.stat().st_mtime_ns
        except FileNotFoundError:
            return _Read(0, None)
        known = self._read.get(sidecar)
        if known and known.modified == modified:
            return known
        example = _parse(sidecar)
        return _Read(modified, example and example.model_copy(update={"features": ""}))


@lru_cache(4 * COMPARED)
def _features(sidecar: Path, _modified: int) -> str:
    example = _parse(sidecar)
    return example.features if example else ""


def _parse(sidecar: Path) -> HardExample | None:
    try:
        example = HardExample.model_validate_json(sidecar.read_bytes())
    except (OSError, ValueError):
        return None
    # Names that this project gives its pictures; another name could point outside the folder.
    return example if Path(example.image).stem == sidecar.stem else None
