"""One round on real photographs, from published weights.

The folder holds ``*.npz``, a MobileNetV2's weights, and ``photos/{train,eval}/<class>/``. Only
numbers come out of it: no photograph is kept.
"""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from backend.errors import PermanentError, SettingsError
from backend.files import write_atomically
from backend.models.convert import convert
from demo.setting import Setting
from demo.usecase.job import FinishedJob
from demo.usecase.results import PhotographRun, round_name
from demo.usecase.usage import Watch
from demo.usecase.variant import Variant
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome

__all__ = ["Photographs"]

_INPUT_SIZE = 224
_PICTURES = "pictures"


@dataclass(frozen=True)
class Photographs:
    """The folder, looked through."""

    weights: Path
    train: tuple[tuple[Path, str], ...]
    evaluation: tuple[tuple[Path, str], ...]

    @classmethod
    def of(cls, folder: Path, class_names: tuple[str, ...]) -> "Photographs":
        """Look through ``folder``; raises SettingsError if it does not hold everything."""
        weights = sorted(folder.glob("*.npz"))
        train, evaluation = (
            _labelled(folder / "photos" / part, class_names) for part in ("train", "eval")
        )
        if not (weights and train and evaluation):
            raise SettingsError(
                f"{folder}: name a folder with weights (*.npz) and photos/train and photos/eval, "
                f"each with a folder for {' and '.join(class_names)}."
            )
        return cls(weights[0], train, evaluation)

    def run(self, backend: str, fine_tune: str, epochs: int, folder: Path) -> PhotographRun:
        """Run a job's first round in ``folder``, which is emptied first.

        Raises PermanentError if the round fails.
        """
        shutil.rmtree(folder, ignore_errors=True)
        manifests, root = self._variant(backend, fine_tune, epochs).write(folder / "m"), folder
        resources = load_job([manifests])
        self._fill(Setting.of(resources, root))
        runner = StandaloneRunner(resources, root)
        with Watch() as watch:
            status = asyncio.run(runner.run(rounds=1))
        job = FinishedJob.of(manifests, root, status)
        [done] = job.rounds(replay=0)
        if done.outcome is Outcome.FAILED:
            raise PermanentError(f"{folder}: the round on photographs failed: {done.reason}")
        return PhotographRun(
            backend=backend,
            fine_tune=fine_tune,
            epochs=epochs,
            digest=job.digest(job.models("ckpt")[round_name(1)]),
            round=done,
            costs=job.costs(watch.used),
        )

    def _variant(self, backend: str, fine_tune: str, epochs: int) -> Variant:
        return Variant(
            {
                "BACKEND_TYPE": backend,
                "input_shape": f"{_INPUT_SIZE},{_INPUT_SIZE}",
                "fine_tune": fine_tune,
                "epochs": str(epochs),
            },
            # The train share of one increment are its first lines.
            train_prob=len(self.train) / (len(self.train) + len(self.evaluation)),
            train_samples=len(self.train),
        )

    def _fill(self, setting: Setting) -> None:
        for target in (setting.initial_model, setting.deployed_model):
            target.parent.mkdir(parents=True, exist_ok=True)
            convert(
                self.weights, target, classes=setting.class_names, input_size=setting.input_size
            )
        (setting.index.parent / _PICTURES).mkdir(parents=True)
        lines = []
        for number, (photograph, label) in enumerate(self.train + self.evaluation):
            name = f"{_PICTURES}/photograph-{number:03d}{photograph.suffix}"
            shutil.copyfile(photograph, setting.index.parent / name)
            lines.append(f"{name} {label}\n")
        write_atomically(setting.index, "".join(lines).encode())


def _labelled(folder: Path, class_names: tuple[str, ...]) -> tuple[tuple[Path, str], ...]:
    return tuple((path, name) for name in class_names for path in sorted((folder / name).glob("*")))
