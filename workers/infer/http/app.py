"""The inference worker's routes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.errors import ProjectError
from workers.http.body import BodyReader, read_upload
from workers.http.errors import EXCEPTION_HANDLERS, answer_error
from workers.http.refusals import OverloadedError, RequestError
from workers.http.security import PROBES
from workers.infer.dataplane import DataPlane
from workers.infer.metrics import ServingMetrics
from workers.infer.protocol import InferenceRequest, Readiness, encode_response, parse_request

__all__ = ["make_app"]

JSON_LENGTH = "Inference-Header-Content-Length"

_MODEL = "/v2/models/{model_name}"
_VERSION = _MODEL + "/versions/{model_version}"
_MOST_DIGITS = 18
_SHORT_JSON = 64 * 1024
_LIVE, _READY = PROBES

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request, bytes], Awaitable[Response]]


def make_app(
    plane: DataPlane,
    metrics: ServingMetrics,
    bodies: BodyReader,
    *,
    timeout: float,
    guards: Sequence[Middleware],
    description: Mapping[str, Any],
    running: Callable[[], AbstractAsyncContextManager[None]],
) -> Starlette:
    """Return the application.

    Args:
        plane: Answers the requests.
        metrics: Count the answers, and are served.
        bodies: Limits the request bodies that are read.
        timeout: Seconds within which a request must be answered.
        guards: Check requests before the application.
        description: The OpenAPI document.
        running: Entered while the application runs.
    """
    routes = _Routes(plane, metrics, bodies, timeout, description)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running():
            yield

    return Starlette(
        routes=routes.table(),
        middleware=guards,
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )


class _Routes:
    """Translates requests for the data plane, and its answers."""

    def __init__(
        self,
        plane: DataPlane,
        metrics: ServingMetrics,
        bodies: BodyReader,
        timeout: float,
        description: Mapping[str, Any],
    ) -> None:
        self._plane = plane
        self._metrics = metrics
        self._bodies = bodies
        self._timeout = timeout
        self._description = description
        self._parsing = CapacityLimiter(1)

    def table(self) -> list[Route]:
        infer = self._measured("infer", self.infer)
        classify = self._measured("classify", self.classify)
        return [
            Route("/v2", self.server_metadata),
            Route("/v2/", self.server_metadata),
            Route("/v2/models/stats", self.statistics),
            Route(_LIVE, self.live),
            Route(_READY, self.ready),
            Route(_MODEL, self.model_metadata),
            Route(_VERSION, self.model_metadata),
            Route(_MODEL + "/ready", self.model_ready),
            Route(_VERSION + "/ready", self.model_ready),
            *(Route(path + "/config", self.model_config) for path in (_MODEL, _VERSION)),
            *(Route(path + "/stats", self.statistics) for path in (_MODEL, _VERSION)),
            Route("/v2/repository/index", self.repository_index, methods=["POST"]),
            Route(_MODEL + "/infer", infer, methods=["POST"]),
            Route(_VERSION + "/infer", infer, methods=["POST"]),
            Route(_MODEL + "/rollback", self.rollback, methods=["POST"]),
            Route("/classify", classify, methods=["POST"]),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def server_metadata(self, _: Request) -> Response:
        return _json(self._plane.server_metadata())

    async def live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        return _readiness(Readiness(ready=self._plane.is_ready))

    async def model_metadata(self, request: Request) -> Response:
        return _json(self._plane.model_metadata(*_model(request)))

    async def model_ready(self, request: Request) -> Response:
        name, version = _model(request)
        return _readiness(Readiness(name=name, ready=self._plane.is_model_ready(name, version)))

    async def model_config(self, request: Request) -> Response:
        return JSONResponse(self._plane.model_config(*_model(request)))

    async def statistics(self, request: Request) -> Response:
        return JSONResponse(self._plane.statistics(*_model(request)))

    async def repository_index(self, _: Request) -> Response:
        return JSONResponse(self._plane.repository_index())

    async def infer(self, request: Request, body: bytes) -> Response:
        question = await self._parsed(body, _json_length(request))
        answer = await self._plane.infer(*_model(request), question)
        encoded = encode_response(answer, question)
        if not encoded.has_binary:
            return Response(encoded.body, media_type="application/json")
        headers = {JSON_LENGTH: str(encoded.json_length)}
        return Response(encoded.body, headers=headers, media_type="application/octet-stream")

    async def _parsed(self, body: bytes, json_length: int | None) -> InferenceRequest:
        """Parse short JSON here, and long JSON outside the loop, one at a time."""
        if (json_length or len(body)) <= _SHORT_JSON:
            return parse_request(body, json_length)
        return await run_sync(parse_request, body, json_length, limiter=self._parsing)

    async def classify(self, request: Request, body: bytes) -> Response:
        upload = await read_upload(request, body)
        example = await self._plane.classify(upload.content, upload.name)
        return JSONResponse(example.model_dump(mode="json", exclude={"true_label"}))

    async def rollback(self, request: Request) -> Response:
        name, _ = _model(request)
        return _json(self._plane.rollback(name))

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(self._description)

    def _measured(self, endpoint: str, handler: Handler) -> Endpoint:
        """Limit a request's size and time, and count its answer."""

        async def measured(request: Request) -> Response:
            status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
            try:
                with self._metrics.timing(endpoint):
                    response = await self._answer(request, handler)
                status = response.status_code
                return response
            finally:
                self._metrics.count_request(endpoint, status)

        return measured

    async def _answer(self, request: Request, handler: Handler) -> Response:
        try:
            async with self._bodies.reading(request) as body:
                async with asyncio.timeout(self._timeout):
                    return await handler(request, body)
        except TimeoutError:
            return answer_error(OverloadedError("The request took too long: try again later."))
        except ProjectError as error:
            return answer_error(error)


def _readiness(readiness: Readiness) -> Response:
    return _json(readiness, HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE)


def _json(message: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(message.model_dump(exclude_none=True), status)


def _model(request: Request) -> tuple[str, str | None]:
    parameters = request.path_params
    return parameters.get("model_name", ""), parameters.get("model_version")


def _json_length(request: Request) -> int | None:
    length = request.headers.get(JSON_LENGTH)
    if length is None:
        return None
    if not length.isdecimal() or len(length) > _MOST_DIGITS:
        raise RequestError(f"{JSON_LENGTH}: {length!r} is not a number of bytes.")
    return int(length)
