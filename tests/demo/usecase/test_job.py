from datetime import UTC, datetime
from pathlib import Path

from demo.setting import Setting
from demo.usecase.job import FinishedJob
from demo.usecase.variant import MANIFESTS
from jobs.resources.loader import load_job
from jobs.standalone.paths import JobFiles, Node
from jobs.status import JobStatus, Outcome, Round

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_round_that_failed_in_training_was_evaluated_on_nothing(tmp_path: Path) -> None:
    resources, node = load_job([MANIFESTS]), Node(tmp_path)
    rounds = [
        Round(number=1, started=NOW, outcome=Outcome.FAILED),
        Round(number=2, started=NOW, outcome=Outcome.DEPLOYED, eval_samples=1),
    ]
    status = JobStatus(
        name="dogs", namespace="farm", runner="standalone", started=NOW, rounds=rounds
    )
    job = FinishedJob(status, Setting.of(resources, tmp_path), JobFiles.of(resources, node))
    samples = node.local(job.files.eval_data_url(2))
    samples.parent.mkdir(parents=True)
    samples.write_text("pictures/night-1.jpg dog\n")

    shares = job.evaluation_shares()

    assert {number: [each.path for each in share] for number, share in shares.items()} == {
        2: ["pictures/night-1.jpg"]
    }
