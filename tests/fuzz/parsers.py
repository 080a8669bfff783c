"""What reads bytes from outside, as functions of bytes that fail on a finding.

Of each parser only the errors that it documents may come out; anything else is a finding, and
so is a result that breaks the parser's promise. `corpus` holds inputs to start from and every
input that was a finding once.
"""

import asyncio
import json
import os
import warnings
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request

from backend.errors import DatasetError, ImageError, ModelFileError, SettingsError
from backend.images.opening import opened
from backend.models import model_file
from jobs.resources.loader import load_documents, load_jobs
from jobs.standalone.server import WorkerReport, application
from workers.contract import WorkerMessage, message_path
from workers.data.answers import Rejection
from workers.data.index_file import read_index, sample_paths
from workers.eval.settings import EvalSettings
from workers.http.body import read_upload
from workers.http.refusals import RequestError
from workers.http.security import BearerToken
from workers.infer.inbox import Inbox
from workers.infer.protocol import parse_request
from workers.infer.settings import InferSettings
from workers.infer.tensors import Tensor, from_binary, from_json, to_binary
from workers.label.examples import ExampleFolder
from workers.label.label_studio import by_name, labels_of
from workers.label.settings import LabelSettings
from workers.sedna.hot_update import HotUpdate
from workers.storage.settings import S3Settings
from workers.train.settings import TrainSettings

__all__ = ["CORPUS", "PARSERS"]

CORPUS = Path(__file__).parent / "corpus"
"""A folder of inputs for each parser."""

T = TypeVar("T")

CLASSES = ("croissant", "dog")
_LONGEST_SIDE = 30  # digits
_WORKER = "train-worker-abcde"


def _index(data: bytes) -> None:
    with _file(data, ".txt") as file, suppress(DatasetError):
        paths = set(sample_paths(file))
        for sample in read_index(file, CLASSES):
            path = PurePosixPath(sample.path)
            assert sample.path in paths
            assert not path.is_absolute()
            assert ".." not in path.parts


def _model_card(data: bytes) -> None:
    for suffix in (".ckpt", ".onnx"):
        with _file(data, suffix) as file, suppress(ModelFileError):
            assert len(model_file.read(file).payload) <= len(data)


def _manifests(data: bytes) -> None:
    for load in (load_jobs, load_documents):
        with _file(data, ".yaml") as file, suppress(SettingsError):
            load([file])


def _settings(data: bytes) -> None:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    environment = {name: value for name, _, value in (line.partition("=") for line in lines)}
    for settings in (TrainSettings, EvalSettings, InferSettings, LabelSettings, S3Settings):
        with suppress(SettingsError):
            settings.from_environment(environment)


def _worker_message(data: bytes) -> None:
    with suppress(ValidationError):
        message = WorkerMessage.model_validate_json(data)
        assert WorkerMessage.model_validate_json(message.to_json()) == message
    received: list[WorkerReport] = []
    status = _run(_posted(received, data))
    assert status == (200 if received else 400)


async def _posted(received: list[WorkerReport], body: bytes) -> int:
    login = b64encode(f"{_WORKER}:secret".encode()).decode()
    headers = {
        "authorization": f"Basic {login}",
        "content-type": "application/json",
        "host": "127.0.0.1:9100",
    }
    scope = _scope(message_path(_WORKER), headers) | {"server": ("127.0.0.1", 9100)}
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    await application(received.append, lambda _: "secret")(scope, receive, send)
    return statuses[0]


def _hot_update(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        config = Path(folder) / "model_config.json"
        config.write_bytes(data)
        HotUpdate(config, lambda _: None, lambda _: None).load_latest()


def _request(data: bytes) -> None:
    """Read a first line with the JSON's length, or an empty one, and the body."""
    length, _, body = data.partition(b"\n")
    with suppress(RequestError):
        request = parse_request(body, int(length) if length.isdigit() else None)
        for tensor in request.inputs:
            _check_round_trip(tensor)


def _tensor(data: bytes) -> None:
    """Read a first line with datatype and shape, and the data in either form."""
    head, _, values = data.partition(b"\n")
    datatype, *sides = head.decode("latin-1").split(" ")
    shape = [int(side) for side in sides if side.isdecimal() and len(side) < _LONGEST_SIDE]
    with suppress(RequestError):
        _check_round_trip(from_binary("x", datatype, shape, values))
    try:
        content = json.loads(values)
    except (ValueError, RecursionError):
        return
    with suppress(RequestError):
        _check_round_trip(from_json("x", datatype, shape, content))


def _check_round_trip(tensor: Tensor) -> None:
    data = to_binary(tensor)
    again = from_binary(tensor.name, tensor.datatype, tensor.values.shape, data)
    assert to_binary(again) == data


def _upload(data: bytes) -> None:
    """Read a first line with the content type, and the body."""
    content_type, _, body = data.partition(b"\n")
    headers = {"content-type": content_type.decode("latin-1")}
    with suppress(RequestError):
        upload = _run(read_upload(Request(_scope("/classify", headers)), body))
        assert len(upload.content) <= len(body)


def _credentials(data: bytes) -> None:
    """Read a first line with Authorization, and a second one with Cookie."""
    authorization, _, cookie = data.decode("latin-1").partition("\n")
    passed: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    async def send(message: Any) -> None:
        """Ignore the report."""

    guard = BearerToken(app, "the token", open_paths=())
    scope = _scope("/v2", {"authorization": authorization, "cookie": cookie})
    _run(guard(scope, None, send))  # type: ignore[arg-type]  # nothing is received
    assert not passed or "the token" in data.decode("latin-1")


def _label_studio(data: bytes) -> None:
    with suppress(RequestError):
        labels = labels_of(data)
        assert set(by_name(labels, {"a.png"})) <= {"a.png"}


def _hard_example(data: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "night.json").write_bytes(data)
        (folder / "night.png").touch()
        examples = ExampleFolder(folder)
        assert all(examples.path(image).parent == folder for image in examples.unlabelled())


def _picture(data: bytes) -> None:
    """Read a picture, whatever its format and metadata."""
    with warnings.catch_warnings(), suppress(ImageError):
        warnings.simplefilter("ignore")
        with opened(data, at_least=32) as image:
            assert image.mode == "RGB"


def _inbox(data: bytes) -> None:
    """Read a first line with a file's name, and the file."""
    name, _, content = data.partition(b"\0")
    with TemporaryDirectory() as folder:
        inbox = Inbox(Path(folder))
        try:
            Path(folder, os.fsdecode(name).replace("/", "_")).write_bytes(content)
        except OSError:
            return  # no file system holds such a name
        for image in inbox.waiting():
            inbox.reject(image, "no image")
            sidecar = Path(folder, "rejected", f"{image.name}.json")
            assert Rejection.model_validate_json(sidecar.read_bytes()).image == image.name
            assert sidecar.with_suffix("").read_bytes() == content


PARSERS: dict[str, Callable[[bytes], None]] = {
    "credentials": _credentials,
    "hard-example": _hard_example,
    "hot-update": _hot_update,
    "inbox": _inbox,
    "index": _index,
    "label-studio": _label_studio,
    "manifests": _manifests,
    "model-card": _model_card,
    "picture": _picture,
    "request": _request,
    "settings": _settings,
    "tensor": _tensor,
    "upload": _upload,
    "worker-message": _worker_message,
}
"""Each fails on a finding."""


@contextmanager
def _file(data: bytes, suffix: str) -> Iterator[Path]:
    with NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def _scope(path: str, headers: dict[str, str]) -> dict[str, Any]:
    raw = Headers(headers).raw
    return {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": raw}


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    return _loop().run_until_complete(coroutine)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()
