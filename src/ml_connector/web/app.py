"""The web application: webhooks, REST API, health, figures, status page."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import FastAPI

from ml_connector.engine.process import Process
from ml_connector.operations.announcements import AnnouncementDesk
from ml_connector.operations.webhooks import WebhookDesk
from ml_connector.web import api, health, page, webhooks
from ml_connector.web.frame import Frame
from ml_connector.web.metrics import Counted
from ml_connector.web.problems import MEDIA_TYPE, install_problems

DESCRIPTION: Final = """\
What the command line does, over HTTP. Every call needs a token of `ml-connector token create`: `viewer` reads,
`operator` may do everything. Sums of money are texts, so that they stay exact. Errors are problem+json."""


def create_app(process: Process, *, stopping: asyncio.Event | None = None) -> FastAPI:
    """The application over one process. `stopping` is set once the process is about to end."""
    app = FastAPI(
        title="ml-connector", version="1", description=DESCRIPTION, openapi_url="/api/v1/openapi.json",
        docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    counted = Counted(process)
    app.state.process = process
    app.state.counted = counted
    app.state.stopping = stopping or asyncio.Event()
    app.state.desk = WebhookDesk(process)
    app.state.announcements = AnnouncementDesk(process)
    for each in (webhooks.router, health.router, page.router, api.router):
        app.include_router(each)
    install_problems(app)
    app.add_middleware(Frame, counted=counted)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Refused calls are described as they are answered."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = original()
            for operation in (each for path in described["paths"].values() for each in path.values()):
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        reference = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
                        answer["content"] = {MEDIA_TYPE: reference}
            for unused in ("HTTPValidationError", "ValidationError"):
                described["components"]["schemas"].pop(unused, None)
        return app.openapi_schema or {}

    app.openapi = openapi
