import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docs.tools.animation import Moment, draw_animation, record
from jobs.status import Condition, ConditionType, JobStatus, Stage

_KEYFRAMES = re.compile(r"@keyframes show\d+\{0%\{[a-z:]+\}([\d.]+)%\{visibility:visible\}([\d.]*)")
START = datetime(2026, 11, 25, tzinfo=UTC)


def _moment(conditions: int) -> Moment:
    times = [START + timedelta(seconds=number) for number in range(conditions)]
    entries = [
        Condition(stage=Stage.TRAIN, type=ConditionType.RUNNING, time=time) for time in times
    ]
    status = JobStatus(
        name="dogs", namespace="farm", runner="standalone", started=START, conditions=entries
    )
    return Moment(times[-1], status)


def test_each_change_is_recorded_once_until_the_job_ends() -> None:
    read = iter([None, _moment(1), _moment(1), _moment(2)])
    running = iter([True] * 4 + [False])

    moments = record(lambda: next(read), lambda: next(running), period=0)

    assert [len(moment.status.conditions) for moment in moments] == [1, 2]


def test_one_frame_is_visible_at_a_time_and_the_last_one_without_animation(tmp_path: Path) -> None:
    drawn = tmp_path / "view.svg"

    draw_animation([_moment(count) for count in range(1, 41)], drawn, "dogs")

    text = drawn.read_text()
    shown = _KEYFRAMES.findall(text)
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own
    assert 10 < len(shown) < 20
    assert [start for start, _ in shown[1:]] == [end for _, end in shown[:-1]]
    assert shown[-1][1] == ""
    assert f"#frame{len(shown) - 1}{{visibility:visible}}" in text
