import re
from pathlib import Path

import pytest
from PIL import Image

from demo.usecase.page import write_page
from demo.usecase.results import Results
from jobs.status import Outcome
from tests.demo.usecase.conftest import story, study

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page was written."""
    return write_page(study(), tmp_path_factory.mktemp("docs")).parent


@pytest.fixture(scope="module")
def page(docs: Path) -> str:
    return (docs / "use-case-report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "figure",
    [
        "93.0 % (86 to 97)",  # initial model by day
        "84.0 % (76 to 90)",  # after the round by night
        "+28.0",
        "-4.0",
        "96 day, 120 night",
        "50.0 % → 75.0 %",
        "accuracy_delta[0] = 0.25 > 0.02: deploy",
        "+4.0",  # the day's forgetting
        "42.0 % (34 to 50)",  # hard examples that were mistakes
        "+12.5 points in round 1",  # the eval worker's forgetting
        "1234",
        "`aaaaaaaaaaaa`",
        "says dog, 52 %",
        "is a croissant",
        "50.0 % (15 to 85) | 75.0 % (30 to 95)",  # photographs, before and after
        "26 in `backend/net.py`",
        "04 March 2026",
    ],
)
def test_a_figure_of_the_results_is_on_the_page(page: str, figure: str) -> None:
    assert figure in page


def test_equal_digests_are_called_equal(page: str) -> None:
    assert "end with the same weights, bit for bit" in page


def test_a_failed_round_has_no_accuracy(results: Results, tmp_path: Path) -> None:
    failed = results.stories[0].rounds[0]
    failed.outcome, failed.candidate, failed.deployed = Outcome.FAILED, {}, {}
    page = write_page(results, tmp_path).read_text(encoding="utf-8")
    assert "| 1 | 96 day, 120 night | 0 | 0 |  | failed: " in page


def test_other_digests_are_not_called_equal(results: Results, tmp_path: Path) -> None:
    results.stories[1] = story("MINDSPORE", digest="e")
    page = write_page(results, tmp_path).read_text(encoding="utf-8")
    assert "bit for bit" not in page
    assert "did not end with the same weights" in page


def test_without_photographs_the_page_says_how_to_have_them(
    results: Results, tmp_path: Path
) -> None:
    results.photographs = []
    page = write_page(results, tmp_path).read_text(encoding="utf-8")
    assert "make report PHOTOGRAPHS=folder" in page


def test_a_table_has_as_many_cells_in_each_row(page: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_the_plots_are_whole_pictures_on_white(page: str, docs: Path) -> None:
    names = re.findall(r"\]\((use-case/\w+\.(?:png|jpg))\)", page)
    assert len(names) == 3
    for name in names:
        with Image.open(docs / name) as picture:
            corner = picture.convert("RGB").getpixel((0, 0))
            assert isinstance(corner, tuple)
            assert min(corner) > 250
            assert min(picture.size) > 250
        assert (docs / name).stat().st_size < 200_000


@pytest.mark.skipif(
    not (DOCS / "use-case" / "results.json").exists(), reason="`make report` has not run yet"
)
def test_the_committed_page_is_that_of_the_committed_results(tmp_path: Path) -> None:
    results = Results.read(DOCS / "use-case" / "results.json")
    page = write_page(results, tmp_path).read_text(encoding="utf-8")
    assert page == (DOCS / "use-case-report.md").read_text(encoding="utf-8")
    for example in results.hard_examples:
        assert (DOCS / "use-case" / "hard-examples" / example.picture).is_file()
