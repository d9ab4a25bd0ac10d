"""Questions of the page go in: within which bounds facts lie, what mistyped words meant, a picture in its own size; answers come out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json

from hannun.serve.http import bodies
from hannun.serve.http.service import Service

_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 304: {"description": "as it was"}}


def routes(service: Service) -> APIRouter:
    """/v1/ranges, /v1/readings, /v1/pictures/…/full."""
    at = APIRouter(prefix="/v1", tags=["search"])

    @at.get("/ranges", response_model=bodies.RangesOut)
    async def bounds() -> Response:
        """The least and the greatest value of facts that are numbers or dates: what one may ask for with < and >."""
        found = await service.told(("ranges",), service.collection.ranges)
        return Response(to_json({"ranges": [asdict(r) for r in found]}), media_type="application/json")

    @at.get("/readings", response_model=bodies.ReadingsOut)
    async def readings(words: Annotated[str, Query(max_length=1000)]) -> Response:
        """What words may have meant with the keyboard in the other language, likeliest first; mostly nothing."""
        found = await service.engine(service.collection.readings, words) if service.collection.settings.words else ()
        return Response(to_json({"readings": list(found)}), media_type="application/json")

    @at.get("/pictures/{token}/full", response_class=Response, responses=_JPEG)
    async def full(token: str, request: Request) -> Response:
        """A picture of an item in its own size, drawn anew like every other: no metadata, no foreign bytes."""
        made = await service.write(service.pictures.whole, token)
        headers = {"etag": f'"{made.tag}"', "cache-control": "private, max-age=86400"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type="image/jpeg", headers=headers)

    return at
