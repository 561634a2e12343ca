"""Around every answer: a request id, security headers, one log line; a fault of ours is a plain 500."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_connector.web.metrics import Counted
from ml_connector.web.problems import problem

log = structlog.get_logger("ml_connector.web")

_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Frame:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, counted: Counted) -> None:
        self._app = app
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        status = 0

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _POLICY)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, framed)
            except Exception:
                log.exception("A call could not be answered.", path=scope["path"])
                if status:
                    raise
                answer = problem(500, f"Something went wrong here; the log has it under {request_id}.")
                await answer(scope, receive, framed)
            self._counted.call(status)
            if scope["path"] not in _QUIET:
                log.info("call", method=scope["method"], path=scope["path"][:200], status=status,
                         seconds=round(time.perf_counter() - began, 4))  # fmt: skip


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
