from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local_controller import FakeLocalController
from workers.contract import WorkerKind
from workers.sedna.local_controller import LocalController
from workers.sedna.outbox import Outbox
from workers.sedna.process import run_round
from workers.storage import Mirror
from workers.train.training import train


@pytest.mark.e2e
def test_a_train_worker_has_one_mirror_one_client_and_one_outbox(
    worker_environment: dict[str, str],
    local_controller: FakeLocalController,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counted(kind: Any) -> Callable[..., None]:
        original = kind.__init__

        def construct(self: object, *args: object, **kwargs: object) -> None:
            made.append(kind.__name__)
            original(self, *args, **kwargs)

        return construct

    for kind in (Mirror, LocalController, Outbox):
        monkeypatch.setattr(kind, "__init__", counted(kind))
    run_round(WorkerKind.TRAIN, worker_environment | {"fine_tune": "head"}, train)

    assert local_controller.next_message().results
    assert sorted(made) == ["LocalController", "Mirror", "Outbox"]
    assert Path(worker_environment["MODEL_URL"], "model.onnx").exists()
