"""What is answered instead of a result; `workers.http.errors` gives each its status."""

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
    """A request is wrong: its sender has to change it."""


class TooLargeError(RequestError):
    """A request is larger than this worker ever takes."""


class SlowRequestError(RequestError):
    """A request did not arrive in time."""


class UnknownModelError(RequestError):
    """There is no model of that name or version here."""


class OverloadedError(TemporaryError):
    """There is more to do than fits: the same request may succeed later."""


class NotReadyError(TemporaryError):
    """No model is loaded yet."""
