"""Who may ask."""

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from workers.http.security import AddedHeaders, guards, is_token

TOKEN = SecretStr("s3cret")


async def _done(_: Request) -> Response:
    return PlainTextResponse("done")


def client(*guard: Middleware, host: str = "localhost:8080") -> httpx.AsyncClient:
    routes = [Route("/", _done, methods=["GET", "POST"]), Route("/open", _done)]
    transport = httpx.ASGITransport(Starlette(routes=routes, middleware=guard))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


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
    assert (await client(*guard, host="evil.example").get("/")).status_code == 400
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
