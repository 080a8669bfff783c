"""What an unpatched Sedna SDK reports of joint inference, with this project's registration."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from backend.sedna import joint_inference
from tests.sedna_sdk import needs_sedna

pytestmark = needs_sedna


class EndError(Exception):
    """Ends the reporter's loop."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return Sedna's reporter module, registered for one test, without pauses between reports."""
    module: Any = import_module("sedna.service.client")
    job = import_module("sedna.core.joint_inference.joint_inference").JointInference
    monkeypatch.setattr(module.LCReporter, "run", module.LCReporter.run)
    for name in ("_get_edge_result", "inference"):
        monkeypatch.setattr(job, name, getattr(job, name))
    joint_inference.register()
    periods = iter([None] * 5)

    def sleep(_: float) -> None:
        if next(periods, EndError) is EndError:
            raise EndError

    monkeypatch.setattr("time.sleep", sleep)
    yield module
    del module.LCReporter.period_increment


def reported(
    client: Any, monkeypatch: pytest.MonkeyPatch, at_first: Callable[[Any], None]
) -> list[int]:
    """Infer once and return the counts of all reports; ``at_first`` happens during the first."""
    reporter, counts = client.LCReporter("", {"name": "worker"}), list[int]()

    def send(_server: str, _worker: str, message: dict[str, Any]) -> None:
        counts.append(message["ownerInfo"]["inferenceNumber"])
        if len(counts) == 1:
            at_first(reporter)

    monkeypatch.setattr(client.LCClient, "send", send)
    reporter.update_for_edge_inference()
    with pytest.raises(EndError):
        reporter.run()
    return counts


def test_what_is_inferred_while_a_report_is_sent_is_in_the_next_one(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def infer(reporter: Any) -> None:
        reporter.update_for_edge_inference()

    assert reported(client, monkeypatch, infer) == [1, 2]


def test_a_local_controller_that_was_away_is_told_later(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise import_module("tenacity").RetryError(None)

    assert reported(client, monkeypatch, fail) == [1, 1]
