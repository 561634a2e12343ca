"""A bare gateway for tests of the wire: it gives tokens and answers what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.connectors.visma_net.connector import VismaNet, open_source

SECRET = "visma-secret"
TENANT = "5d0c1f8e-2f44-4f1c-9a0b-6f2b9e0d7a11"
NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)

Answer = Callable[[web.Request], web.Response | None]


@dataclass
class Wire:
    """What was asked, and what to answer."""

    base: str = ""
    answer: Answer = lambda _: None
    sign_in: Callable[[dict[str, str]], web.Response | None] = lambda _: None
    lifetime: int = 3600
    tokens: set[str] = field(default_factory=set)
    """Those that are good."""
    grants: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path without query."""
    queries: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def side(self, *, dimensions: Sequence[str] = (), **values: Any) -> Side:
        settings = {
            "company_id": "5000001", "tenant_id": TENANT, "client_id": "isv_ml_connector",
            "base_url": self.base, "token_url": f"{self.base}/connect/token", **values,
        }  # fmt: skip
        rules = MappingRules(
            dimensions=tuple(DimensionRule(f"dimCode{n}", each) for n, each in enumerate(dimensions, 1))
        )
        return Side("nordlys", "5000", settings, {"client_secret": SECRET}, rules)

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]

    def asked(self, path: str) -> list[dict[str, str]]:
        return [query for (_, at), query in zip(self.requests, self.queries, strict=True) if at == path]

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/connect/token":
            return await self._token(request)
        self.requests.append((request.method, request.path))
        self.queries.append(dict(request.query))
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.Response(status=401)
        return self.answer(request) or web.json_response([])

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.grants.append(form)
        refused = self.sign_in(form)
        if refused is not None:
            return refused
        token = f"token-{len(self.grants)}"
        self.tokens.add(token)
        body = {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer", "scope": form["scope"]}
        return web.json_response(body)

    @asynccontextmanager
    async def source(self, **settings: Any) -> AsyncIterator[VismaNet]:
        found = open_source(self.side(**settings), lambda: NOW, None)
        try:
            yield found
        finally:
            await found.close()


@asynccontextmanager
async def running() -> AsyncIterator[Wire]:
    """The gateway on a port of its own."""
    wire = Wire()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    wire.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield wire
    finally:
        await runner.cleanup()


@dataclass
class Listed:
    """A list that is served in pages of at most `most` rows, with its totals in shape A, B or none."""

    rows: list[dict[str, Any]]
    most: int = 500
    envelope: str = "A"
    before: Callable[[int], None] = lambda _: None
    """Called with the page's number before it is cut: here a test changes the list."""

    def page(self, request: web.Request) -> web.Response:
        number, asked = int(request.query.get("pageNumber", "1")), int(request.query.get("pageSize", "20"))
        self.before(number)
        size = min(asked, self.most)
        cut = self.rows[(number - 1) * size : number * size]
        if self.envelope == "B":
            return web.json_response(
                {"pageNumber": number, "pageSize": size, "totalCount": len(self.rows), "records": cut}
            )
        if self.envelope == "A":
            told = {"totalCount": len(self.rows), "maxPageSize": self.most}
            return web.json_response([{**row, "metadata": told} for row in cut])
        return web.json_response(cut)
