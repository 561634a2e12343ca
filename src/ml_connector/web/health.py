"""For those who watch over the process: alive, ready, figures."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ml_connector.web.access import Caller
from ml_connector.web.problems import problem

router = APIRouter(include_in_schema=False)

ANSWERS_WITHIN: Final = 3.0


@router.get("/health")
async def health() -> Response:
    """The process lives."""
    return JSONResponse({"status": "ok"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Calls are welcome: the database answers, and the process is not about to end."""
    if request.app.state.stopping.is_set():
        return problem(503, "The process is about to end.")
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            await request.app.state.process.database.fetch("SELECT version_num FROM alembic_version")
    except Exception:
        return problem(503, "The database does not answer.", headers={"Retry-After": "5"})
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics(request: Request, _caller: Caller) -> Response:
    """Figures for Prometheus."""
    return Response(await request.app.state.counted.exposition(), media_type=CONTENT_TYPE_LATEST)
