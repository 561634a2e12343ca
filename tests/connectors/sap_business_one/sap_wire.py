"""A bare Service Layer for tests of the wire: it gives sessions and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ml_connector.connectors.side import MappingRules, Side

PASSWORD = "b1-secret"
EXPIRED = {"error": {"code": "301", "message": "Invalid session or session already timeout."}}

Answer = Callable[[web.Request], web.Response | None]


@dataclass
class Wire:
    """What was asked, and what to answer; `sessions` are the live ones."""

    base: str = ""
    answer: Answer = lambda _: None
    login: Answer = lambda _: None
    minutes: float = 30
    sessions: set[str] = field(default_factory=set)
    logins: int = 0
    logouts: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with query, Cookie header."""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def side(self, root: str = "/b1s/v2", **values: Any) -> Side:
        settings = {"base_url": self.base + root, "company_db": "SBO_2000", "username": "basware", **values}
        return Side("acme", "2000", settings, {"password": PASSWORD}, MappingRules())

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.endswith("/Login"):
            return await self._login(request)
        session = request.cookies.get("B1SESSION", "")
        if request.path.endswith("/Logout"):
            self.logouts += 1
            self.sessions.discard(session)
            return web.Response(status=204)
        self.requests.append((request.method, str(request.rel_url), request.headers.get("Cookie", "")))
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        if session not in self.sessions:
            return web.json_response(EXPIRED, status=401)
        return self.answer(request) or web.json_response({"value": []})

    async def _login(self, request: web.Request) -> web.Response:
        self.logins += 1
        await asyncio.sleep(0.02)
        refused = self.login(request)
        if refused is not None:
            return refused
        name = f"session-{self.logins}"
        self.sessions.add(name)
        reply = web.json_response({"SessionId": name, "Version": "1000190", "SessionTimeout": self.minutes})
        reply.headers.add("Set-Cookie", f"B1SESSION={name};HttpOnly;")
        reply.headers.add("Set-Cookie", f"ROUTEID=.node{self.logins}; path=/b1s")
        return reply


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A wire that listens on a port of its own, with TLS where a context is given."""
    wire = Wire()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    host, port = runner.addresses[0][:2]
    wire.base = f"{'http' if context is None else 'https'}://{host}:{port}"
    try:
        yield wire
    finally:
        await runner.cleanup()


def refusal(status: int, code: int | str, message: str) -> web.Response:
    """An error in the envelope of OData 4."""
    return web.json_response({"error": {"code": str(code), "message": message}}, status=status)
