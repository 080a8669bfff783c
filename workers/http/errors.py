"""Errors in the protocol's form: a status and ``{"error": sentence}``."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend.errors import ImageError, PermanentError, ProjectError
from workers.http.refusals import (
    NotReadyError,
    OverloadedError,
    RequestError,
    SlowRequestError,
    TooLargeError,
    UnknownModelError,
)

__all__ = ["EXCEPTION_HANDLERS", "answer_error", "error_response"]

_RETRY_AFTER_SECONDS = "1"

# The first class of which an error is an instance decides.
_STATUSES: tuple[tuple[type[ProjectError], HTTPStatus], ...] = (
    (UnknownModelError, HTTPStatus.NOT_FOUND),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (SlowRequestError, HTTPStatus.REQUEST_TIMEOUT),
    (RequestError, HTTPStatus.BAD_REQUEST),
    (ImageError, HTTPStatus.BAD_REQUEST),
    (OverloadedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotReadyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (PermanentError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def error_response(status: int, sentence: str) -> Response:
    """Return an error; a temporary one says when to try again."""
    is_temporary = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if is_temporary else None
    return JSONResponse({"error": sentence}, status, headers)


def answer_error(error: Exception) -> Response:
    """Return the response to an error of this project, with the status of its class."""
    statuses = (status for kind, status in _STATUSES if isinstance(error, kind))
    return error_response(next(statuses, HTTPStatus.INTERNAL_SERVER_ERROR), str(error))


def _answer_project_error(_: Request, error: Exception) -> Response:
    return answer_error(error)


def _answer_http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _answer_unexpected(_, error)
    response = error_response(error.status_code, f"{HTTPStatus(error.status_code).phrase}.")
    response.headers.update(error.headers or {})
    return response


def _answer_unexpected(_: Request, error: Exception) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return error_response(status, f"Unexpected {type(error).__name__}: see the worker's log.")


EXCEPTION_HANDLERS = {
    ProjectError: _answer_project_error,
    HTTPException: _answer_http_exception,
    Exception: _answer_unexpected,
}
"""For a Starlette application."""
