"""The built site is read without a network."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import browser, needs_browser
from tests.docs.reading import DOCS, REPOSITORY, blocks

__all__ = ["browser"]

_MKDOCS = REPOSITORY / ".venv-docs" / "bin" / "mkdocs"
_LOADED = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
)


def test_no_page_has_a_diagram_that_needs_a_script() -> None:
    # Material draws Mermaid with a script of unpkg.com as soon as one page has a diagram.
    languages = {block.language for page in DOCS.rglob("*.md") for block in blocks(page)}

    assert "text" in languages
    assert "mermaid" not in languages
    assert "mermaid" not in (REPOSITORY / "mkdocs.yml").read_text()


_built = [
    pytest.mark.e2e,
    pytest.mark.skipif(not _MKDOCS.exists(), reason="`make docs` has not installed MkDocs here"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's folder."""
    folder = tmp_path_factory.mktemp("site")
    command = [str(_MKDOCS), "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


class TestBuilt:
    pytestmark = _built

    def test_it_loads_nothing_from_elsewhere(self, site: Path) -> None:
        pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}

        assert len(pages) > 20
        loaded = {url for text in pages.values() for url in _LOADED.findall(text)}
        assert loaded == set()
        assert [str(page) for page, text in pages.items() if 'class="mermaid"' in text] == []
        styles = "".join(style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
        assert re.findall(r"(?:@import|url\()\s*[\"']?https?://", styles) == []

    @needs_browser
    @pytest.mark.parametrize("concept", ["replay", "hot update", "int8", "forgetting", "backend"])
    def test_a_concept_is_found_from_files_and_not_in_the_api_first(
        self, site: Path, browser: webdriver.Chrome, concept: str
    ) -> None:
        browser.get((site / "index.html").as_uri())
        browser.execute_script("document.querySelector('#__search').click()")
        query = browser.find_element(By.CSS_SELECTOR, "input[name=query]")
        WebDriverWait(browser, 20).until(lambda _: query.is_displayed())
        query.send_keys(concept)
        found = WebDriverWait(browser, 20).until(
            lambda _: browser.find_elements(By.CSS_SELECTOR, ".md-search-result__item a")
        )

        pages = [link.get_attribute("href") or "" for link in found]
        assert "/reference/api/" not in pages[0], pages
