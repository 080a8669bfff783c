"""What a job has left on disk and in its status."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from demo.setting import Setting
from demo.usecase.results import INITIAL, Cost, RoundDone, round_name
from demo.usecase.usage import Used
from jobs.resources.loader import load_job
from jobs.standalone.paths import JobFiles, Node
from jobs.standalone.workers import INFER
from jobs.status import JobStatus, Round
from workers.data.index_file import Sample, read_index

__all__ = ["FinishedJob"]

_INITIAL_MODEL = "demo.initial_model"


@dataclass(frozen=True)
class FinishedJob:
    """A job that has ended, and its files."""

    status: JobStatus
    setting: Setting
    files: JobFiles

    @classmethod
    def of(cls, manifests: Path, root: Path, status: JobStatus) -> Self:
        """Return the job of ``manifests`` that ran with ``root`` for the node's ``/``."""
        resources = load_job([manifests])
        files = JobFiles.of(resources, Node(root.resolve()))
        return cls(status, Setting.of(resources, root), files)

    def models(self, suffix: str) -> dict[str, Path]:
        """Return where the rounds' models of one format are, by `round_name`."""
        return {
            round_name(each.number): self.files.node.local(url)
            for each in self.status.rounds
            for url in each.model_urls
            if url.endswith(f".{suffix}")
        }

    @staticmethod
    def digest(model: Path) -> str:
        """Return the SHA-256 of a model file."""
        return sha256(model.read_bytes()).hexdigest()

    def rounds(self, replay: int) -> list[RoundDone]:
        """Return what each round did; it repeated at most ``replay`` older samples."""
        older, done = 0, []
        for round_ in self.status.rounds:
            done.append(self._done(round_, min(replay, older)))
            older += round_.train_samples
        return done

    def evaluation_shares(self) -> dict[int, list[Sample]]:
        """Return the samples that each round that came so far was the first to be evaluated on."""
        evaluated = [each for each in self.status.rounds if each.eval_samples]
        shares, seen = {}, set[str]()
        for round_ in evaluated:
            samples = self._index(self.files.eval_data_url(round_.number))
            shares[round_.number] = [each for each in samples if each.path not in seen]
            seen |= {each.path for each in samples}
        return shares

    def costs(self, used: Mapping[int, Used]) -> list[Cost]:
        """Return what each worker took, and before them the initial model's training.

        ``used`` is by process id.
        """
        first = [each for each in used.values() if _INITIAL_MODEL in each.command]
        costs = [_cost(INITIAL, 0, each) for each in first]
        numbers = Counter[str]()
        for worker in self.status.workers:
            numbers[worker.kind] += worker.kind != INFER
            if worker.pid is not None and worker.pid in used:
                costs.append(_cost(worker.kind, numbers[worker.kind], used[worker.pid]))
        return costs

    def _done(self, round_: Round, replayed: int) -> RoundDone:
        samples = self._index(self.files.train_data_url(round_.number))
        return RoundDone(
            number=round_.number,
            outcome=round_.outcome,
            reason=round_.reason,
            new=Counter(Path(each.path).name.split("-")[0] for each in samples),
            replayed=replayed,
            candidate=round_.candidate_metrics,
            deployed=round_.deployed_metrics,
            seconds=round_.seconds,
        )

    def _index(self, url: str) -> list[Sample]:
        return read_index(self.files.node.local(url), self.setting.class_names)


def _cost(what: str, number: int, used: Used) -> Cost:
    return Cost(
        what=what,
        round=number,
        seconds=used.seconds,
        cpu_seconds=used.cpu_seconds,
        peak_megabytes=used.peak_megabytes,
    )
