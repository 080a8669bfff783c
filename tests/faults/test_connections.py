"""A LocalController or a store that holds a connection, breaks it, or answers half of it."""

from http import HTTPStatus
from pathlib import Path
from threading import Event

import pytest
from botocore.config import Config

from backend.errors import TemporaryError
from tests.local_controller import QuietHandler, serving
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.sedna.local_controller import LocalController
from workers.storage import s3
from workers.storage.s3 import S3Storage

TAKEN = b'{"Status": 200, "Message": "OK"}'
SILENT, HALF, BROKEN = "silent", "half an answer", "no answer"


class Faulty(QuietHandler):
    """Answers as ``faults`` say, one after the other, and as it should after the last."""

    faults: list[str]
    bodies: list[bytes]
    released: Event

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(TAKEN)

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        self._answer(b"0123456789")

    def _answer(self, body: bytes) -> None:
        match self.faults.pop(0) if self.faults else None:
            case "silent":
                self.released.wait(30)
            case "half an answer":
                self.answer(HTTPStatus.OK, body, len(body) // 2)
            case "no answer":
                self.close_connection = True
            case None:
                self.answer(HTTPStatus.OK, body)


@pytest.fixture
def faulty() -> type[Faulty]:
    class Handler(Faulty):
        faults: list[str] = []  # noqa: RUF012 - of this test's own class
        bodies: list[bytes] = []  # noqa: RUF012 - of this test's own class
        released = Event()

    return Handler


@pytest.mark.parametrize("fault", [SILENT, HALF, BROKEN])
def test_a_report_that_met_a_fault_is_sent_again_as_it_was(
    fault: str, faulty: type[Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.sedna.local_controller._TIMEOUT_SECONDS", 0.2)
    faulty.faults += [fault, fault]
    with serving(faulty) as url:
        controller = LocalController(
            url, "w", namespace="farm", job_name="dogs", patience=20, first_delay=0.01
        )
        controller.report(WorkerKind.DEPLOY, WorkerStatus.COMPLETED)
        faulty.released.set()
    assert len(faulty.bodies) == 3
    assert len(set(faulty.bodies)) == 1
    assert WorkerMessage.model_validate_json(faulty.bodies[0]).status is WorkerStatus.COMPLETED


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a store up sooner."""
    config = s3._config
    quick = Config(read_timeout=0.2, connect_timeout=1)
    monkeypatch.setattr(s3, "_config", lambda settings: config(settings).merge(quick))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", [SILENT, HALF, BROKEN])
def test_a_download_that_always_meets_a_fault_leaves_no_file(
    fault: str, faulty: type[Faulty], tmp_path: Path
) -> None:
    faulty.faults += [fault] * 20
    with serving(faulty) as url:
        storage = S3Storage.from_environment({"S3_ENDPOINT_URL": url})
        with pytest.raises(TemporaryError, match="s3://bucket/x: S3 cannot be reached now"):
            storage.download("s3://bucket/x", tmp_path / "x")
        faulty.released.set()
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", [SILENT, BROKEN])
def test_a_download_is_tried_again(fault: str, faulty: type[Faulty], tmp_path: Path) -> None:
    faulty.faults.append(fault)
    with serving(faulty) as url:
        storage = S3Storage.from_environment({"S3_ENDPOINT_URL": url})
        assert storage.download("s3://bucket/x", tmp_path / "x") == 10
        faulty.released.set()
