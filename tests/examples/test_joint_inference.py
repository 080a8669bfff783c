"""Joint inference: a little and a big network over HTTP."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.examples.conftest import EXAMPLES, Digits, Reports, Workers, free_port
from tests.sedna_sdk import needs_sedna

TRAINED, ASKED = 1200, 150


@needs_sedna
@pytest.mark.e2e
def test_hard_examples_go_to_the_big_network_and_none_is_lost(
    workers: Workers, reports: Reports, digits: Digits, tmp_path: Path
) -> None:
    count = TRAINED + ASKED
    for number, pixels in enumerate(digits.pixels[:count]):
        picture = (pixels.reshape(8, 8) * 15).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    index = tmp_path / "index.txt"
    index.write_text("".join(f"{n}.png {digits.labels[n]}\n" for n in range(TRAINED)))
    workers.run("joint_inference/train.py", TRAIN_DATASET_URL=str(index), MODEL_URL=str(tmp_path))

    port = free_port()
    workers.environment.update(
        SERVICE_NAME="digits",
        BIG_MODEL_BIND_IP="127.0.0.1",
        BIG_MODEL_IP="127.0.0.1",
        BIG_MODEL_BIND_PORT=str(port),
        BIG_MODEL_PORT=str(port),
        HEM_PARAMETERS=json.dumps([{"key": "threshold_cross_entropy", "value": "0.6"}]),
    )
    server = [str(EXAMPLES / "joint_inference" / "big.py")]
    with workers.serving(server, port, MODEL_URL=str(tmp_path / "big.ckpt")):
        alone, _ = ask(workers, reports, "EdgeOnly")
        together, by_big = ask(workers, reports, "CrossEntropy")
        by_cloud, is_cloud = ask(workers, reports, "CloudOnly")
    expected = digits.labels[TRAINED:count]
    assert is_cloud.all()
    assert 0 < by_big.mean() < 1
    # Easy examples get the little network's own answers and hard ones the big network's.
    np.testing.assert_array_equal(together, np.where(by_big, by_cloud, alone))
    shares = [(each == expected).mean() for each in (alone, together, by_cloud)]
    figures = "little {:.3f}, together {:.3f}, big {:.3f}".format(*shares)
    print(f"accuracy: {figures}; {by_big.mean():.0%} of {ASKED} sent")  # noqa: T201 - for the docs
    assert shares[1] > shares[0]


def ask(
    workers: Workers, reports: Reports, miner: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the digits, and which of them the big network has said; the report must agree."""
    model = str(workers.folder / "little.ckpt")
    worker = workers.start("joint_inference/little.py", MODEL_URL=model, HEM_NAME=miner)
    assert worker.stdin
    assert worker.stdout
    answers = []
    for number in range(TRAINED, TRAINED + ASKED):
        worker.stdin.write(f"{workers.folder / str(number)}.png\n")
        answers.append(worker.stdout.readline().split())
    by_big = np.array([who == "big" for _, who in answers])
    assert counted(reports) == (ASKED, by_big.sum())
    worker.kill()
    worker.communicate()
    return np.array([int(digit) for digit, _ in answers]), by_big


def counted(reports: Reports) -> tuple[int, int]:
    """Return what the report that counts every inference says; earlier ones count fewer."""
    while True:
        message = reports.next("jointinferenceservice")
        assert message["ownerName"] == "digits"
        info = message["ownerInfo"]
        if info["inferenceNumber"] >= ASKED:
            return info["inferenceNumber"], info["hardExampleNumber"]
