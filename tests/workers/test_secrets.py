"""What is secret is in no log, error, report, file or command line, whatever goes wrong."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.local_controller import FakeLocalController

pytestmark = pytest.mark.timeout(120)

SECRETS = {
    "ACCESS_KEY_ID": "AKIASECRET0001",
    "SECRET_ACCESS_KEY": "s3cr3t/key+0002=",
    "http_token": "token-s3cr3t-0003",
}
LOGIN = "robot-0004:pass-s3cr3t-0005"
SIGNATURE = "signature-s3cr3t-0006"
PARTS = ("s3cr3t", "AKIASECRET", "robot-")
"""Of which each secret holds one."""
UNUSED = "127.0.0.1:1"
"""Where nothing listens."""

HTTP_URL = f"http://{LOGIN}@{UNUSED}/x.onnx?X-Amz-Signature={SIGNATURE}"
S3 = {"S3_ENDPOINT_URL": f"http://{LOGIN}@{UNUSED}"}
REMOTE = ("MODEL_URL", "BASE_MODEL_URL", "MODEL_URLS", "TRAIN_DATASET_URL", "TEST_DATASET_URL")
WRONG = {
    "no server": dict.fromkeys(REMOTE, HTTP_URL),
    "no store": dict.fromkeys(REMOTE, "s3://b/x") | {"S3_ENDPOINT_URL": f"http://{UNUSED}"},
    "no endpoint": dict.fromkeys(REMOTE, "s3://b/x")
    | {"S3_ENDPOINT_URL": f"ftp://{LOGIN}@{UNUSED}"},
    "no settings": {
        "LC_SERVER": f"ftp://{LOGIN}@{UNUSED}",
        "ORIGINAL_DATASET_URL": f"ftp://{LOGIN}@{UNUSED}/index.txt?x={SIGNATURE}",
        "http_token": "s3cr3té",
        "http_timeout_seconds": "-1",
        "class_names": "",
    },
    "no LocalController": {
        "LC_SERVER": f"http://{LOGIN}@{UNUSED}",
        "report_patience_seconds": "0.1",
    },
}


@pytest.fixture
def environment(
    tmp_path: Path, identity: dict[str, str], make_model: Callable[..., Path]
) -> dict[str, str]:
    index = tmp_path / "index.txt"
    index.write_text("nothing.png dark\n")
    model = str(make_model(tmp_path / "model.onnx"))
    urls = {"BASE_MODEL_URL": model, "MODEL_URL": model, "MODEL_URLS": f"{model};{model}"}
    names = ("TRAIN_DATASET_URL", "TEST_DATASET_URL", "ORIGINAL_DATASET_URL")
    shell = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DEBUG": "true"}
    return shell | identity | urls | dict.fromkeys(names, str(index)) | SECRETS


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        found = [part for part in PARTS if part in text]
        assert not found, f"{found} in {text[:2000]}"


def files(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        yield str(file)
        if file.is_file():
            yield file.read_bytes().decode("latin-1")


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("kind", ["train", "eval", "infer"])
def test_a_worker_that_fails_tells_no_secret(
    kind: str,
    wrong: dict[str, str],
    environment: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "workers", kind],
        env=environment | wrong,
        cwd=tmp_path,
        capture_output=True,
        timeout=100,
        check=False,
    )
    errors = ended.stderr.decode()
    assert errors
    assert_no_secret(errors, ended.stdout.decode(), *files(tmp_path))
    while not local_controller.messages.empty():
        assert_no_secret(local_controller.messages.get().to_json())


def test_a_serving_worker_tells_no_secret(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "hard").mkdir()
    more = {"HE_SAVED_URL": str(tmp_path / "hard"), "HEM_NAME": "CrossEntropy", "http_port": "0"}
    command = [sys.executable, "-m", "workers", "infer"]
    with subprocess.Popen(
        command, env=environment | more, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        log = list(until(process.stderr, "listening on "))
        url = log[-1].split()[-1]
        assert_no_secret(*psutil.Process(process.pid).cmdline())
        answers = list(asked(url))
        process.terminate()
        log += process.stderr
    assert {answer.status_code for answer in answers} >= {200, 401, 404}
    assert_no_secret(*log, *files(tmp_path))
    assert_no_secret(*(answer.text + repr(answer.headers) for answer in answers))


def until(lines: Iterable[str], part: str) -> Iterator[str]:
    """Yield lines up to the one with ``part``."""
    for line in lines:
        yield line
        if part in line:
            return


def asked(url: str) -> Iterator[httpx.Response]:
    """Ask with the token, with a wrong one and without."""
    right = {"Authorization": f"Bearer {SECRETS['http_token']}"}
    for headers in (right, {"Authorization": "Bearer other"}, {}):
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
            for path in ("/v2", "/v2/models/x", "/metrics", "/openapi.json"):
                yield client.get(path)
            yield client.post("/classify", content=b"no picture")
