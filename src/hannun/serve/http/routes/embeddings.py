"""Texts and pictures go in, vectors or an order of them come out: requests of OpenAI's, Jina's and Cohere's clients."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic_core import to_json

from hannun.errors import InputError, MissingError
from hannun.item import Content, Item, item
from hannun.serve.batching import Vector, together
from hannun.serve.http.bodies import Content as Said
from hannun.serve.http.bodies import EmbeddingsBody, EmbeddingsOut, Models, RerankBody, RerankOut
from hannun.serve.http.service import Service
from hannun.serve.rerank import scores

_ASKING = ("retrieval.query", "code.query", "text-matching", "classification", "separation")  # one role on both sides for the last three

_CHUNK = 64  # contents of a request that are read and encoded at a time


def routes(service: Service) -> APIRouter:
    """/v1/embeddings, /v1/rerank, /v1/models."""
    at = APIRouter(prefix="/v1", tags=["vectors"])
    encoder = service.encoder

    def check(model: str | None, count: int) -> None:
        if model not in (None, "", "hannun", encoder.name):
            raise MissingError(f"the model {model!r} came, and {encoder.name!r} is the one served here (GET /v1/models)")
        if count > service.settings.inputs:
            raise InputError(f"{count} contents came, the limit is {service.settings.inputs} at once; send them in parts")

    async def read(said: Sequence[str | Said]) -> list[Content]:
        return [await service.content(s if isinstance(s, str) else s.model_dump()) for s in said]

    async def encoded(said: Sequence[str | Said], role: str, instruction: str | None = None) -> list[Vector]:
        # Some at a time: few decoded pictures are held, and a search that comes meanwhile waits for no more than these.
        made: list[Vector] = []
        for start in range(0, len(said), _CHUNK):
            made += await service.vectors(await read(said[start : start + _CHUNK]), role, instruction)
        return made

    @at.post("/embeddings", response_model=EmbeddingsOut)
    async def embeddings(body: EmbeddingsBody) -> Response:
        """Vectors of texts, pictures, or both together. Works with OpenAI's client; takes Jina's multimodal inputs."""
        said = body.input if isinstance(body.input, list) else [body.input]
        check(body.model, len(said))
        if body.dimensions is not None and body.dimensions not in encoder.dims:
            raise InputError(f"dimensions={body.dimensions} came, but {encoder.name!r} declares {', '.join(map(str, encoder.dims))}")
        role = "query" if body.task in _ASKING else "document"
        made = await encoded(said, role, body.instruction)
        form = body.embedding_type or body.encoding_format or "float"
        if body.late or body.return_multivector:
            if form in ("binary", "ubinary"):
                raise InputError(f"one vector for each token was asked for as {form!r}, expected 'float' or 'base64'")
            if any(v.tokens is None for v in made):
                raise InputError(f"one vector for each token was asked for, but {encoder.name!r} gives one for each content; leave it out")
            rows = [{"embeddings": _tokens(v, form)} for v in made]
        else:
            whole = together(made, encoder.dims[0])
            dense = (whole if body.dimensions is None else whole.truncate(body.dimensions)).dense
            rows = [{"embedding": _written(v, form)} for v in dense]
        data = [{"object": "embedding", "index": n, **row} for n, row in enumerate(rows)]
        return _json({"object": "list", "model": encoder.name, "data": data, "usage": _usage(said)})

    @at.post("/rerank", response_model=RerankOut)
    async def rerank(body: RerankBody) -> Response:
        """Put documents (texts, pictures, or both) in order for a query."""
        check(body.model, len(body.documents))
        (query,) = await read([body.query])
        (asked,) = await service.vectors([query], "query")
        made = await encoded(body.documents, "document")
        found = scores(encoder, item(query, id="-"), asked, [_outline(d) for d in body.documents], made)
        order = sorted(range(len(found)), key=lambda n: (-found[n], n))[: body.top_n]
        results: list[dict[str, Any]] = [{"index": n, "relevance_score": round(found[n], 6)} for n in order]
        if body.return_documents:
            for r in results:
                d = body.documents[r["index"]]
                r["document"] = {"text": d} if isinstance(d, str) else d.model_dump(exclude_none=True)
        return _json({"model": encoder.name, "results": results, "usage": _usage([body.query, *body.documents])})

    @at.get("/models", response_model=Models)
    async def models() -> Response:
        """The encoder, as OpenAI lists models."""
        return _json({"object": "list", "data": [{"id": encoder.name, "object": "model", "created": 0, "owned_by": "hannun"}]})

    return at


def _outline(said: str | Said) -> Item:
    """What a document is made of: its parts, its picture without pixels."""
    if isinstance(said, str):
        return item(said, id="-")
    return item(said.model_dump(exclude_none=True) | {"text": said.text or ""} | ({"image": b"-"} if said.image else {}), id="-")


def _written(row: Any, form: str) -> Any:
    match form:
        case "base64":
            return base64.b64encode(np.ascontiguousarray(row, "<f4").tobytes()).decode()
        case "ubinary":
            return np.packbits(row > 0).tolist()
        case "binary":  # Jina's: the same bits as signed bytes
            return (np.packbits(row > 0).astype(np.int16) - 128).tolist()
    return row.tolist()


def _tokens(vector: Vector, form: str) -> Any:
    assert vector.tokens is not None
    return _written(vector.tokens, form)


def _usage(said: Sequence[str | Said]) -> dict[str, int]:
    count = sum(len(s) if isinstance(s, str) else len(s.text or "") + (s.image is not None) for s in said)
    return {"prompt_tokens": count, "total_tokens": count}


def _json(value: object) -> Response:
    return Response(to_json(value), media_type="application/json")
