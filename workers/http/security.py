"""Who may ask: no page of another site, and if there is a token, those who know it.

A browser sends what any page tells it to, also to this machine and with this worker's cookie.
So requests that change something are taken from the worker's own pages and from clients that
are no browser; and a worker without a token that listens on the loopback address answers under
its names only, because a foreign page can point a name of its own at that address.
"""

import hmac
from collections.abc import Container, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address

from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.http.errors import error_response

__all__ = ["COOKIE", "AddedHeaders", "BearerToken", "SameSite", "guards", "is_token"]

COOKIE = "token"
"""Where a browser keeps the token."""

_SCHEME = "bearer "
_LOCALHOST = ["localhost", "127.0.0.1", "::1", "[::1]"]
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITE = {"same-origin", "none"}


def guards(host: str, token: SecretStr | None, open_paths: Container[str]) -> list[Middleware]:
    """Return what stands before an application that listens on ``host``.

    Args:
        host: An address or a name.
        token: What clients must send, if anything.
        open_paths: Need no token.
    """
    if token:
        secret = token.get_secret_value()
        return [Middleware(SameSite), Middleware(BearerToken, token=secret, open_paths=open_paths)]
    if _is_loopback(host):
        local = Middleware(TrustedHostMiddleware, allowed_hosts=_LOCALHOST)
        return [Middleware(SameSite), local]
    return [Middleware(SameSite)]


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def is_token(candidate: str, token: str) -> bool:
    """Compare in a time that does not tell how much of the candidate is right."""
    return hmac.compare_digest(candidate.encode(), token.encode())


class SameSite:
    """Answers 403 to what a browser would change on behalf of another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and _is_foreign(scope):
            sentence = "This comes from another site's page: open the worker's own."
            await error_response(HTTPStatus.FORBIDDEN, sentence)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_foreign(scope: Scope) -> bool:
    """Say whether a browser tells of another site; over plain HTTP it may send Origin only."""
    if scope["method"] in _SAFE_METHODS:
        return False
    headers = Headers(scope=scope)
    if site := headers.get("Sec-Fetch-Site"):
        return site not in _OWN_SITE
    origin = headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != headers.get("Host")


class AddedHeaders:
    """Adds headers to every answer."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        """Add ``headers`` to the answers of ``app``."""
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BearerToken:
    """Answers 401 without ``Authorization: Bearer <token>`` or the cookie."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Container[str]) -> None:
        """Guard ``app``, but for ``open_paths``."""
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
