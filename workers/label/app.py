"""The labelling page's routes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from workers.http.body import BodyReader
from workers.http.errors import EXCEPTION_HANDLERS, error_response
from workers.http.refusals import RequestError
from workers.http.security import COOKIE, AddedHeaders, comes_from, is_token, middleware
from workers.label.examples import ExampleFolder
from workers.label.label_studio import by_name, labels_of, tasks
from workers.label.labelling import Labelling, UnknownExampleError
from workers.label.page import render
from workers.label.settings import LabelSettings
from workers.label.thumbnails import thumbnail

__all__ = ["make_app"]

_STATIC = Path(__file__).parent / "static"
_CARDS = 60
_LARGEST_BODY = 64 * 1024**2
_RESOURCE_POLICY = "Cross-Origin-Resource-Policy"
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    _RESOURCE_POLICY: "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger(__name__)


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    label: str | None = None


def make_app(settings: LabelSettings, labelling: Labelling, examples: ExampleFolder) -> Starlette:
    """Return the application; it saves labels when no one has labelled for a while."""
    routes = _Routes(settings, labelling, examples)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        saver = asyncio.create_task(routes.save_when_idle())
        yield
        saver.cancel()
        with suppress(asyncio.CancelledError):
            await saver

    return Starlette(
        routes=routes.table(),
        middleware=[
            Middleware(AddedHeaders, headers=_POLICY),
            *middleware(settings, open_paths={"/login"}),
        ],
        exception_handlers=EXCEPTION_HANDLERS | {UnknownExampleError: _answer_unknown},
        lifespan=lifespan,
    )


def _answer_unknown(_: Request, error: Exception) -> Response:
    return error_response(HTTPStatus.CONFLICT, str(error))


class _Routes:
    def __init__(
        self, settings: LabelSettings, labelling: Labelling, examples: ExampleFolder
    ) -> None:
        self._settings = settings
        self._labelling = labelling
        self._examples = examples
        self._bodies = BodyReader(_LARGEST_BODY, settings.http_timeout_seconds)
        self._acted = asyncio.Event()

    def table(self) -> list[Route | Mount]:
        return [
            Route("/", self.page),
            Route("/login", self.login),
            Route("/counts", self.counts),
            Route("/label", self.label, methods=["POST"]),
            Route("/skip", self.skip, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            Route("/save", self.save, methods=["POST"]),
            Route("/label-studio.json", self.export),
            Route("/label-studio.json", self.import_, methods=["POST"]),
            Route("/pictures/{name}", self.picture),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ]

    async def save_when_idle(self) -> None:
        """Save pending labels whenever no one has acted for a while."""
        while True:
            self._acted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.undo_seconds):
                    await self._acted.wait()
                continue
            try:
                await run_in_threadpool(self._labelling.save)
            except OSError as error:
                _log.warning("labels could not be saved yet: %s", error)

    async def page(self, _: Request) -> Response:
        waiting = await run_in_threadpool(self._labelling.offered, _CARDS)
        counts = await run_in_threadpool(lambda: self._labelling.counts)
        text = render(self._settings, waiting[:_CARDS], counts)
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    async def login(self, request: Request) -> Response:
        """Move the token from the link to a cookie that no script can read."""
        token = request.query_params.get("token", "")
        expected = self._settings.http_token
        if expected and not is_token(token, expected.get_secret_value()):
            raise HTTPException(HTTPStatus.UNAUTHORIZED)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return answer

    async def counts(self, _: Request) -> Response:
        return await self._act(lambda: None, is_action=False)

    async def label(self, request: Request) -> Response:
        choice = await self._choice(request)
        label = choice.label
        if label is None:
            raise RequestError("Send a picture's name and its label.")
        return await self._act(lambda: self._label(choice.name, label))

    def _label(self, name: str, label: str) -> list[str]:
        """Label a picture, and return the names of those to label next."""
        self._labelling.label(name, label)
        return [example.image for example in self._labelling.offered(_CARDS)[:_CARDS]]

    async def skip(self, request: Request) -> Response:
        choice = await self._choice(request)
        return await self._act(lambda: self._labelling.skip(choice.name))

    async def undo(self, request: Request) -> Response:
        _check_is_json(request)
        return await self._act(self._labelling.undo)

    async def save(self, request: Request) -> Response:
        _check_is_json(request)
        return await self._act(self._labelling.save)

    async def export(self, request: Request) -> Response:
        waiting = await run_in_threadpool(self._labelling.offered)
        url = str(request.base_url.replace(path="/pictures"))
        headers = {"Content-Disposition": "attachment; filename=hard-examples.json"}
        return JSONResponse(tasks(waiting, url), headers=headers)

    async def import_(self, request: Request) -> Response:
        _check_is_json(request)
        async with self._bodies.reading(request) as body:
            labels = await run_in_threadpool(labels_of, body)
        return await self._act(lambda: self._import(labels))

    def _import(self, labels: Mapping[str, str]) -> dict[str, int]:
        """Save the labels of waiting pictures; answer with their number, and that of the others."""
        waiting = {example.image for example in self._labelling.waiting()}
        found = by_name(labels, waiting)
        taken = self._labelling.label_all(found)
        return {"taken": taken, "unknown": len(labels) - taken}

    async def picture(self, request: Request) -> Response:
        path = self._examples.path(request.path_params["name"])
        if not path.is_file():
            raise HTTPException(HTTPStatus.NOT_FOUND)
        content = await run_in_threadpool(thumbnail, path)
        # The name contains the content's digest.
        headers = {"Cache-Control": "private, max-age=86400, immutable", "Vary": "Origin, Referer"}
        if comes_from(request.headers, self._settings.http_allowed_origins):
            headers[_RESOURCE_POLICY] = "cross-origin"
        return Response(content, media_type="image/jpeg", headers=headers)

    async def _act(self, action: Callable[[], Any], *, is_action: bool = True) -> Response:
        """Run the action in a thread, and answer with its result and the counts."""
        result = await run_in_threadpool(action)
        if is_action:
            self._acted.set()
        counts = await run_in_threadpool(lambda: self._labelling.counts)
        return JSONResponse({"result": result, **counts._asdict()})

    async def _choice(self, request: Request) -> _Choice:
        _check_is_json(request)
        try:
            async with self._bodies.reading(request) as body:
                return _Choice.model_validate_json(body)
        except ValidationError:
            raise RequestError("Send a picture's name and its label.") from None


def _check_is_json(request: Request) -> None:
    """Refuse anything but JSON: a foreign page can send other types without a preflight request."""
    if request.headers.get("Content-Type", "").partition(";")[0] != "application/json":
        raise RequestError("Send application/json.")
