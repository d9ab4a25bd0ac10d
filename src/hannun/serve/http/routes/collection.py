"""GET /v1/collection, /v1/facets and /v1/map: what the collection is, counts of its facts, and its items on a plane come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

import hannun
from hannun.serve.http import bodies
from hannun.serve.http.routes.answers import Served, answer
from hannun.serve.http.service import Service

router = APIRouter(prefix="/v1", tags=["search"])


@router.get("/facets", response_model=bodies.FacetsOut)
async def facet(
    service: Served,
    where: Annotated[bodies.Where | None, Query()] = None,
    field: Annotated[list[bodies.FieldName] | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 12,
) -> Response:
    """Facts by which one may narrow down, with counts of the items for which `where` holds."""
    count = await service.told(("count", where), lambda: service.collection.count(where))
    return answer({"facets": await _facets(service, where, field, limit), "count": count})


@router.get("/collection", response_model=bodies.CollectionOut)
async def about(request: Request, service: Served) -> Response:
    """What is served, and within which bounds."""
    encoder = service.encoder
    return answer(
        {
            "name": service.name,
            "count": len(service.collection),
            "encoder": encoder.name,
            "fingerprint": encoder.fingerprint,
            "dims": list(encoder.dims),
            "parts": encoder.parts,
            "patches": encoder.patches is not None,
            "writable": "write" in request.state.scopes,
            "max_upload_bytes": service.settings.body,
            "max_pixels": service.settings.pixels,
            "fetch": bool(service.settings.fetch),
            "facets": await _facets(service, None, None, 12),
            "version": hannun.__version__,
        }
    )


@router.get("/map", response_model=bodies.MapOut)
async def map(
    service: Served, limit: Annotated[int, Query(ge=1, le=5000)] = 2000, seed: Annotated[int, Query(ge=0, le=2**31)] = 0
) -> Response:
    """The collection's geometry in two dimensions, of at most `limit` items."""
    return answer(await service.told(("map", limit, seed), lambda: _map(service, limit, seed)))


async def _facets(service: Service, where: str | None, field: list[str] | None, limit: int) -> list[dict[str, Any]]:
    fields = tuple(field) if field else None
    found = await service.told(("facets", where, fields, limit), lambda: service.collection.facets(fields, where, limit))
    return [{"field": f, "values": [{"value": v, "count": n} for v, n in values]} for f, values in found.items()]


def _map(service: Service, limit: int, seed: int) -> Mapping[str, Any]:
    made = service.collection.map(limit=limit, seed=seed)
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
