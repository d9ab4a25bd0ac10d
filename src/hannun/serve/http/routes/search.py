"""POST /v1/search and /v1/explain: queries go in, hits and reasons come out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from hannun.collection import Hit
from hannun.errors import InputError
from hannun.item import Content
from hannun.serve.http import bodies
from hannun.serve.http.routes.answers import Served, answer, shown
from hannun.serve.http.service import Service

router = APIRouter(prefix="/v1", tags=["search"])
_OPTIONS = (
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
    "sort",
    "last",
)


@router.post("/search", response_model=bodies.SearchOut)
async def search(body: bodies.SearchBody, service: Served) -> Response:
    """The items nearest to words, a picture, or both; or to other items."""
    started = time.perf_counter()
    query, examples = await _wanted(service, body)
    options = _given(body, _OPTIONS)
    hits = await service.engine(service.collection.search, query, **options, **examples)
    took = (time.perf_counter() - started) * 1e3
    return answer({"took_ms": round(took, 3), "hits": [_hit(h, service) for h in hits]})


@router.post("/explain", response_model=bodies.HitOut)
async def explain(body: bodies.ExplainBody, service: Served) -> Response:
    """Why an item stands where it stands for a query, shown among the hits or not."""
    query, examples = await _wanted(service, body)
    options = _given(body, ("mix", "weights", "words", "fusion", "where", "dim"))
    return answer(_hit(await service.engine(service.collection.why, body.id, query, **options, **examples), service))


async def _wanted(service: Service, body: bodies.SearchBody | bodies.ExplainBody) -> tuple[Content | None, dict[str, list[Content]]]:
    """The query and the examples beside it, read, and encoded as far as a search needs their vectors."""
    if body.query is None and not body.like and not (isinstance(body, bodies.SearchBody) and body.sort):
        raise InputError("neither a query nor 'like' came, expected words, a picture, or items to be like; or 'sort' for all items")
    query = None if body.query is None else await _content(service, body.query)
    examples = {
        name: [await _content(service, e) for e in given] for name, given in (("like", body.like), ("unlike", body.unlike)) if given
    }
    await service.primed(query, **examples, mix=body.mix)
    return query, examples


async def _content(service: Service, given: str | bodies.Content | bodies.ById) -> Content:
    return await service.content(given if isinstance(given, str) else given.model_dump())


def _given(body: bodies.SearchBody | bodies.ExplainBody, names: Sequence[str]) -> dict[str, Any]:
    """The options that a request gives; what it leaves out, the collection's own defaults decide."""
    options = {k: getattr(body, k) for k in names if k in body.model_fields_set}
    if options.get("words") in (None, "auto"):
        options.pop("words", None)
    return options


def _hit(h: Hit, service: Service) -> dict[str, Any]:
    found = {"id": h.id, "score": round(h.score, 6), **shown(h.item, service)}
    if h.relevance is not None:
        found["relevance"] = round(h.relevance, 4)
    if h.group is not None:
        found |= {"group": h.group, "also": [_hit(a, service) for a in h.also]}
    if h.why is not None:
        found["explain"] = h.why.to_json()
    return found
