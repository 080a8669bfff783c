"""A real browser for the tests that need one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

__all__ = ["browser", "needs_browser"]

_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
_DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (_BROWSER and _DRIVER), reason="no chromium with chromedriver is installed"
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A headless browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    assert _BROWSER
    options.binary_location = _BROWSER
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(_DRIVER))
    yield driver
    driver.quit()
