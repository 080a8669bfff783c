"""Who may ask."""

import asyncio
import re

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backend.errors import SettingsError
from workers.http import security
from workers.http.security import (
    PROBES,
    AddedHeaders,
    guards,
    is_token,
    middleware,
    warn_if_open,
)
from workers.http.settings import HttpSettings

TOKEN = SecretStr("s3cret")


async def _done(_: Request) -> Response:
    return PlainTextResponse("done")


def client(*guard: Middleware, host: str = "localhost:8080") -> httpx.AsyncClient:
    routes = [Route("/", _done, methods=["GET", "POST"]), Route("/open", _done)]
    transport = httpx.ASGITransport(Starlette(routes=routes, middleware=guard))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> None:
    """The client logs its requests, too."""
    caplog.set_level("WARNING", "httpx")


@pytest.fixture(autouse=True)
def _log_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_LOG_EVERY_SECONDS", 0)


async def is_written() -> None:
    """Let the loop turn, so that the access log is written."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture(params=[None, TOKEN], ids=["anybody", "with a token"])
def guarded(request: pytest.FixtureRequest) -> httpx.AsyncClient:
    asked = client(*guards("127.0.0.1", request.param, {"/open"}))
    asked.headers["Authorization"] = f"Bearer {TOKEN.get_secret_value()}"
    return asked


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
    ],
)
async def test_another_sites_page_changes_nothing(
    guarded: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    refused = await guarded.post("/", headers=headers)
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert set(refused.json()) == {"error"}
    assert (await guarded.get("/", headers=headers)).is_success, "a link may lead here"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost:8080"},
    ],
)
async def test_its_own_page_and_what_is_no_browser_may(
    guarded: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await guarded.post("/", headers=headers)).is_success


@pytest.mark.parametrize("listening", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
async def test_a_name_that_points_at_this_machine_is_not_answered(listening: str) -> None:
    guard = guards(listening, None, ())
    for foreign in ("evil.example", "localhost.evil.example", "[::2]:80", ""):
        refused = await client(*guard).get("/", headers={"Host": foreign})
        assert refused.status_code == httpx.codes.BAD_REQUEST
        assert set(refused.json()) == {"error"}
    for own in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        assert (await client(*guard, host=own).get("/")).is_success


async def test_a_network_address_has_any_name() -> None:
    assert (await client(*guards("0.0.0.0", None, ()), host="node7").get("/")).is_success  # noqa: S104 - nothing listens


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic s3cret"},
        {"Authorization": b"Bearer \xff"},
        {"Authorization": "Bearer s3cret "},
        {"Cookie": "token=wrong"},
        {"Cookie": "other=s3cret"},
        {"Cookie": b'token="\\377"'},
    ],
)
async def test_without_the_token_nothing_is_answered_but_open_paths(
    headers: dict[str, str],
) -> None:
    asked = client(*guards("0.0.0.0", TOKEN, {"/open"}))  # noqa: S104 - nothing listens
    for method in ("GET", "POST"):
        refused = await asked.request(method, "/", headers=headers)
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert (await asked.get("/open", headers=headers)).is_success


@pytest.mark.parametrize(
    "headers", [{"Authorization": "bearer s3cret"}, {"Cookie": "token=s3cret"}]
)
async def test_the_token_opens(headers: dict[str, str]) -> None:
    asked = client(*guards("0.0.0.0", TOKEN, ()))  # noqa: S104 - nothing listens
    assert (await asked.get("/", headers=headers)).is_success


def test_a_token_is_equal_to_itself_only() -> None:
    assert is_token("ab", "ab")
    assert not any(is_token(each, "ab") for each in ("", "a", "abc", "aB", "é"))


async def test_headers_are_on_every_answer() -> None:
    asked = client(Middleware(AddedHeaders, headers={"X-Content-Type-Options": "nosniff"}))
    for path in ("/", "/nothing"):
        assert (await asked.get(path)).headers["X-Content-Type-Options"] == "nosniff"


def told(**variables: str) -> HttpSettings:
    return HttpSettings.from_environment(variables)


PAGE = "https://labels.example"


async def test_a_request_is_a_line_with_its_id_and_without_its_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "workers.http.security")
    asked = client(*middleware(told(), PROBES))
    answer = await asked.get("/?token=s3cret", headers={"X-Request-ID": "a-1"})
    assert answer.headers["X-Request-ID"] == "a-1"
    refused = await asked.post("/", headers={"Origin": "http://evil.example"})
    await is_written()
    first, second = caplog.messages
    assert re.fullmatch(r"127\.0\.0\.1 a-1 GET / 200 \d+\.\d ms", first)
    assert f" {refused.headers['X-Request-ID']} POST / 403 " in second
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "a\tb"])
async def test_an_id_that_could_spoil_the_log_is_replaced(sent: str) -> None:
    answer = await client(*middleware(told(), PROBES)).get("/", headers={"X-Request-ID": sent})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


async def test_a_path_is_one_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "workers.http.security")
    await client(*middleware(told(), PROBES)).get("/%0Aforged%20line")
    await is_written()
    assert "GET /%0Aforged%20line 404" in caplog.text


@pytest.mark.parametrize(
    ("variables", "is_logged"),
    [
        ({}, False),
        ({"http_access_log_probes": "true"}, True),
        ({"http_access_log": "false"}, False),
    ],
)
async def test_probes_are_logged_if_somebody_wants_it(
    caplog: pytest.LogCaptureFixture, variables: dict[str, str], is_logged: bool
) -> None:
    caplog.set_level("INFO", "workers.http.security")
    await client(*middleware(told(**variables), PROBES)).get(PROBES[0])
    await is_written()
    assert (PROBES[0] in caplog.text) == is_logged


@pytest.mark.parametrize("token", ["", "a token of good length"])
async def test_pages_of_allowed_origins_may_ask_and_others_may_not(token: str) -> None:
    settings = told(http_allowed_origins=f"{PAGE}/, http://other.example", http_token=token)
    asked = client(*middleware(settings, ()))
    headers = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    allowed = await asked.options("/", headers=headers | wanted)
    assert allowed.is_success
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    asked.headers["Authorization"] = f"Bearer {token}"
    answer = await asked.post("/", headers=headers)
    assert answer.is_success
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    foreign = {"Origin": f"{PAGE}.evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await asked.options("/", headers=foreign | wanted)).is_client_error
    refused = await asked.post("/", headers=foreign)
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("origins", ["*", "labels.example", "https://a/b", "file:///x"])
def test_what_is_no_origin_is_refused(origins: str) -> None:
    with pytest.raises(SettingsError, match="http_allowed_origins"):
        told(http_allowed_origins=origins)


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"http_host": "0.0.0.0"}, "open to everyone"),  # noqa: S104 - nothing listens
        ({"http_token": "x"}, "can be guessed"),
        ({"http_host": "::", "http_token": "a token of good length"}, "unencrypted"),
        ({}, ""),
        ({"http_token": "a token of good length"}, ""),
    ],
)
def test_an_open_address_is_warned_of(
    caplog: pytest.LogCaptureFixture, variables: dict[str, str], warning: str
) -> None:
    warn_if_open(told(**variables))
    assert warning in caplog.text
    assert bool(warning) == bool(caplog.records)


def test_half_of_a_certificate_is_refused() -> None:
    with pytest.raises(SettingsError, match="both or neither"):
        told(http_certificate="/tls.crt")
