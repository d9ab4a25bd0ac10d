"""/v1/items and /v1/jobs: rows to add, ids to remove and facts to change go in, jobs and items as they are kept come out."""

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
from starlette.datastructures import UploadFile

from hannun.errors import InputError
from hannun.serve.http import bodies
from hannun.serve.http.inbox import Kind
from hannun.serve.http.jobs import Job
from hannun.serve.http.routes.answers import Served, answer, shown
from hannun.serve.http.service import Service

router = APIRouter(prefix="/v1", tags=["items"])
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


@router.post("/items", response_model=bodies.JobOut, responses=_ACCEPTED, openapi_extra=_FILES)
async def add(request: Request, service: Served, wait: Wait = 0) -> Response:
    """Add rows as JSON, or pictures as files; answered as soon as the work is safe on disk."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _accepted(service, "add", {"rows": await _uploaded(request)}, wait)
    if kind != "application/json":
        raise InputError(f"a body of type {kind[:100] or 'none'!r} came, expected application/json or multipart/form-data")
    try:
        body = bodies.AddBody.model_validate_json(await request.body())
    except ValidationError as e:
        raise RequestValidationError(e.errors(include_url=False)) from None
    return await _accepted(service, "add", {"rows": [r.model_dump(exclude_unset=True) for r in body.items]}, wait)


@router.delete("/items", response_model=bodies.JobOut, responses=_ACCEPTED)
async def delete(body: bodies.DeleteBody, service: Served, wait: Wait = 0) -> Response:
    """Remove items by id and/or by condition."""
    await _check(service, body.ids, body.where)
    return await _accepted(service, "delete", {"ids": body.ids, "where": body.where}, wait)


@router.patch("/items", response_model=bodies.JobOut, responses=_ACCEPTED)
async def update(body: bodies.UpdateBody, service: Served, wait: Wait = 0) -> Response:
    """Change facts of items by id and/or by condition."""
    await _check(service, body.ids, body.where)
    return await _accepted(service, "update", {"facts": body.facts, "ids": body.ids, "where": body.where}, wait)


@router.get("/items", response_model=bodies.ItemsOut)
async def listed(
    service: Served,
    where: Annotated[bodies.Where | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Items without a query, in no stated order."""
    found = await service.engine(lambda: list(islice(service.collection.items(where), offset, offset + limit)))
    return answer({"items": [{"id": it.id, **shown(it, service)} for it in found]})


@router.get("/items/{id:path}", response_model=bodies.ItemOut)
async def one(id: str, service: Served) -> Response:
    """One item as it is kept."""
    it = await service.engine(service.collection.get, id)
    return answer({"id": it.id, **shown(it, service)})


@router.delete("/items/{id:path}", response_model=bodies.JobOut, responses=_ACCEPTED)
async def delete_one(id: str, service: Served, wait: Wait = 0) -> Response:
    """Remove one item. 404 where there is none."""
    await service.engine(service.collection.get, id)
    return await _accepted(service, "delete", {"ids": [id], "where": None}, wait)


@router.get("/jobs", response_model=bodies.JobsOut)
async def jobs(service: Served, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
    """Accepted work, the newest first."""
    found = [_job(j) for j in service.jobs.all()[:limit]]
    set_aside = await service.write(lambda: service.jobs.set_aside)
    return answer({"unfinished": service.jobs.unfinished, "set_aside": set_aside, "jobs": found})


@router.get("/jobs/{job}", response_model=bodies.JobOut)
async def progress(job: str, service: Served) -> Response:
    """How far a job is."""
    return answer(_job(service.jobs.get(job)))


async def _accepted(service: Service, kind: Kind, work: dict[str, Any], wait: float) -> Response:
    """Put work on the disk, and answer once it is done or `wait` seconds have passed."""
    until = asyncio.get_running_loop().time() + min(wait, 0.8 * service.settings.timeout)
    job = await service.write(service.jobs.accept, kind, work)
    ended = job.finished is not None
    while not ended and asyncio.get_running_loop().time() < until:  # no thread is held meanwhile
        await asyncio.sleep(0.02)
        ended = job.finished is not None
    return answer(_job(job), 200 if ended else 202)


async def _check(service: Service, ids: list[str], where: str | None) -> None:
    """Raises InputError where no item is named, or where a condition cannot be read: in the answer, not in a job that fails later."""
    if not ids and where is None:
        raise InputError("neither ids nor a condition came, expected at least one of them")
    if where is not None:
        await service.engine(service.collection.count, where)


def _job(job: Job) -> dict[str, Any]:
    fields = asdict(job)
    return {"job": fields.pop("id"), **fields}


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
