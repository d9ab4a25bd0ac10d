"""Values and items go in, JSON responses come out; and the Service that a request is answered by."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic_core import to_json

from hannun.item import Item
from hannun.serve.http.service import Service


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(_service)]


def answer(value: object, status: int = 200) -> Response:
    """A value as JSON. Facts are whatever people gave: what JSON has no form for becomes text, and NaN null."""
    return Response(to_json(value, inf_nan_mode="null", fallback=str), status, media_type="application/json")


def shown(it: Item, service: Service) -> dict[str, Any]:
    """What is told of an item: its text, facts, links to its pictures, other parts by kind; never a path on the server."""
    return {"text": it.text, "facts": dict(it.facts), "images": service.pictures.links(it), **it.json_parts()}
