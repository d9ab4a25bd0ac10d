"""Queries go in, hits come out; and what the page needs beside them: facets, the map, pictures and thumbnails."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json

import hannun
from hannun.collection import Hit
from hannun.errors import InputError
from hannun.item import Content, Item
from hannun.serve.http import bodies, pictures
from hannun.serve.http.service import Service

_ENGINE = (
    "mix",
    "weights",
    "words",
    "fusion",
    "where",
    "limit",
    "offset",
    "group_by",
    "dim",
    "rerank",
    "diversity",
    "shuffle",
    "explain",
    "floor",
)
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 304: {"description": "as it was"}}


def routes(service: Service) -> APIRouter:
    """/v1/search, /v1/explain, /v1/facets, /v1/map, /v1/collection, /v1/pictures, /v1/thumbnails."""
    at = APIRouter(prefix="/v1", tags=["search"])

    def hit(h: Hit) -> dict[str, Any]:
        found = {"id": h.id, "score": round(h.score, 6), **shown(h.item, service)}
        if h.relevance is not None:
            found["relevance"] = round(h.relevance, 4)
        if h.group is not None:
            found |= {"group": h.group, "also": [hit(a) for a in h.also]}
        if h.why is not None:
            found["explain"] = h.why.to_json()
        return found

    async def asked(query: str | bodies.Content | None) -> Content | None:
        if query is None:
            return None
        content = await service.content(query if isinstance(query, str) else query.model_dump())
        await service.primed(content)
        return content

    async def examples(given: list[str | bodies.Content | bodies.ById]) -> list[Content]:
        return [await service.content(g if isinstance(g, str) else g.model_dump()) for g in given]

    async def wanted(body: bodies.SearchBody | bodies.ExplainBody) -> tuple[Content | None, dict[str, Any]]:
        """The query, and the examples beside it."""
        if body.query is None and not body.like:
            raise InputError("neither a query nor 'like' came, expected words, a picture, or items to be like")
        query = await asked(body.query)
        more: dict[str, Any] = {}
        if body.like:
            more["like"] = await examples(body.like)
        if body.unlike:
            more["unlike"] = await examples(body.unlike)
        return query, more

    @at.post("/search", response_model=bodies.SearchOut)
    async def search(body: bodies.SearchBody) -> Response:
        """The items nearest to words, a picture, or both; or to other items."""
        started = time.perf_counter()
        query, more = await wanted(body)
        said = given(body, _ENGINE)
        hits = await service.engine(service.collection.search, query, **said, **more)
        took = (time.perf_counter() - started) * 1e3
        return _json({"took_ms": round(took, 3), "hits": [hit(h) for h in hits]})

    @at.post("/explain", response_model=bodies.HitOut)
    async def explain(body: bodies.ExplainBody) -> Response:
        """Why an item stands where it stands for a query, shown among the hits or not."""
        query, more = await wanted(body)
        said = given(body, ("mix", "weights", "words", "fusion", "where", "dim"))
        return _json(hit(await service.engine(service.collection.why, body.id, query, **said, **more)))

    async def facets(where: str | None, field: list[str] | None, limit: int) -> list[dict[str, Any]]:
        fields = tuple(field) if field else None
        found = await service.told(("facets", where, fields, limit), lambda: service.collection.facets(fields, where, limit))
        return [{"field": f, "values": [{"value": v, "count": n} for v, n in values]} for f, values in found.items()]

    @at.get("/facets", response_model=bodies.FacetsOut)
    async def facet(
        where: Annotated[bodies.Where | None, Query()] = None,
        field: Annotated[list[bodies.FieldName] | None, Query(max_length=20)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 12,
    ) -> Response:
        """Facts by which one may narrow down, with counts of the items for which `where` holds."""
        count = await service.told(("count", where), lambda: service.collection.count(where))
        return _json({"facets": await facets(where, field, limit), "count": count})

    @at.get("/collection", response_model=bodies.CollectionOut)
    async def about(request: Request) -> Response:
        """What is served, and within which bounds."""
        encoder = service.encoder
        return _json(
            {
                "name": service.name,
                "count": len(service.collection),
                "encoder": encoder.name,
                "fingerprint": encoder.fingerprint,
                "dims": list(encoder.dims),
                "parts": bool(encoder.kinds),
                "kinds": list(encoder.kinds),
                "patches": encoder.sees_cells,
                "writable": "write" in request.state.scopes,
                "max_upload_bytes": service.settings.body,
                "max_pixels": service.settings.pixels,
                "fetch": bool(service.settings.fetch),
                "facets": await facets(None, None, 12),
                "version": hannun.__version__,
            }
        )

    @at.get("/map", response_model=bodies.MapOut)
    async def map(
        limit: Annotated[int, Query(ge=1, le=5000)] = 2000,
        seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
        where: Annotated[bodies.Where | None, Query()] = None,
    ) -> Response:
        """The collection's geometry in two dimensions, of at most `limit` items."""
        return _json(await service.told(("map", limit, seed, where), lambda: _map(service, limit, seed, where)))

    @at.get("/pictures/{token}/full", response_class=Response, responses=_JPEG)
    async def full(token: str, request: Request) -> Response:
        """A picture of an item in its own size, drawn anew like every other: no metadata, no foreign bytes."""
        made = await service.write(service.pictures.whole, token)
        headers = {"etag": f'"{made.tag}"', "cache-control": "private, max-age=86400"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type="image/jpeg", headers=headers)

    @at.get("/pictures/{token}", response_class=Response, responses=_JPEG)
    async def picture(token: str, request: Request) -> Response:
        """A picture of an item, drawn anew with its longer side at most 1600 pixels; the link is in the hits."""
        return await drawn(token, pictures.VIEW, request)

    @at.get("/thumbnails/{token}", response_class=Response, responses=_JPEG)
    async def thumbnail(token: str, request: Request, side: Annotated[int, Query(ge=1, le=1600)] = pictures.THUMBNAIL) -> Response:
        """The same, small; `side` is rounded up to 160, 320, 640 or 1600."""
        return await drawn(token, side, request)

    async def drawn(token: str, side: int, request: Request) -> Response:
        made = await service.draw(token, side)
        headers = {"etag": f'"{made.tag}"', "cache-control": "private, max-age=86400"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(made.data, media_type="image/jpeg", headers=headers)

    return at


def given(body: bodies.SearchBody | bodies.ExplainBody, names: Sequence[str]) -> dict[str, Any]:
    """The options that a request gives; what it leaves out, the collection's own defaults decide."""
    said = {k: getattr(body, k) for k in names if k in body.model_fields_set}
    if said.get("words") in (None, "auto"):
        said.pop("words", None)
    return said


def shown(it: Item, service: Service) -> dict[str, Any]:
    """What is told of an item: its text, facts, links to its pictures, other parts by kind; never a path on the server."""
    return {"text": it.text, "facts": dict(it.facts), "images": service.pictures.links(it), **it.json_parts()}


def _map(service: Service, limit: int, seed: int, where: str | None) -> Mapping[str, Any]:
    made = service.collection.map(limit=limit, where=where, seed=seed)
    items = {it.id: it for it in service.collection.items(ids=list(made.ids))}
    points = []
    for id, (x, y) in zip(made.ids, made.points.tolist(), strict=True):
        if it := items.get(id):
            links = service.pictures.links(it)
            title = str(it.facts.get("title") or (it.text or "").split("\n")[0][:120] or id)
            points.append(
                {"id": id, "x": round(x, 4), "y": round(y, 4), "title": title, "thumbnail": links[0]["thumbnail"] if links else None}
            )
    return {"points": points, "explained": [round(float(e), 4) for e in made.explained]}


def _json(value: object) -> Response:
    # Facts are whatever people gave: what JSON cannot say is said as text.
    return Response(to_json(value, inf_nan_mode="null", fallback=str), media_type="application/json")
