"""Who may ask: those who know the token, if there is one."""

import hmac
from collections.abc import Container
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.infer.http.errors import error_response

__all__ = ["COOKIE", "BearerToken", "is_token"]

COOKIE = "token"
"""Where a browser keeps the token."""

_SCHEME = "bearer "


def is_token(candidate: str, token: str) -> bool:
    """Compare in a time that does not tell how much of the candidate is right."""
    return hmac.compare_digest(candidate.encode(), token.encode())


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
