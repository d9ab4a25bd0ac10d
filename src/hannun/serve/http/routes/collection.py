"""What a whole collection is and holds: settings, counts, facts, near-duplicates, other readings of words, vectors, a map; as JSON.

With these a collection that is opened by the service's address answers what one on this machine does.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
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
            "encoder": service.model,
            "fingerprint": encoder.fingerprint,
            "dims": list(encoder.dims),
            "parts": bool(encoder.kinds),
            "kinds": list(encoder.kinds),
            "patches": encoder.sees_cells,
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
    service: Served,
    limit: Annotated[int, Query(ge=1, le=5000)] = 2000,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
    where: Annotated[bodies.Where | None, Query()] = None,
) -> Response:
    """The collection's geometry in two dimensions, of at most `limit` items."""
    return answer(await service.told(("map", limit, seed, where), lambda: _map(service, limit, seed, where)))


@router.get("/settings", response_model=bodies.SettingsOut)
async def settings(service: Served) -> Response:
    """What the collection's vectors were made by, and what is kept of each item."""
    return answer({"settings": service.collection.settings.told() | {"encoder": service.model}})


@router.get("/info", response_model=bodies.InfoOut)
async def info(service: Served) -> Response:
    """How many items have what, and the settings; where the collection and its files lie stays the server's."""
    counts = await service.told(("info",), service.collection.info)
    return answer({"info": {k: v for k, v in counts.items() if k not in ("path", "roots")} | {"encoder": service.model}})


@router.get("/dupes", response_model=bodies.DupesOut)
async def dupes(
    service: Served,
    threshold: Annotated[float | None, Query(gt=0, le=1, description="the lowest cosine that links two items")] = None,
    where: Annotated[bodies.Where | None, Query()] = None,
) -> Response:
    """Groups of items that are the same or nearly so, the largest first."""
    groups = await service.told(("dupes", threshold, where), lambda: service.collection.dupes(threshold, where))
    return answer({"groups": [{"ids": g.ids, "similarity": g.similarity, "exact": g.exact} for g in groups]})


@router.get("/ranges", response_model=bodies.RangesOut)
async def bounds(service: Served) -> Response:
    """The least and the greatest value of facts that are numbers or dates: what one may ask for with < and >."""
    return answer({"ranges": [asdict(r) for r in await service.told(("ranges",), service.collection.ranges)]})


@router.get("/readings", response_model=bodies.ReadingsOut)
async def readings(service: Served, words: Annotated[str, Query(max_length=1000)]) -> Response:
    """What words may have meant that were typed with the keyboard on the other language, likeliest first; mostly nothing."""
    found = await service.engine(service.collection.readings, words) if service.collection.settings.words else ()
    return answer({"readings": found})


@router.get("/synonyms", response_model=bodies.Synonyms)
async def synonyms(service: Served) -> Response:
    """The lines of synonyms by which words are searched."""
    return answer({"lines": service.collection.settings.synonyms})


@router.put("/synonyms", response_model=bodies.Synonyms)
async def set_synonyms(body: bodies.Synonyms, service: Served) -> Response:
    """Put other lines in their place, in force from the next search on: `바지, 팬츠` are the same, `츄리닝 => 운동복` one way."""
    return answer({"lines": await service.engine(service.collection.synonyms, body.lines)})


@router.post("/vectors", response_model=bodies.StoredVectorsOut)
async def vectors(body: bodies.IdsBody, service: Served) -> Response:
    """The stored vectors of items, for those ids that are there."""
    found = await service.engine(service.collection.vectors, body.ids)
    return answer({"items": [{"id": i, "vectors": {k: _numbers(v) for k, v in parts.items()}} for i, parts in found.items()]})


def _numbers(rows: Any) -> dict[str, Any]:
    return {"shape": list(rows.shape), "data": base64.b64encode(np.ascontiguousarray(rows, "<f4").tobytes()).decode()}


async def _facets(service: Service, where: str | None, field: list[str] | None, limit: int) -> list[dict[str, Any]]:
    fields = tuple(field) if field else None
    found = await service.told(("facets", where, fields, limit), lambda: service.collection.facets(fields, where, limit))
    return [{"field": f, "values": [{"value": v, "count": n} for v, n in values]} for f, values in found.items()]


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
