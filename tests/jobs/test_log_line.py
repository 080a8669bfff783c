import pytest

from jobs.log_line import message_of


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-11-23T04:05:40.123+00:00 INFO epoch 1/3: loss 0.5\n", "epoch 1/3: loss 0.5"),
        ("  epoch 1/3: loss 0.5", "epoch 1/3: loss 0.5"),
        ("2026-11-23 INFO of another logger", "2026-11-23 INFO of another logger"),
        ("\n", ""),
    ],
)
def test_a_message_has_no_time_and_level(line: str, message: str) -> None:
    assert message_of(line) == message
