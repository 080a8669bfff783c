"""Who may send requests: no page of another site and, if there is a token, only those who know it.

A browser sends what any page tells it to, even to this machine and with this worker's cookie.
Therefore requests that change something are accepted only from the worker's own pages and from
clients that are not browsers. A worker without a token that listens on the loopback address
answers only under that address's names, because a foreign page can point its own name there.
"""

import asyncio
import hmac
import logging
import re
from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from secrets import token_hex
from time import perf_counter
from urllib.parse import quote

from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.http.errors import error_response
from workers.http.settings import HttpSettings

__all__ = [
    "COOKIE",
    "PROBES",
    "AccessLog",
    "AddedHeaders",
    "BearerToken",
    "SameSite",
    "comes_from",
    "guards",
    "is_token",
    "middleware",
    "warn_if_open",
]

COOKIE = "token"
"""The cookie in which a browser keeps the token."""

PROBES = ("/v2/health/live", "/v2/health/ready")
"""The paths of the kubelet's probes."""

_SCHEME = "bearer "
_SHORTEST_TOKEN = 16
_REQUEST_ID = "X-Request-ID"
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_PORT = re.compile(r":\d*$")
_LOCALHOST = ("localhost", "127.0.0.1", "[::1]")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITE = {"same-origin", "none"}

_log = logging.getLogger(__name__)


def middleware(settings: HttpSettings, open_paths: Container[str]) -> list[Middleware]:
    """Return an application's middleware: its access log and its guards.

    Args:
        settings: Who may send requests.
        open_paths: Need no token, since the kubelet's probes send none.
    """
    origins = settings.http_allowed_origins
    stack = guards(settings.http_host, settings.http_token, open_paths, origins)
    if origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
        stack.insert(0, cors)
    if settings.http_access_log:
        quiet = () if settings.http_access_log_probes else PROBES
        stack.insert(0, Middleware(AccessLog, quiet=quiet))
    return stack


def warn_if_open(settings: HttpSettings) -> None:
    """Warn if others can reach the address without a token, or with one that can be guessed."""
    token = settings.http_token
    if token is None and not _is_loopback(settings.http_host):
        _log.warning(
            "http_host=%s is open to everyone who can reach it: set http_token", settings.http_host
        )
    if token is not None and len(token.get_secret_value()) < _SHORTEST_TOKEN:
        _log.warning("http_token can be guessed: make it %d characters or more", _SHORTEST_TOKEN)
    if token is not None and settings.scheme == "http" and not _is_loopback(settings.http_host):
        _log.warning("http_token travels unencrypted: set http_certificate and http_key")


def guards(
    host: str,
    token: SecretStr | None,
    open_paths: Container[str],
    origins: Collection[str] = (),
) -> list[Middleware]:
    """Return the middleware that refuses requests to an application that listens on ``host``.

    Args:
        host: An address or a name.
        token: What clients must send, if anything.
        open_paths: Need no token.
        origins: Other sites whose pages may send requests.
    """
    same_site = Middleware(SameSite, origins=origins)
    if token:
        secret = token.get_secret_value()
        return [same_site, Middleware(BearerToken, token=secret, open_paths=open_paths)]
    return [same_site, Middleware(OwnName)] if _is_loopback(host) else [same_site]


def comes_from(headers: Headers, origins: Collection[str]) -> bool:
    """Return whether a browser states that the request comes from a page of one of these sites."""
    referrer = "/".join(headers.get("Referer", "").split("/")[:3])
    return headers.get("Origin", referrer) in origins


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def is_token(candidate: str, token: str) -> bool:
    """Compare in a time that does not reveal how much of the candidate is right."""
    return hmac.compare_digest(candidate.encode(), token.encode())


_LOG_EVERY_SECONDS = 0.1


class AccessLog:
    """Logs each request in one line, with the id that its answer also has."""

    def __init__(self, app: ASGIApp, quiet: Container[str]) -> None:
        """Log the answers of ``app``, except on these paths."""
        self._app = app
        self._quiet = quiet
        self._entries: list[tuple[object, ...]] = []
        """Of requests that were answered: writing each at once would delay the next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http" or scope["path"] in self._quiet:
            await self._app(scope, receive, send)
            self._write()  # at the end of the lifespan, if nowhere else
            return
        sent = Headers(scope=scope).get(_REQUEST_ID, "")
        request_id = sent if _ID.fullmatch(sent) else token_hex(8)
        status, start = 0, perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            client = scope["client"][0] if scope.get("client") else "-"
            milliseconds = 1000 * (perf_counter() - start)
            if not self._entries:
                asyncio.get_running_loop().call_later(_LOG_EVERY_SECONDS, self._write)
            self._entries.append(
                (client, request_id, scope["method"], scope["path"], status, milliseconds)
            )

    def _write(self) -> None:
        entries, self._entries = self._entries, []
        for client, request_id, method, path, status, milliseconds in entries:
            shown = quote(str(path), safe="/:@!$&'()*+,;=~")
            _log.info(
                "%s %s %s %s %d %.1f ms", client, request_id, method, shown, status, milliseconds
            )


class OwnName:
    """Answers 400 if the request was sent to a foreign name that points at this machine."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard ``app``, which listens on the loopback address."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        host = _PORT.sub("", Headers(scope=scope).get("Host", "")) if "headers" in scope else ""
        if scope["type"] == "http" and host not in _LOCALHOST:
            sentence = f"Use one of the names {', '.join(_LOCALHOST)}."
            await error_response(HTTPStatus.BAD_REQUEST, sentence)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class SameSite:
    """Answers 403 to changes that a browser requests on behalf of another site's page."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        """Guard ``app``; pages of ``origins`` are also allowed."""
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and _is_foreign(scope, self._origins):
            sentence = "This request comes from another site's page: open the worker's own page."
            await error_response(HTTPStatus.FORBIDDEN, sentence)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_foreign(scope: Scope, origins: Collection[str]) -> bool:
    """Return whether a browser names another site; over plain HTTP it may send only Origin."""
    headers = Headers(scope=scope)
    origin = headers.get("Origin")
    if scope["method"] in _SAFE_METHODS or origin in origins:
        return False
    if site := headers.get("Sec-Fetch-Site"):
        return site not in _OWN_SITE
    return origin is not None and origin.partition("://")[2] != headers.get("Host")


class AddedHeaders:
    """Adds headers to every answer, unless it already has them."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        """Add ``headers`` to the answers of ``app``."""
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in self._headers.items():
                    MutableHeaders(scope=message).setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BearerToken:
    """Answers 401 without ``Authorization: Bearer <token>`` or the cookie."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Container[str]) -> None:
        """Guard ``app``, except ``open_paths``."""
        self._app = app
        self._token = token
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._knows(scope):
            await self._app(scope, receive, send)
            return
        refusal = error_response(HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <token>.")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        await refusal(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        authorization = headers.get("Authorization", "")
        if authorization.lower().startswith(_SCHEME):
            return is_token(authorization[len(_SCHEME) :], self._token)
        return is_token(_cookie(headers.get("Cookie", "")), self._token)


def _cookie(header: str) -> str:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""
