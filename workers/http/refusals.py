"""Errors that refuse a request; `workers.http.errors` gives each its status."""

from backend.errors import PermanentError, TemporaryError

__all__ = [
    "NotReadyError",
    "OverloadedError",
    "RequestError",
    "SlowRequestError",
    "TooLargeError",
    "UnknownModelError",
]


class RequestError(PermanentError):
    """A request is invalid: its sender has to change it."""


class TooLargeError(RequestError):
    """A request is larger than this worker ever accepts."""


class SlowRequestError(RequestError):
    """A request did not arrive in time."""


class UnknownModelError(RequestError):
    """There is no model with that name or version."""


class OverloadedError(TemporaryError):
    """The worker is busy: the same request may succeed later."""


class NotReadyError(TemporaryError):
    """No model is loaded yet."""
