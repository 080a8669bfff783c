from datetime import UTC, datetime

import pytest

from jobs.class_changes import class_change
from jobs.status import JobStatus, Outcome, Round

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def status(*rounds: tuple[Outcome, list[str]]) -> JobStatus:
    return JobStatus(
        name="job",
        namespace="default",
        runner="standalone",
        started=NOW,
        rounds=[
            Round(number=number, started=NOW, ended=NOW, outcome=outcome, class_names=names)
            for number, (outcome, names) in enumerate(rounds, start=1)
        ],
    )


@pytest.mark.parametrize(
    ("named", "renamed", "change"),
    [
        (["cat", "dog"], {}, None),
        (["dog", "cat"], {}, None),
        (["cat", "hound"], {"dog": "hound"}, None),
        (["cat", "dog", "horse"], {}, "(horse new)"),
        (["cat", "horse"], {}, "(horse new; dog removed)"),
        (["cat"], {}, "(dog removed)"),
    ],
)
def test_what_comes_and_goes_is_named(
    named: list[str], renamed: dict[str, str], change: str | None
) -> None:
    said = class_change(status((Outcome.DEPLOYED, ["cat", "dog"])), named, renamed)
    assert change in said if change else said == ""


def test_the_deployed_model_decides_not_the_last_trained_one() -> None:
    rounds = status((Outcome.DEPLOYED, ["cat", "dog"]), (Outcome.FAILED, ["cat", "dog", "horse"]))
    assert "(horse new)" in class_change(rounds, ["cat", "dog", "horse"], {})


def test_a_job_without_a_round_has_no_change() -> None:
    assert class_change(status(), ["cat", "dog"], {}) == ""
