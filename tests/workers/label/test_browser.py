"""A person labels in a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import browser, needs_browser
from workers.data.index_file import read_index

__all__ = ["browser"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), needs_browser]


@pytest.fixture
def url(folder: Path, index: Path, tmp_path: Path) -> Iterator[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HE_SAVED_URL": str(folder),
        "ORIGINAL_DATASET_URL": str(index),
        "class_names": "croissant,dog",
        "http_port": "0",
    }
    command = [sys.executable, "-m", "workers", "label"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        found = (re.search(r"open (http\S+)", line) for line in process.stderr)
        match = next(filter(None, found))
        yield match[1]
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0


def text(browser: webdriver.Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def until(browser: webdriver.Chrome, name: str, value: str) -> None:
    WebDriverWait(browser, 20, 0.05, ignored_exceptions=[Exception]).until(
        lambda _: text(browser, name) == value
    )


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def test_twenty_pictures_are_labelled_with_keys(
    fill: Callable[[int], list[str]], url: str, browser: webdriver.Chrome, index: Path
) -> None:
    names = fill(24)
    browser.get(url)
    assert text(browser, "waiting") == "24"
    press(browser, " ")  # the first is skipped
    press(browser, *"dc1")
    until(browser, "pending", "3")
    press(browser, Keys.BACKSPACE)  # 1 was a mistake
    until(browser, "pending", "2")
    press(browser, "2", *"cd" * 8, "c")
    until(browser, "waiting", "4")
    until(browser, "saved", "10")
    press(browser, Keys.ENTER)
    until(browser, "saved", "20")
    labels = [1, 0, 1, *[0, 1] * 8, 0]
    samples = read_index(index, ("croissant", "dog"))
    assert {sample.path: sample.label for sample in samples} == {
        f"hard-examples/{name}": label for name, label in zip(names[1:21], labels, strict=True)
    }
    logged = browser.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
    assert [entry for entry in logged if entry["level"] == "SEVERE"] == []


def test_the_page_waits_for_pictures_and_shows_them_as_they_come(
    fill: Callable[[int], list[str]], url: str, browser: webdriver.Chrome
) -> None:
    browser.get(url)
    assert browser.find_element(By.ID, "empty").is_displayed()
    fill(2)
    until(browser, "waiting", "2")
    WebDriverWait(browser, 20, 0.05, ignored_exceptions=[Exception]).until(
        lambda _: len(browser.find_elements(By.CLASS_NAME, "card")) == 2
    )
    browser.find_element(By.CSS_SELECTOR, "[data-label=dog]").click()
    until(browser, "pending", "1")
    press(browser, "0")  # none of these
    until(browser, "pending", "2")
