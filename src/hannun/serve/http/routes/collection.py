"""What is asked of the whole collection goes in; its settings, counts, bounds of facts, near-duplicates and stored vectors come out.

With these a collection that is opened by the service's address answers what one on this machine does.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic_core import to_json

from hannun.serve.http import bodies
from hannun.serve.http.service import Service


def routes(service: Service) -> APIRouter:
    """/v1/settings, /v1/info, /v1/dupes, /v1/ranges, /v1/readings, /v1/vectors."""
    at = APIRouter(prefix="/v1", tags=["collection"])

    @at.get("/settings", response_model=bodies.SettingsOut)
    async def settings() -> Response:
        """What the collection's vectors were made by, and what is kept of each item."""
        return _json({"settings": service.collection.settings.to_json()})

    @at.get("/info", response_model=bodies.InfoOut)
    async def info() -> Response:
        """How many items have what, and the settings; the collection's path stays the server's."""
        told = await service.told(("info",), service.collection.info)
        return _json({"info": {k: v for k, v in told.items() if k != "path"}})

    @at.get("/dupes", response_model=bodies.DupesOut)
    async def dupes(
        threshold: Annotated[float, Query(gt=0, le=1, description="the lowest cosine that links two items")] = 0.98,
        where: Annotated[bodies.Where | None, Query()] = None,
    ) -> Response:
        """Groups of items that are the same or nearly so, the largest first."""
        groups = await service.told(("dupes", threshold, where), lambda: service.collection.dupes(threshold, where))
        return _json({"groups": [{"ids": g.ids, "similarity": g.similarity, "exact": g.exact} for g in groups]})

    @at.get("/ranges", response_model=bodies.RangesOut)
    async def bounds() -> Response:
        """The least and the greatest value of facts that are numbers or dates: what one may ask for with < and >."""
        return _json({"ranges": [asdict(r) for r in await service.told(("ranges",), service.collection.ranges)]})

    @at.get("/readings", response_model=bodies.ReadingsOut)
    async def readings(words: Annotated[str, Query(max_length=1000)]) -> Response:
        """What words may have meant that were typed with the keyboard on the other language, likeliest first; mostly nothing."""
        found = await service.engine(service.collection.readings, words) if service.collection.settings.words else ()
        return _json({"readings": found})

    @at.post("/vectors", response_model=bodies.StoredVectorsOut)
    async def vectors(body: bodies.IdsBody) -> Response:
        """The stored vectors of items, for those ids that are there."""
        found = await service.engine(service.collection.vectors, body.ids)
        return _json({"items": [{"id": i, "vectors": {k: _written(v) for k, v in parts.items()}} for i, parts in found.items()]})

    return at


def _written(rows: Any) -> dict[str, Any]:
    return {"shape": list(rows.shape), "data": base64.b64encode(np.ascontiguousarray(rows, "<f4").tobytes()).decode()}


def _json(value: object) -> Response:
    return Response(to_json(value, inf_nan_mode="null", fallback=str), media_type="application/json")
