import doctest
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.docs.reading import DOCS, REPOSITORY, blocks

PAGES = sorted(DOCS.rglob("*.md"))
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def _named(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_a_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    local = [link.split("#")[0] for link in links if "://" not in link and link[0] != "#"]

    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_contents_name_every_page_once() -> None:
    nav = re.search(r"^nav:\n.*", (REPOSITORY / "mkdocs.yml").read_text(), re.DOTALL | re.MULTILINE)
    assert nav
    named = _pages(yaml.safe_load(nav[0])["nav"])

    assert sorted(named) == sorted(map(_named, PAGES))


def _pages(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    assert isinstance(parts, Iterable)
    return [page for part in parts for page in _pages(part)]


@pytest.mark.parametrize("name", ["how-to/miners.md"])
def test_an_example_gives_what_the_page_says(name: str) -> None:
    results = doctest.testfile(str(DOCS / name), module_relative=False, encoding="utf-8")

    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_python_and_yaml_on_a_page_are_well_formed(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, _named(page), "exec")
        if block.language == "yaml":
            list(yaml.safe_load_all(block.text))


def test_the_pictures_are_whole_and_small() -> None:
    view, report = DOCS / "pictures" / "live-view.svg", DOCS / "pictures" / "report.png"

    assert ET.fromstring(view.read_text(encoding="utf-8")).tag.endswith("svg")  # noqa: S314 - our own
    with Image.open(report) as picture:
        picture.load()
    assert view.stat().st_size + report.stat().st_size < 200_000
    assert "https://" not in re.sub(r"<!--.*?-->", "", view.read_text(encoding="utf-8"))
