"""Lifelong learning: two cameras, two tasks, one knowledge base."""

from pathlib import Path

import numpy as np
import pytest

from tests.examples.conftest import Digits, Reports, Workers, free_port
from tests.sedna_sdk import needs_sedna

CAMERAS = ("upright", "mirrored")
FIRST, SECOND = 200, 800


def write_samples(path: Path, digits: Digits, start: int, stop: int, *, labelled: bool) -> str:
    """Write the digits as both cameras see them, in turn; return the path."""
    header = ["camera", *(f"p{number}" for number in range(64))]
    lines = [",".join(header + ["digit"] * labelled)]
    for number in range(start, stop):
        pixels = digits.pixels[number].reshape(8, 8)
        camera = number % 2
        seen = (pixels[:, ::-1] if camera else pixels).ravel()
        label = [str(digits.labels[number])] * labelled
        lines.append(",".join([CAMERAS[camera], *map(str, seen), *label]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@needs_sedna
@pytest.mark.e2e
def test_each_camera_learns_and_learns_on(
    workers: Workers, reports: Reports, digits: Digits, tmp_path: Path
) -> None:
    first = write_samples(tmp_path / "first.csv", digits, 0, FIRST, labelled=True)
    second = write_samples(tmp_path / "second.csv", digits, FIRST, SECOND, labelled=True)
    test = write_samples(tmp_path / "test.csv", digits, SECOND, SECOND + 400, labelled=True)
    unknown = write_samples(tmp_path / "new.csv", digits, SECOND, SECOND + 400, labelled=False)
    port, index = free_port(), str(tmp_path / "output" / "index.pkl")
    workers.environment.update(
        JOB_NAME="cameras",
        OUTPUT_URL=str(tmp_path / "output"),
        KB_SERVER=f"http://127.0.0.1:{port}",
        KnowledgeBaseServer=f"http://127.0.0.1:{port}",
        KnowledgeBasePath=str(tmp_path / "knowledge"),
        KB_URL=f"sqlite:///{tmp_path}/knowledge.sqlite3",
        edge_output_url=str(tmp_path / "edge"),
        operator="<",
        model_threshold="0.5",
    )
    with workers.serving(["-m", "sedna.service.run_kb"], port):
        job = "lifelong_learning/job.py"
        workers.run(job, "train", TRAIN_DATASET_URL=first)
        assert reports.next("lifelonglearningjob")["results"][0]["url"] == index
        before = accuracy(workers, reports, test, index)
        workers.run(
            job,
            "train",
            TRAIN_DATASET_URL=second,
            HAS_COMPLETED_INITIAL_TRAINING="true",
            CLOUD_KB_INDEX=index,
            DATA_PATH_PREFIX="/",
        )
        assert reports.next("lifelonglearningjob")["kind"] == "train"
        after = accuracy(workers, reports, test, index)
        assert after > before > 0.6
        peer = accuracy_of_scikit_learn(digits)
        figures = f"{before:.3f}, updated {after:.3f}, scikit-learn {peer:.3f}"
        print(f"accuracy: {figures}")  # noqa: T201 - for the docs
        assert after >= peer - 0.03

        worker = workers.start(job, "infer", MODEL_URLS=index)
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(f"{unknown}\n")
        answers = np.array(worker.stdout.readline().split(), np.int64)
        # The SDK's threads would keep it alive.
        worker.kill()
        worker.communicate()
        assert (answers == digits.labels[SECOND : SECOND + 400]).mean() == pytest.approx(after)


def accuracy_of_scikit_learn(digits: Digits) -> float:
    """Return what perceptrons of the same size reach, one for each camera, trained together."""
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

    correct = 0
    for camera in range(2):
        # All mirrored alike are as hard as all upright.
        known, asked = np.arange(camera, SECOND, 2), np.arange(SECOND + camera, SECOND + 400, 2)
        model = MLPClassifier((64,), max_iter=1000, random_state=0)
        model.fit(digits.pixels[known], digits.labels[known])
        correct += (model.predict(digits.pixels[asked]) == digits.labels[asked]).sum()
    return float(correct / 400)


def accuracy(workers: Workers, reports: Reports, test: str, index: str) -> float:
    """Return what the eval worker reports."""
    # The index that it downloads is kept in its folder, and the last one may be there.
    (workers.folder / "index.pkl").unlink(missing_ok=True)
    job = "lifelong_learning/job.py"
    workers.run(job, "eval", TEST_DATASET_URL=test, MODEL_URLS=index)
    message = reports.next("lifelonglearningjob")
    assert message["kind"] == "eval"
    return float(message["results"][0]["metrics"]["accuracy_score"])
