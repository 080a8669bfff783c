"""The built site is read without a network."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.reading import DOCS, REPOSITORY, blocks

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


@pytest.mark.e2e
@pytest.mark.skipif(not _MKDOCS.exists(), reason="`make docs` has not installed MkDocs here")
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    command = [str(_MKDOCS), "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    pages = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}

    assert len(pages) > 20
    loaded = {url for text in pages.values() for url in _LOADED.findall(text)}
    assert loaded == set()
    assert [str(page) for page, text in pages.items() if 'class="mermaid"' in text] == []
    styles = "".join(style.read_text(encoding="utf-8") for style in tmp_path.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?https?://", styles) == []
