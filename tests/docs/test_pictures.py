import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from docs.tools.pictures import draw_film, frame
from jobs.status import Condition, ConditionType, JobStatus, Stage

START = datetime(2026, 11, 25, tzinfo=UTC)


def _frame(number: int) -> str:
    condition = Condition(stage=Stage.TRAIN, type=ConditionType.RUNNING, time=START)
    status = JobStatus(
        name=f"dogs-{number}", namespace="farm", runner="standalone", started=START,
        conditions=[condition],
    )  # fmt: skip
    return frame(status, START, f"f{number}")


def test_a_film_moves_from_its_first_frame_to_the_last_which_also_stands_still(
    tmp_path: Path,
) -> None:
    drawn = tmp_path / "view.svg"

    draw_film([_frame(number) for number in range(40)], drawn)

    text = drawn.read_text()
    places = [float(place) for place in re.findall(r'<svg y="([\d.]+)"', text)]
    [height] = {b - a for a, b in pairwise(places)}
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own
    assert 10 < len(places) < 20
    assert f'viewBox="0 0 1385 {height:g}"' in text
    assert "dogs-0" in text
    assert "dogs-39" in text
    assert text.count(f"translateY({-places[-1]:g}px)") == 2
    assert f"steps({len(places) - 1})" in text
