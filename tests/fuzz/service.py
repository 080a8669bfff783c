"""Fuzz the inference worker over HTTP: ``python -m tests.fuzz.service CASES``.

schemathesis makes requests of the OpenAPI document that the worker serves, right ones and wrong
ones, and checks every answer; half of them go to a worker with a bearer token. It ends with a
status other than 0 after a finding, or if the worker did not outlive them.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.brightness_model import SIDE, write_model
from tests.workers.infer.http.worker import running

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_TOKEN = "fuzz-token"  # noqa: S105 - of a worker that this module starts
_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_OPERATIONS = 8  # that take something
_PATIENCE = "20"  # seconds for an answer


def main(cases: int) -> int:
    """Send so many requests or a few more; return how many runs had findings."""
    counts, failed = [], 0
    for token in ("", _TOKEN):
        sent = 0
        with TemporaryDirectory() as folder, running(_variables(Path(folder), token)) as worker:
            while sent < cases / 2:
                ended = _schemathesis(worker.url, token, cases // 2 // _OPERATIONS + 1)
                sent += _count(ended.stdout)
                failed += ended.returncode != 0
                assert worker.process.poll() is None, "the worker has ended"
        counts.append(sent)
    sys.stdout.write(f"{' + '.join(map(str, counts))} cases, {failed} runs with findings\n")
    return failed


def _schemathesis(url: str, token: str, examples: int) -> "subprocess.CompletedProcess[str]":
    command = [str(_SCHEMATHESIS), "--config-file", str(_CONFIG), "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--max-examples", str(examples), "--continue-on-failure"]
    command += ["--generation-database", "none", "--request-timeout", _PATIENCE, "--no-color"]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(ended.stdout)
    return ended


def _count(output: str) -> int:
    counted = re.search(r"(\d+) generated", output)
    assert counted, "schemathesis made no case"
    return int(counted[1])


def _variables(folder: Path, token: str) -> dict[str, str]:
    (folder / "hard").mkdir()
    return {
        "JOB_NAME": "lamps",
        "WORKER_NAME": "inferworker-abcde",
        "MODEL_URL": str(write_model(folder / "model.onnx")),
        "HE_SAVED_URL": str(folder / "hard"),
        "HEM_NAME": "CrossEntropy",
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
        "http_token": token,
    }


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
