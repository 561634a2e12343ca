"""A bare instance for tests of the wire: it gives tokens and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ml_connector.connectors.epicor_kinetic import auth
from ml_connector.connectors.side import MappingRules, Side

PASSWORD = "kinetic-password"
SECRET = "kinetic-client-secret"
KEY = "kinetic-api-key"

Answer = Callable[[web.Request], web.Response | None]


@dataclass
class Wire:
    """What was asked, and what to answer; `tokens` are those that are good."""

    base: str = ""
    answer: Answer = lambda _: None
    sign_in: Answer = lambda _: None
    lifetime: object = 3600
    tokens: set[str] = field(default_factory=set)
    grants: list[dict[str, str]] = field(default_factory=list)
    """Headers of each call for a token, and its form."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method, and path with query below the company."""
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    """Calls that were under way at once."""
    pause: float = 0.0

    def side(self, *, secrets: dict[str, str] | None = None, **values: Any) -> Side:
        settings = {"base_url": f"{self.base}/Live", "company": "EPIC06", "username": "basware", **values}
        known = {"password": PASSWORD, "api_key": KEY} if secrets is None else secrets
        return Side("acme", "4000", {name: value for name, value in settings.items() if value}, known, MappingRules())

    def token_side(self) -> Side:
        return self.side(token_url=f"{self.base}/Live/TokenResource.svc")

    def client_side(self) -> Side:
        secrets = {"api_key": KEY, "client_secret": SECRET}
        return self.side(username="", client_id="ml", token_url=f"{self.base}/connect/token", secrets=secrets)

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]

    async def handle(self, request: web.Request) -> web.Response:
        if request.path in ("/Live/TokenResource.svc/", "/connect/token"):
            return await self._token(request)
        self.requests.append((request.method, request.raw_path.removeprefix("/Live/api/v2/odata/EPIC06/")))
        sent = await request.read()
        self.bodies.append(json.loads(sent) if sent else None)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.pause)
        self.running -= 1
        authorization = request.headers.get("Authorization", "")
        if authorization.startswith("Bearer ") and authorization.removeprefix("Bearer ") not in self.tokens:
            return web.Response(status=401)
        return self.answer(request) or web.json_response({"value": []})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.grants.append({**{name.lower(): value for name, value in request.headers.items()}, **form})
        await asyncio.sleep(0.02)
        refused = self.sign_in(request)
        if refused is not None:
            return refused
        token = f"token-{len(self.grants)}"
        self.tokens.add(token)
        if request.path == "/connect/token":
            return web.json_response({"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})
        return web.json_response({"AccessToken": token, "ExpiresIn": self.lifetime, "TokenType": "Bearer"})


@asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    """An instance on a port of its own; sign-ins that were refused before are forgotten."""
    auth._refused.clear()  # pyright: ignore[reportPrivateUsage]
    found = Wire()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.base = f"http://{host}:{port}"
    try:
        yield found
    finally:
        await runner.cleanup()


def refusal(status: int, message: str, *, kind: str = "Ice.Common.BusinessObjectException") -> web.Response:
    """A refusal in the server's own envelope."""
    body = {"HttpStatus": status, "ReasonPhrase": "REST API Exception", "ErrorMessage": message, "ErrorType": kind}
    return web.json_response(body, status=status)
