"""POST /v1/embeddings and /v1/rerank, GET /v1/models: texts and pictures go in, vectors or an order of them come out.

The bodies are those of OpenAI's, Jina's and Cohere's clients.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response

from hannun.errors import InputError, MissingError
from hannun.item import Content, Item, item
from hannun.serve.batching import Batched, Vector, together
from hannun.serve.http.bodies import Content as ContentBody
from hannun.serve.http.embedding_bodies import EmbeddingsBody, EmbeddingsOut, Models, RerankBody, RerankOut
from hannun.serve.http.routes.answers import Served, answer
from hannun.serve.http.service import Service
from hannun.serve.rerank import scores

router = APIRouter(prefix="/v1", tags=["vectors"])
_QUERY_TASKS = (
    "retrieval.query",
    "code.query",
    "text-matching",
    "classification",
    "separation",
)  # one role on both sides for the last three
_CHUNK = 64  # contents of a request that are read and encoded at a time


@router.post("/embeddings", response_model=EmbeddingsOut)
async def embeddings(body: EmbeddingsBody, service: Served) -> Response:
    """Vectors of texts, pictures, or both together. Works with OpenAI's client; takes Jina's multimodal inputs."""
    encoder = service.encoder
    contents = body.input if isinstance(body.input, list) else [body.input]
    _check(service, body.model, len(contents))
    if body.dimensions is not None and body.dimensions not in encoder.dims:
        raise InputError(f"dimensions={body.dimensions} came, but {encoder.name!r} declares {', '.join(map(str, encoder.dims))}")
    made = await _encoded(service, contents, "query" if body.task in _QUERY_TASKS else "document", body.instruction)
    rows = _rows(body, made, encoder)
    data = [{"object": "embedding", "index": n, **row} for n, row in enumerate(rows)]
    return answer({"object": "list", "model": service.model, "data": data, "usage": _usage(contents)})


@router.post("/rerank", response_model=RerankOut)
async def rerank(body: RerankBody, service: Served) -> Response:
    """Put documents (texts, pictures, or both) in order for a query."""
    encoder = service.encoder
    _check(service, body.model, len(body.documents))
    query = await _content(service, body.query)
    (vector,) = await service.vectors([query], "query")
    made = await _encoded(service, body.documents, "document")
    found = scores(encoder, item(query, id="-"), vector, [_outline(d) for d in body.documents], made)
    order = sorted(range(len(found)), key=lambda n: (-found[n], n))[: body.top_n]
    results: list[dict[str, Any]] = [{"index": n, "relevance_score": round(found[n], 6)} for n in order]
    if body.return_documents:
        for r in results:
            d = body.documents[r["index"]]
            r["document"] = {"text": d} if isinstance(d, str) else d.model_dump(exclude_none=True)
    return answer({"model": service.model, "results": results, "usage": _usage([body.query, *body.documents])})


@router.get("/models", response_model=Models)
async def models(service: Served) -> Response:
    """The encoder, as OpenAI lists models."""
    return answer({"object": "list", "data": [{"id": service.model, "object": "model", "created": 0, "owned_by": "hannun"}]})


def _check(service: Service, model: str | None, count: int) -> None:
    if model not in (None, "", "hannun", service.model, service.encoder.name):
        raise MissingError(f"the model {model!r} came, and {service.model!r} is the one served here (GET /v1/models)")
    if count > service.settings.inputs:
        raise InputError(f"{count} contents came, the limit is {service.settings.inputs} at once; send them in parts")


async def _content(service: Service, given: str | ContentBody) -> Content:
    return await service.content(given if isinstance(given, str) else given.model_dump())


async def _encoded(service: Service, given: Sequence[str | ContentBody], role: str, instruction: str | None = None) -> list[Vector]:
    # Some at a time: few decoded pictures are held, and a search that comes meanwhile waits for no more than these.
    made: list[Vector] = []
    for start in range(0, len(given), _CHUNK):
        contents = [await _content(service, g) for g in given[start : start + _CHUNK]]
        made += await service.vectors(contents, role, instruction)
    return made


def _rows(body: EmbeddingsBody, made: Sequence[Vector], encoder: Batched) -> list[dict[str, Any]]:
    """The vectors in the form that the body asks for. Raises InputError for a form that there is none of."""
    form = body.embedding_type or body.encoding_format or "float"
    if body.late or body.return_multivector:
        if form in ("binary", "ubinary"):
            raise InputError(f"one vector for each token was asked for as {form!r}, expected 'float' or 'base64'")
        if any(v.tokens is None for v in made):
            raise InputError(f"one vector for each token was asked for, but {encoder.name!r} gives one for each content; leave it out")
        return [{"embeddings": _written(v.tokens, form)} for v in made]
    whole = together(made, encoder.dims[0])
    dense = (whole if body.dimensions is None else whole.truncate(body.dimensions)).dense
    return [{"embedding": _written(v, form)} for v in dense]


def _outline(given: str | ContentBody) -> Item:
    """What a document is made of: its parts, its picture without pixels."""
    if isinstance(given, str):
        return item(given, id="-")
    return item(given.model_dump(exclude_none=True) | {"text": given.text or ""} | ({"image": b"-"} if given.image else {}), id="-")


def _written(row: Any, form: str) -> Any:
    match form:
        case "base64":
            return base64.b64encode(np.ascontiguousarray(row, "<f4").tobytes()).decode()
        case "ubinary":
            return np.packbits(row > 0).tolist()
        case "binary":  # Jina's: the same bits as signed bytes
            return (np.packbits(row > 0).astype(np.int16) - 128).tolist()
    return row.tolist()


def _usage(contents: Sequence[str | ContentBody]) -> dict[str, int]:
    count = sum(len(s) if isinstance(s, str) else len(s.text or "") + (s.image is not None) for s in contents)
    return {"prompt_tokens": count, "total_tokens": count}
