"""What is secret in a template stays there: no log, state, report or command line has it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jobs.report import write_report
from jobs.standalone.state import StateFile
from jobs.status import JobStatus
from tests.jobs.conftest import Job

SECRETS = {
    "ACCESS_KEY_ID": "AKIA-s3cr3t-1",
    "SECRET_ACCESS_KEY": "s3cr3t/2+",
    "http_token": "s3cr3t-3",
    "S3_ENDPOINT_URL": "https://s3cr3t-4:s3cr3t-5@localhost",
}


def told(folder: Path) -> Iterator[str]:
    """Yield what the runner and its workers wrote: all but the manifests."""
    for file in folder.rglob("*"):
        if file.is_file() and file.parent.name != "manifests":
            yield f"{file}: {file.read_bytes().decode('latin-1')}"


@pytest.mark.parametrize("behaviour", ["complete", "fail", "crash-once", "silent"])
async def test_a_jobs_secrets_are_in_its_workers_environment_only(
    job: Job, tmp_path: Path, behaviour: str
) -> None:
    command_lines: list[str] = []

    def look(_: JobStatus) -> None:
        for process in job.processes():
            # It may have ended since it was listed.
            with suppress(psutil.NoSuchProcess):
                command_lines.append(" ".join(process.cmdline()))

    for kind in ("train", "eval", "infer"):
        job.environment(kind, **SECRETS)
    job.environment("train" if behaviour != "fail" else "eval", behaviour=behaviour)
    job.append(10)
    status = await job.runner().run(rounds=1, timeout=30.0, on_status=look)
    write_report(status, tmp_path / "report.html")
    texts = [*command_lines, *told(tmp_path), status.model_dump_json()]
    assert command_lines
    assert any("report.html" in text for text in texts)
    state = StateFile.read(job.node("out/iljob/state.json"))
    assert state is not None
    secrets = ["s3cr3t", *(state.secret(worker.name) for worker in status.workers)]
    assert [text for text in texts for secret in secrets if secret in text] == []
