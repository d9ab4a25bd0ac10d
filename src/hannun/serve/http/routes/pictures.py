"""GET /v1/pictures and /v1/thumbnails: the token of a link goes in, a JPEG drawn at the size asked for comes out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from hannun.serve.http.pictures import THUMBNAIL, VIEW, Rendition
from hannun.serve.http.routes.answers import Served

router = APIRouter(prefix="/v1", tags=["search"])
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 304: {"description": "as it was"}}


@router.get("/pictures/{token}/full", response_class=Response, responses=_JPEG)
async def full(token: str, request: Request, service: Served) -> Response:
    """A picture of an item in its own size, drawn anew like every other: no metadata, no foreign bytes."""
    return _picture(await service.write(service.pictures.whole, token), request)


@router.get("/pictures/{token}", response_class=Response, responses=_JPEG)
async def picture(token: str, request: Request, service: Served) -> Response:
    """A picture of an item, drawn anew with its longer side at most 1600 pixels; the link is in the hits."""
    return _picture(await service.draw(token, VIEW), request)


@router.get("/thumbnails/{token}", response_class=Response, responses=_JPEG)
async def thumbnail(token: str, request: Request, service: Served, side: Annotated[int, Query(ge=1, le=1600)] = THUMBNAIL) -> Response:
    """The same, small; `side` is rounded up to 160, 320, 640 or 1600."""
    return _picture(await service.draw(token, side), request)


def _picture(made: Rendition, request: Request) -> Response:
    headers = {"etag": f'"{made.tag}"', "cache-control": "private, max-age=86400"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(made.data, media_type="image/jpeg", headers=headers)
