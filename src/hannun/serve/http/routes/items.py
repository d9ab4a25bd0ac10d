"""Rows to add, ids to remove and facts to change go in, jobs with their progress come out; and items as they are kept."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.datastructures import UploadFile

from hannun.errors import InputError
from hannun.serve.http import bodies
from hannun.serve.http.inbox import Kind
from hannun.serve.http.jobs import Job
from hannun.serve.http.routes.search import shown
from hannun.serve.http.service import Service

Wait = Annotated[float, Query(ge=0, le=60, description="seconds to hold the answer until the work is done")]
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": bodies.JobOut, "description": "accepted: it is done even if the service stops"}
}
_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/AddBody"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "text": {"type": "string"},
                    },
                    "additionalProperties": {"type": "string"},
                }
            },
        },
    }
}


def routes(service: Service) -> APIRouter:
    """/v1/items, /v1/jobs."""
    at = APIRouter(prefix="/v1", tags=["items"])

    async def accept(kind: Kind, work: dict[str, Any], wait: float) -> Response:
        until = asyncio.get_running_loop().time() + min(wait, 0.8 * service.settings.timeout)
        job = await service.write(service.jobs.accept, kind, work)
        ended = job.finished is not None
        while not ended and asyncio.get_running_loop().time() < until:  # no thread is held meanwhile
            await asyncio.sleep(0.02)
            ended = job.finished is not None
        return Response(to_json(told(job)), 200 if ended else 202, media_type="application/json")

    @at.post("/items", response_model=bodies.JobOut, responses=_ACCEPTED, openapi_extra=_FILES)
    async def add(request: Request, wait: Wait = 0) -> Response:
        """Add rows as JSON, or pictures as files; answered as soon as the work is safe on disk."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return await accept("add", {"rows": await _uploaded(request)}, wait)
        if kind != "application/json":
            raise InputError(f"a body of type {kind[:100] or 'none'!r} came, expected application/json or multipart/form-data")
        try:
            body = bodies.AddBody.model_validate_json(await request.body())
        except ValidationError as e:
            raise RequestValidationError(e.errors(include_url=False)) from None
        return await accept("add", {"rows": [r.model_dump(exclude_unset=True) for r in body.items]}, wait)

    @at.delete("/items", response_model=bodies.JobOut, responses=_ACCEPTED)
    async def delete(body: bodies.DeleteBody, wait: Wait = 0) -> Response:
        """Remove items by id and/or by condition."""
        await _which(body.ids, body.where)
        return await accept("delete", {"ids": body.ids, "where": body.where}, wait)

    @at.patch("/items", response_model=bodies.JobOut, responses=_ACCEPTED)
    async def update(body: bodies.UpdateBody, wait: Wait = 0) -> Response:
        """Change facts of items by id and/or by condition."""
        await _which(body.ids, body.where)
        return await accept("update", {"facts": body.facts, "ids": body.ids, "where": body.where}, wait)

    async def _which(ids: list[str], where: str | None) -> None:
        if not ids and where is None:
            raise InputError("neither ids nor a condition came, expected at least one of them")
        if where is not None:
            await service.engine(service.collection.count, where)  # a condition that cannot be read is told now

    @at.get("/items", response_model=bodies.ItemsOut)
    async def listed(
        where: Annotated[bodies.Where | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """Items without a query, in no stated order."""
        found = await service.engine(lambda: list(islice(service.collection.items(where), offset, offset + limit)))
        return _json({"items": [{"id": it.id, **shown(it, service)} for it in found]})

    @at.get("/items/{id:path}", response_model=bodies.ItemOut)
    async def one(id: str) -> Response:
        """One item as it is kept."""
        it = await service.engine(service.collection.get, id)
        return _json({"id": it.id, **shown(it, service)})

    @at.delete("/items/{id:path}", response_model=bodies.JobOut, responses=_ACCEPTED)
    async def delete_one(id: str, wait: Wait = 0) -> Response:
        """Remove one item. 404 where there is none."""
        await service.engine(service.collection.get, id)
        return await accept("delete", {"ids": [id], "where": None}, wait)

    @at.get("/jobs", response_model=bodies.JobsOut)
    async def jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """Accepted work, the newest first."""
        found = [told(j) for j in service.jobs.all()[:limit]]
        return _json(
            {"unfinished": service.jobs.unfinished, "set_aside": await service.write(lambda: service.jobs.set_aside), "jobs": found}
        )

    @at.get("/jobs/{job}", response_model=bodies.JobOut)
    async def progress(job: str) -> Response:
        """How far a job is."""
        return _json(told(service.jobs.get(job)))

    return at


def told(job: Job) -> dict[str, Any]:
    """A job as it is answered."""
    said = asdict(job)
    return {"job": said.pop("id"), **said}


async def _uploaded(request: Request) -> list[dict[str, Any]]:
    """Files of a form as rows: the file's name becomes the fact `file`, other fields are facts of all of them."""
    rows: list[dict[str, Any]] = []
    async with request.form(max_files=1000, max_fields=100, max_part_size=2**20) as form:
        facts = {k: v for k, v in form.multi_items() if isinstance(v, str) and k not in ("id", "image")}
        for _, file in form.multi_items():
            if isinstance(file, UploadFile):
                image = base64.b64encode(await file.read()).decode()
                rows.append({**facts, "file": (file.filename or "").replace("\\", "/").rpartition("/")[2][:200], "image": image})
    if not rows:
        raise InputError("a form without files came, expected at least one picture in it")
    return rows


def _json(value: object) -> Response:
    return Response(to_json(value, inf_nan_mode="null", fallback=str), media_type="application/json")
