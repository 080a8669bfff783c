"""A person labels in a real browser, and a round of the job begins."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from jobs.status import JobStatus, Outcome
from tests.jobs.conftest import Job, job
from tests.workers.label.conftest import fill, folder
from tests.workers.label.test_browser import browser, press, pytestmark, until, url

__all__ = ["browser", "fill", "folder", "job", "pytestmark", "url"]

TRAIN_SHARE = 16
"""Of two increments of 10 labels, with trainProb 0.8."""


@pytest.fixture
def index(job: Job) -> Path:
    return job.node("data/index.txt")


def _label(browser: webdriver.Chrome, url: str) -> None:
    browser.get(url)
    press(browser, *"cd" * 10)
    until(browser, "waiting", "4")
    press(browser, Keys.ENTER)
    until(browser, "saved", "20")


async def test_twenty_labels_start_a_round(
    job: Job, fill: Callable[[int], list[str]], url: str, browser: webdriver.Chrome
) -> None:
    job.spec["trainSpec"]["trigger"]["condition"]["threshold"] = TRAIN_SHARE
    fill(24)
    running = asyncio.create_task(job.runner().run(rounds=1, timeout=60))
    await asyncio.to_thread(_label, browser, url)
    status: JobStatus = await running
    (ended,) = status.rounds
    assert ended.outcome is Outcome.DEPLOYED
    assert (ended.train_samples, ended.eval_samples) == (TRAIN_SHARE, 4)
