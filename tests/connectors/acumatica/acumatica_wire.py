"""A bare instance for tests of the wire: it gives tokens and answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ml_connector.connectors.acumatica.contract import Contract
from ml_connector.connectors.side import Keepsake, MappingRules, Side

PASSWORD = "acu-password"
SECRET = "acu-client-secret"
CLIENT = "8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd@Acme"

Answer = Callable[[web.Request], web.Response | None]
Form = dict[str, str]


@dataclass
class Wire:
    """What was asked, and what to answer; `tokens` are those that are good, `refresh` the one that is."""

    base: str = ""
    answer: Answer = lambda _: None
    sign_in: Callable[[Form], web.Response | None] = lambda _: None
    lifetime: float = 3600
    tokens: set[str] = field(default_factory=set)
    refresh: str = ""
    grants: list[Form] = field(default_factory=list)
    logouts: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method, and path with query below the site's name."""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    """Calls that were under way at once."""

    def side(
        self, *, keepsake: Keepsake | None = None, mapping: MappingRules | None = None,
        secrets: dict[str, str] | None = None, **values: Any,
    ) -> Side:  # fmt: skip
        settings = {
            "base_url": f"{self.base}/acme", "tenant": "Acme", "client_id": CLIENT, "username": "basware",
            "requests_per_minute": "100000", **values,
        }  # fmt: skip
        known = {"password": PASSWORD, "client_secret": SECRET, **(secrets or {})}
        return Side("acme", "3000", settings, known, mapping or MappingRules(), keepsake)

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]

    async def handle(self, request: web.Request) -> web.Response:
        path = str(request.rel_url).removeprefix("/acme")
        if path == "/identity/connect/token":
            return await self._token(request)
        if path == "/entity/auth/logout":
            self.logouts.append(dict(request.headers))
            return web.Response(status=204)
        self.requests.append((request.method, path))
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        if path != "/entity" and request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.Response(status=401)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.002)
        self.running -= 1
        return self.answer(request) or web.json_response([])

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.grants.append(form)
        await asyncio.sleep(0.02)
        refused = self.sign_in(form)
        if refused is not None:
            return refused
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return web.json_response({"error": "invalid_grant"}, status=400)
        number = len(self.grants)
        self.tokens.add(f"token-{number}")
        self.refresh = f"refresh-{number}"
        granted = {"access_token": f"token-{number}", "expires_in": self.lifetime, "token_type": "Bearer"}
        return web.json_response({**granted, "refresh_token": self.refresh, "scope": form.get("scope", "")})


@asynccontextmanager
async def serving() -> AsyncIterator[Wire]:
    """A wire that listens on a port of its own."""
    wire = Wire()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    wire.base = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        await runner.cleanup()


def fault(kind: str, words: str, *, status: int = 500) -> web.Response:
    """An HttpError as the instance words it."""
    body = {"message": "An error has occurred.", "exceptionMessage": words, "exceptionType": kind, "stackTrace": "at X"}
    return web.json_response(body, status=status)


def wrapped(**fields: Any) -> dict[str, Any]:
    """A record as it is told: value objects, empty fields as {}."""
    return {"id": "0", "rowNumber": 1, "note": {"value": ""}, **{
        name: value if isinstance(value, list | dict) else {} if value is None else {"value": value}
        for name, value in fields.items()
    }, "custom": {}}  # fmt: skip


def described(version: str, *, without: str = "", definitions: bool = False) -> dict[str, Any]:
    """A schema as an instance publishes it, with one type for each entity and each part of one."""
    root = "#/definitions/" if definitions else "#/components/schemas/"
    types: dict[str, Any] = {"Entity": {"type": "object", "properties": {"id": {"type": "string"}}}}
    fields = Contract.of("Default", version).fields
    for path, names in fields.items():
        members: dict[str, Any] = {}
        for name in names:
            part = f"{path}/{name}"
            if part != without:
                found = {"$ref": f"{root}{part.replace('/', '')}"}
                plain = {"$ref": f"{root}StringValue"}
                members[name] = {"type": "array", "items": found} if part in fields else plain
        types[path.replace("/", "")] = {
            "allOf": [{"$ref": f"{root}Entity"}, {"type": "object", "properties": members}],
        }  # fmt: skip
    return {"swagger": "2.0", "definitions": types} if definitions else {"components": {"schemas": types}}
