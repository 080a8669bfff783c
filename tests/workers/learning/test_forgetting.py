"""Rounds of a job as its eval workers see them: a folder each, and one dataset.

The lamps' models tell dark from bright; one of them always says the opposite.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from backend.errors import ImageError
from backend.metrics import Metrics
from tests.local_controller import FakeLocalController
from tests.workers.conftest import S3Store
from workers.contract import WorkerKind, WorkerStatus
from workers.data.held_out import HeldOutSample, carry_held_out, read_held_out
from workers.data.quarantine import read_quarantine
from workers.data.round_folder import RoundFolder
from workers.eval.evaluation import evaluate
from workers.sedna.process import run_round
from workers.storage import Mirror

RIGHT, WRONG = 4.0, -4.0
HELD_OUT_FILE = "held-out.csv"
EVAL_QUARANTINE_FILE = "eval-quarantine.csv"


class Job:
    """Plays the rounds of one job."""

    def __init__(
        self,
        folder: Path,
        identity: dict[str, str],
        controller: FakeLocalController,
        make_model: Callable[..., Path],
        make_image: Callable[..., Path],
    ) -> None:
        self.folder = folder
        self.environment = identity
        self._controller = controller
        self._make_model = make_model
        self._make_image = make_image

    def round(
        self,
        number: int,
        candidate: float,
        deployed: float,
        lines: list[str],
        *,
        broken: Sequence[str] = (),
        **variables: str,
    ) -> tuple[Metrics, Metrics]:
        """Judge two models on lines such as `1.png dark`; return what is reported of each."""
        for name, kind in (line.split() for line in lines):
            if not (self.folder / "dataset" / name).is_symlink():
                self._make_image(self.folder / "dataset" / name, kind)
        for name in broken:
            (self.folder / "dataset" / name).write_bytes(b"no picture")
        index = self.folder / "eval" / str(number) / "data.txt"
        index.parent.mkdir(parents=True)
        index.write_text("\n".join(lines))
        carry_held_out(RoundFolder(self.model(number).parent, Mirror({})))
        self._make_model(self.model(number), candidate)
        self._make_model(self.folder / "deploy" / "model.onnx", deployed)
        run_round(
            WorkerKind.EVAL,
            self.environment
            | {
                "WORKER_NAME": f"eval-worker-{number}",
                "MODEL_URLS": f"{self.model(number)};{self.folder / 'deploy' / 'model.onnx'}",
                "TEST_DATASET_URL": str(index),
                "ORIGINAL_DATASET_URL": str(self.folder / "dataset" / "index.txt"),
            }
            | variables,
            evaluate,
        )
        message = self._controller.next_message()
        assert message.status is WorkerStatus.COMPLETED
        first, second = message.results
        return first.metrics, second.metrics

    def model(self, number: int) -> Path:
        return self.folder / "train" / str(number) / "model.onnx"

    def record(self, number: int) -> list[HeldOutSample]:
        return read_held_out(self.model(number).with_name(HELD_OUT_FILE))


@pytest.fixture
def job(
    tmp_path: Path,
    identity: dict[str, str],
    local_controller: FakeLocalController,
    make_model: Callable[..., Path],
    make_image: Callable[..., Path],
) -> Job:
    return Job(tmp_path, identity, local_controller, make_model, make_image)


FIRST = ["1.png dark", "2.png bright"]
SECOND = ["3.png dark", "4.png bright"]


def test_a_first_round_reports_no_forgetting_and_leaves_its_samples_with_its_answers(
    job: Job,
) -> None:
    candidate, deployed = job.round(1, RIGHT, WRONG, FIRST)
    assert "forgetting" not in candidate
    assert "forgetting" not in deployed
    assert job.record(1) == [
        (1, "1.png", "dark", "dark"),
        (1, "2.png", "bright", "bright"),
    ]


def test_forgetting_is_first_minus_present_accuracy_of_each_model(job: Job) -> None:
    job.round(1, RIGHT, RIGHT, FIRST)
    candidate, deployed = job.round(2, WRONG, RIGHT, FIRST + SECOND)
    assert (candidate["forgetting"], deployed["forgetting"]) == ([1.0], [0.0])
    assert job.record(2)[2:] == [
        (2, "3.png", "dark", "bright"),
        (2, "4.png", "bright", "dark"),
    ]
    candidate, deployed = job.round(3, RIGHT, WRONG, ["5.png dark"])
    assert (candidate["forgetting"], deployed["forgetting"]) == ([-0.5], [0.5])


def test_a_restarted_worker_measures_the_same_and_records_nothing_twice(job: Job) -> None:
    job.round(1, RIGHT, RIGHT, FIRST)
    before = job.round(2, WRONG, RIGHT, FIRST + SECOND)
    record = job.record(2)
    (job.folder / "eval" / "2").rename(job.folder / "eval" / "before")
    held_out = job.model(2).with_name(HELD_OUT_FILE).read_bytes()
    job.folder.joinpath("train", "1", HELD_OUT_FILE).write_bytes(held_out)
    assert job.round(2, WRONG, RIGHT, FIRST + SECOND) == before
    assert job.record(2) == record


def test_no_more_samples_are_asked_about_than_the_setting_says(job: Job) -> None:
    many = [f"m{number}.png dark" for number in range(10)]
    job.round(1, RIGHT, RIGHT, many, forgetting_samples="4")
    asked = {path for _, path, _, answer in job.record(1) if answer}
    assert len(asked) == 4
    for path in {line.split()[0] for line in many} - asked:
        (job.folder / "dataset" / path).unlink()
    candidate, _ = job.round(2, WRONG, RIGHT, SECOND, forgetting_samples="4")
    assert candidate["forgetting"] == [1.0]


def test_the_record_grows_by_what_was_asked_once_samples_are_no_longer_repeated(job: Job) -> None:
    many = [f"m{number}.png dark" for number in range(10)]
    job.round(1, RIGHT, RIGHT, many, forgetting_samples="4")
    for number in range(2, 6):
        job.round(number, RIGHT, RIGHT, many, forgetting_samples="4")
    asked = [row for row in job.record(1) if row.answer]
    assert len(asked) == 4
    assert job.record(5) == job.record(1)
    job.round(6, RIGHT, RIGHT, SECOND, forgetting_samples="4")
    assert job.record(6)[:-2] == asked


def test_it_can_be_turned_off(job: Job) -> None:
    job.round(1, RIGHT, RIGHT, FIRST)
    candidate, deployed = job.round(2, WRONG, RIGHT, SECOND, forgetting_samples="0")
    assert "forgetting" not in candidate
    assert "forgetting" not in deployed


def test_images_that_vanished_or_broke_since_are_passed_over(job: Job) -> None:
    job.round(1, RIGHT, RIGHT, ["1.png dark", "2.png bright", "9.png dark"])
    (job.folder / "dataset" / "1.png").unlink()
    (job.folder / "dataset" / "9.png").write_bytes(b"broken")
    candidate, deployed = job.round(2, WRONG, RIGHT, SECOND)
    assert (candidate["forgetting"], deployed["forgetting"]) == ([1.0], [0.0])
    (job.folder / "dataset" / "2.png").unlink()
    candidate, _ = job.round(3, WRONG, RIGHT, SECOND)
    assert candidate["forgetting"] == [-0.0]


def test_an_unreadable_sample_is_left_out_counted_for_both_models_and_not_recorded(
    job: Job,
) -> None:
    lines = [f"{number}.png dark" for number in range(10)]
    (job.folder / "dataset").mkdir()
    (job.folder / "dataset" / "0.png").symlink_to("/etc/hostname")
    metrics = job.round(1, RIGHT, WRONG, lines, broken=["7.png"], unreadable_share="0.2")
    assert [each["unreadable"] for each in metrics] == [[2.0], [2.0]]
    assert [each["samples"] for each in metrics] == [[8.0], [8.0]]
    listed = {row.path for row in read_quarantine(job.model(1).with_name(EVAL_QUARANTINE_FILE))}
    assert listed == {"0.png", "7.png"}
    assert {path for _, path, _, _ in job.record(1)} == {
        f"{number}.png" for number in range(10)
    } - listed


def test_too_many_unreadable_samples_fail_the_round(job: Job) -> None:
    with pytest.raises(ImageError, match=f"1\\.png: .*2 samples.*{EVAL_QUARANTINE_FILE}"):
        job.round(1, RIGHT, RIGHT, FIRST, broken=["1.png"])


@pytest.mark.parametrize("content", [b"", b"\xff", b"round\nx\n"])
def test_a_damaged_record_costs_the_metric_not_the_round_and_starts_again(
    job: Job, content: bytes
) -> None:
    job.model(1).parent.mkdir(parents=True)
    job.model(1).with_name(HELD_OUT_FILE).write_bytes(content)
    candidate, deployed = job.round(2, RIGHT, RIGHT, FIRST)
    assert "forgetting" not in candidate
    assert candidate["accuracy"] == deployed["accuracy"] == [1.0]
    assert [row.path for row in job.record(2)] == ["1.png", "2.png"]


def test_where_the_models_folder_cannot_be_written_the_round_is_judged_all_the_same(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.round(1, RIGHT, RIGHT, FIRST)

    def refuse(path: Path, _: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("workers.learning.forgetting.write_held_out", refuse)
    candidate, _ = job.round(2, WRONG, RIGHT, SECOND)
    assert candidate["forgetting"] == [1.0]
    assert len(job.record(2)) == 2


def test_the_record_of_models_in_s3_lies_there(job: Job, s3: S3Store) -> None:
    job.round(1, RIGHT, RIGHT, FIRST)
    carry_held_out(RoundFolder(job.model(2).parent, Mirror({})))
    s3.put("out/train/2/held-out.csv", job.model(2).with_name(HELD_OUT_FILE).read_bytes())
    s3.put("out/train/2/model.onnx", job.model(1).read_bytes())
    deployed = str(job.folder / "deploy" / "model.onnx")
    models = f"{s3.url('out/train/2/model.onnx')};{deployed}"
    candidate, _ = job.round(3, WRONG, RIGHT, SECOND, MODEL_URLS=models, **s3.environment)
    assert candidate["forgetting"] == [0.0]
    assert s3.get("out/train/2/held-out.csv").splitlines()[3:] == [
        b"2,3.png,dark,dark",
        b"2,4.png,bright,bright",
    ]
