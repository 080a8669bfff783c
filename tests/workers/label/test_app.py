import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from PIL import Image
from watchfiles import awatch

from tests.workers.label.test_label_studio import annotated
from workers.label.app import make_app
from workers.label.examples import ExampleFolder
from workers.label.labelling import Labelling
from workers.label.settings import LabelSettings

Fill = Callable[[int], list[str]]
Open = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def open_page(
    folder: Path, index: Path, start: Callable[[], Labelling]
) -> AsyncIterator[Open]:
    async with AsyncExitStack() as running:

        async def open_with(**more: str) -> httpx.AsyncClient:
            variables = {
                "HE_SAVED_URL": str(folder),
                "ORIGINAL_DATASET_URL": str(index),
                "class_names": "croissant,dog",
            }
            settings = LabelSettings.from_environment(variables | more)
            app = make_app(settings, start(), ExampleFolder(folder))
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
            return await running.enter_async_context(client)

        yield open_with


async def test_a_label_is_taken_and_counted(open_page: Open, fill: Fill, index: Path) -> None:
    names, client = fill(2), await open_page()
    answer = await client.post("/label", json={"name": names[0], "label": "dog"})
    assert answer.json() == {"result": names[1:], "waiting": 1, "pending": 1, "saved": 0}
    assert (await client.post("/undo", json={})).json()["result"] == names[0]
    await client.post("/label", json={"name": names[1], "label": "dog"})
    assert (await client.post("/save", json={})).json()["saved"] == 1
    assert index.read_text() == f"hard-examples/{names[1]} dog\n"
    assert (await client.get("/counts")).json()["waiting"] == 1
    again = await client.post("/label", json={"name": names[1], "label": "dog"})
    assert again.status_code == httpx.codes.CONFLICT


async def test_labels_are_saved_when_nobody_labels_for_a_while(
    open_page: Open, fill: Fill, index: Path
) -> None:
    names, client = fill(1), await open_page(undo_seconds="0.05")
    await client.post("/label", json={"name": names[0], "label": "dog"})
    async with asyncio.timeout(10):
        async for _ in awatch(index.parent, yield_on_timeout=True, rust_timeout=50):
            if index.exists():
                break
    assert index.read_text() == f"hard-examples/{names[0]} dog\n"


async def test_pictures_are_shown_as_jpeg(open_page: Open, fill: Fill) -> None:
    (name,), client = fill(1), await open_page()
    answer = await client.get(f"/pictures/{name}")
    assert answer.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (48, 40))


@pytest.mark.parametrize(
    ("headers", "policy"),
    [
        ({"Referer": "https://labels.example/projects/1"}, "cross-origin"),
        ({"Origin": "https://labels.example"}, "cross-origin"),
        ({"Referer": "https://labels.example.evil.example/"}, "same-origin"),
        ({}, "same-origin"),
    ],
)
async def test_pictures_are_shown_on_allowed_sites_only(
    open_page: Open, fill: Fill, headers: dict[str, str], policy: str
) -> None:
    (name,), client = fill(1), await open_page(http_allowed_origins="https://labels.example")
    answer = await client.get(f"/pictures/{name}", headers=headers)
    assert answer.headers["Cross-Origin-Resource-Policy"] == policy


@pytest.mark.parametrize("name", ["none.png", "..%2Fdataset%2Findex.txt", "%2Fetc%2Fpasswd"])
async def test_nothing_but_hard_examples_is_shown(open_page: Open, name: str) -> None:
    client = await open_page()
    assert (await client.get(f"/pictures/{name}")).status_code == httpx.codes.NOT_FOUND


async def test_a_foreign_page_cannot_label(open_page: Open, fill: Fill) -> None:
    (name,), client = fill(1), await open_page()
    body = json.dumps({"name": name, "label": "dog"})
    for path in ("/label", "/skip", "/undo", "/save", "/label-studio.json"):
        sent = await client.post(path, content=body, headers={"Content-Type": "text/plain"})
        assert sent.status_code == httpx.codes.BAD_REQUEST
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
        sent = await client.post(path, json={"name": name, "label": "dog"}, headers=headers)
        assert sent.status_code == httpx.codes.FORBIDDEN
    rebound = await client.get("/", headers={"Host": "evil.example"})
    assert rebound.status_code == httpx.codes.BAD_REQUEST
    assert (await client.get("/counts")).json()["waiting"] == 1


async def test_the_link_with_the_token_opens_the_page(open_page: Open) -> None:
    client = await open_page(http_token="s3cret")  # noqa: S106 - of this test
    assert (await client.get("/")).status_code == httpx.codes.UNAUTHORIZED
    assert (await client.get("/login?token=wrong")).status_code == httpx.codes.UNAUTHORIZED
    opened = await client.get("/login?token=s3cret")
    assert opened.headers["Location"] == "/"
    assert "HttpOnly" in opened.headers["Set-Cookie"]
    assert (await client.get("/")).is_success


async def test_label_studio_takes_over_and_gives_back(
    open_page: Open, fill: Fill, index: Path
) -> None:
    names, client = fill(3), await open_page()
    exported = (await client.get("/label-studio.json")).json()
    urls = [task["data"]["image"] for task in exported]
    assert urls == [f"http://localhost/pictures/{name}" for name in names]
    labelled = [annotated(url, ("dog", False)) for url in [*urls[:2], "http://x/other.png"]]
    answer = await client.post("/label-studio.json", json=labelled)
    assert answer.json()["result"] == {"taken": 2, "unknown": 1}
    assert index.read_text() == "".join(f"hard-examples/{name} dog\n" for name in names[:2])


async def test_a_wrong_choice_is_refused(open_page: Open) -> None:
    client = await open_page()
    wrong = await client.post("/label", json={"label": 1})
    assert wrong.status_code == httpx.codes.BAD_REQUEST
    assert set(wrong.json()) == {"error"}


async def test_every_answer_says_what_a_browser_may_do_with_it(open_page: Open, fill: Fill) -> None:
    (name,), client = fill(1), await open_page()
    for path in ("/", f"/pictures/{name}", "/static/label.js", "/counts", "/nothing"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"


async def test_the_page_has_nothing_inline(open_page: Open, fill: Fill) -> None:
    fill(2)
    text = (await (await open_page()).get("/")).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)
    assert "<script src=" in text


async def test_names_of_others_are_text_on_the_page(open_page: Open, fill: Fill) -> None:
    fill(1)
    client = await open_page(job_name="<script>alert(1)</script>", class_names="<b>,dog")
    text = (await client.get("/")).text
    assert "<script>" not in text
    assert "&lt;b&gt;" in text
