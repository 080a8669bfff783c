"""A LocalController and an S3 store on sockets, models that need no training, and images.

The models are true ONNX files for the true backend: they tell a dark image from a bright one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from backend.classifier import TinyMSClassifier
from tests.brightness_model import SIDE, write_model
from tests.e2e.conftest import BARE_ENVIRONMENT
from tests.local_controller import (
    FakeLocalController,
    QuietHandler,
    serve_local_controller,
    serving,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

S3_KEY = "AKIA-the-key"
S3_SECRET = "s3cr3t/of+the=key"  # noqa: S105 - of a server that this test starts
BRIGHTNESS = {"dark": 20, "grey": 124, "bright": 235}


@dataclass
class S3Store:
    """A bucket of a real S3 server, empty at first."""

    environment: dict[str, str]
    bucket: str
    client: "S3Client"

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, content: bytes | str) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def keys(self) -> set[str]:
        contents = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {entry["Key"] for entry in contents}


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str) -> Iterator[S3Store]:
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEY,
        aws_secret_access_key=S3_SECRET,
    )
    bucket = f"bucket-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    environment = {
        "S3_ENDPOINT_URL": s3_endpoint,
        "ACCESS_KEY_ID": S3_KEY,
        "SECRET_ACCESS_KEY": S3_SECRET,
    }
    yield S3Store(environment, bucket, client)
    client.close()


@dataclass
class FileServer:
    """An HTTP server; ``files`` maps a path with its query to a status and a body."""

    url: str = ""
    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    authorizations: list[str | None] = field(default_factory=list)
    cut_at: int | None = None
    """Bytes after which a body breaks off."""


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    files = FileServer()

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            files.authorizations.append(self.headers["Authorization"])
            status, body = files.files.get(self.path, (HTTPStatus.NOT_FOUND, b""))
            self.answer(status, body, files.cut_at)

    with serving(Handler) as files.url:
        yield files


@pytest.fixture
def local_controller() -> Iterator[FakeLocalController]:
    with serve_local_controller() as controller:
        yield controller


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """Write a model of the classes dark, bright; ``sharpness`` < 0 makes it always wrong."""
    return write_model


@pytest.fixture(scope="session")
def make_image() -> Callable[..., Path]:
    """Write an image named ``path``; ``kind`` is dark, grey or bright."""

    def make(path: Path, kind: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        value = BRIGHTNESS[kind]
        Image.new("RGB", (48, 40), (value, value, value)).save(path)
        return path

    return make


@pytest.fixture
def identity(local_controller: FakeLocalController) -> dict[str, str]:
    """The variables that every worker of this job is given."""
    return {
        "NAMESPACE": "default",
        "JOB_NAME": "lamps",
        "WORKER_NAME": "worker-abcde",
        "LC_SERVER": local_controller.url,
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
    }


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "base.ckpt"
    TinyMSClassifier(("cat", "dog"), 32).save(path)
    return path


@pytest.fixture
def worker_environment(
    tmp_path: Path, base_model: Path, identity: dict[str, str]
) -> dict[str, str]:
    """A train worker's environment with nothing wrong in it."""
    for number in range(4):
        pixels = np.full((40, 40, 3), 60 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    index = tmp_path / "index.txt"
    index.write_text("0.png cat\n1.png dog\n2.png cat\n3.png dog\n")
    return {
        **BARE_ENVIRONMENT,
        **identity,
        "BASE_MODEL_URL": str(base_model),
        "MODEL_URL": str(tmp_path / "out" / "1"),
        "TRAIN_DATASET_URL": str(index),
        "ORIGINAL_DATASET_URL": str(index),
        "class_names": "cat,dog",
        "input_shape": "32",
        "epochs": "1",
    }
