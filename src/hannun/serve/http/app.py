"""A Service goes in, the ASGI application comes out: its routes, its page, its OpenAPI document, and the guard around them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

import hannun
from hannun.errors import DependencyError, HannunError, InputError, MissingError, StorageError
from hannun.serve.http.bodies import Failure
from hannun.serve.http.guard import Guard
from hannun.serve.http.jobs import Busy
from hannun.serve.http.refused import failure, malformed
from hannun.serve.http.routes import collection, embeddings, health, items, looks, pictures, search
from hannun.serve.http.service import Service

log = logging.getLogger("hannun.http")
WEB = Path(__file__).parent.parent / "web"
_ABOUT = """Words, pictures, or both go in; what lies near them in one Hannun collection comes out.

Pictures are sent as base64 or data: URLs; URLs are fetched only where the service was told so. Errors have OpenAI's form.
With keys (`hannun keys`), send `Authorization: Bearer KEY`."""
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "not of the expected form, or a value that cannot be used"},
    401: {"model": Failure, "description": "a key is needed"},
    403: {"model": Failure, "description": "the key may not do this"},
    404: {"model": Failure, "description": "no such thing"},
    408: {"model": Failure, "description": "the body came too slowly"},
    413: {"model": Failure, "description": "too large"},
    421: {"model": Failure, "description": "addressed to another host"},
    422: {"model": Failure, "description": "the body does not follow the schema"},
    429: {"model": Failure, "description": "too much at once; Retry-After says when to ask again"},
    501: {"model": Failure, "description": "needs a part of Hannun that is not installed"},
    503: {"model": Failure, "description": "starting or shutting down"},
    504: {"model": Failure, "description": "took too long"},
    507: {"model": Failure, "description": "the disk is full: nothing was accepted"},
}


def application(service: Service) -> Guard:
    """Everything that is answered; starting it up warms the encoder, shutting it down finishes accepted work."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(service.warm())
        yield
        guard.closing = True
        warming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await warming
        await service.begin_closing()

    app = FastAPI(
        title="Hannun",
        description=_ABOUT,
        version=hannun.__version__,
        license_info={"name": "Apache-2.0"},
        lifespan=life,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        responses=_REFUSALS,
    )
    app.state.service = service
    for routes in (search, looks, collection, pictures, embeddings, items, health):
        app.include_router(routes.router)
    app.add_exception_handler(HannunError, lambda request, error: _mistake(request, error, service))
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _bug)
    if (WEB / "index.html").exists():
        app.mount("/web", StaticFiles(directory=WEB), name="web")

        @app.get("/", include_in_schema=False)
        def page() -> FileResponse:
            return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

        @app.get("/docs", include_in_schema=False)
        def reference() -> FileResponse:
            return FileResponse(WEB / "docs.html", headers={"cache-control": "no-cache"})

    _describe(app, service)
    guard = Guard(app, service.settings, service.keys, service.metrics)
    return guard


def _describe(app: FastAPI, service: Service) -> None:
    """What only this collection's encoder can say: the dims, the model's name."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = plain()["components"]["schemas"]
            for name, field in (("SearchBody", "dim"), ("EmbeddingsBody", "dimensions")):
                choice = schemas[name]["properties"][field]["anyOf"]
                choice[0] = {"type": "integer", "enum": list(service.encoder.dims)}
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]


def _mistake(request: Request, error: Exception, service: Service) -> Response:
    status = next((s for kind, s in _STATUS if isinstance(error, kind)), 503)
    headers = {"Retry-After": "5"} if status in (429, 503) else None
    if status >= 500:
        log.error("mistake", extra={"fields": {"id": request.state.id, "error": str(error)}})
    return JSONResponse(failure(status, service.said(error), type(error).__name__), status, headers)


_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Busy, 429),
    (StorageError, 507),
    (DependencyError, 501),
    (MissingError, 404),
    (InputError, 400),
)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = getattr(error, "reason", None)
    headers = dict(error.headers or {}) | ({"Connection": "close"} if error.status_code == 413 else {})
    return JSONResponse(failure(error.status_code, str(error.detail), code), error.status_code, headers)


async def _bug(request: Request, error: Exception) -> Response:
    # The guard logs it; what went wrong inside is told to nobody outside.
    return JSONResponse(failure(500, f"an error of the service's own; its log has it under the id {request.state.id}", "internal"), 500)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if isinstance(mistake := first.get("ctx", {}).get("error"), InputError):  # a form's own words for it
        return JSONResponse(failure(400, str(mistake), type(mistake).__name__, str(first["loc"][-1])), 400)
    body = getattr(request.scope.get("route"), "body_field", None)
    known = getattr(body and body.field_info.annotation, "model_fields", {})
    message, place = malformed(error.errors(), known, request.headers.get("content-type", "").partition(";")[0])
    return JSONResponse(failure(422, message[:500], "malformed", place and place[:200]), 422)
