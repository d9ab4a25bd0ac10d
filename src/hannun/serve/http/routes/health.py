"""GET /healthz, /readyz and /metrics: whether the service lives, whether it is ready, and how much it does come out."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from hannun.serve.http.bodies import Health
from hannun.serve.http.routes.answers import Served

router = APIRouter(tags=["watching"])


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Whether the process lives."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", response_model=Health)
async def readyz(service: Served) -> Response:
    """Whether searches are answered: 503 while the encoder is loaded, and while the service shuts down."""
    return JSONResponse({"status": "ok" if service.ready else "starting"}, 200 if service.ready else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
async def metrics(service: Served) -> Response:
    """Prometheus' text form."""
    return Response(await service.engine(service.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")
