"""Questions of machines that watch the service go in (does it live, is it ready, how much does it do), short answers come out."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from hannun.serve.http.bodies import Health
from hannun.serve.http.service import Service


def routes(service: Service) -> APIRouter:
    """/healthz, /readyz, /metrics."""
    at = APIRouter(tags=["watching"])

    @at.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """Whether the process lives."""
        return JSONResponse({"status": "ok"})

    @at.get("/readyz", response_model=Health)
    async def readyz() -> Response:
        """Whether searches are answered: 503 while the encoder is loaded, and while the service shuts down."""
        return JSONResponse({"status": "ok" if service.ready else "starting"}, 200 if service.ready else 503)

    @at.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def metrics() -> Response:
        """Prometheus' text form."""
        return Response(await service.engine(service.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")

    return at
