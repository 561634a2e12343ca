"""A raw client of the simulated Visma.net: tests see what travels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found
from ml_connector.sandbox.visma_net import CLIENT_ID, CLIENT_SECRET, VismaNet, tenant_of

CODE = "5000"
OLD = "/API/controller/api"


def scopes(*verbs: str) -> str:
    """As they are asked for."""
    return " ".join(f"vismanet_erp_service_api:{verb}" for verb in verbs)


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and parsed body; bytes where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["message"])


class Wire:
    """Starts the sandbox on a free port and speaks to it, signed in for company 5000."""

    def __init__(self, *codes: str) -> None:
        self.clock = Clock()
        today = self.clock.now().date()
        self.companies = [found(code, today=today) for code in codes or (CODE,)]
        self.company: TradingCompany = self.companies[0]
        self.system = VismaNet(clock=self.clock, companies=self.companies)
        self.token = ""

    async def __aenter__(self) -> Wire:
        self.runner = web.AppRunner(self.system.applications()[0])
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.session = aiohttp.ClientSession()
        self.token = (await self.grant()).body["access_token"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def grant(self, **changes: str) -> Reply:
        """A token request for company 5000, with all scopes unless told otherwise; not taken over."""
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": scopes("read", "create", "update", "delete"),
            "tenant_id": tenant_of(CODE),
            **changes,
        }
        return await self.send("POST", "/connect/token", token="", data=form)

    async def send(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Reply:
        """One request."""
        token = self.token if token is None else token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body, default=float)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self.session.request(
            method, f"{self.origin}{address}", headers=sent, allow_redirects=False, **options
        ) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            return Reply(answer.status, answer.headers, json.loads(raw, parse_float=Decimal) if is_json else raw)

    async def get(self, address: str, *, headers: Mapping[str, str] | None = None, **query: Any) -> Reply:
        """Names of parameters as they are sent."""
        params = {name: str(value) for name, value in query.items()}
        return await self.send("GET", address, params=params, headers=headers)

    async def rows(self, address: str, **query: Any) -> list[dict[str, Any]]:
        """The rows of one page."""
        reply = await self.get(address, **query)
        assert reply.status == 200, reply.body
        return reply.body

    async def put(self, address: str, body: Any, **headers: str) -> Reply:
        return await self.send("PUT", address, body, headers={name.replace("_", "-"): v for name, v in headers.items()})

    async def control(self, page: str, asked: dict[str, Any] | None = None, *, expect: int = 200, **more: Any) -> Any:
        """A control page of the company, whose answer has the status expected."""
        body = {"company": CODE, **(asked or {}), **more}
        reply = await self.send("POST", f"/_sandbox/{page}", body)
        assert reply.status == expect, reply.body
        return reply.body

    async def bills(self, **wanted: Any) -> list[dict[str, Any]]:
        """The invoices that have those values."""
        reply = await self.send("GET", "/_sandbox/bills")
        return [bill for bill in reply.body["bills"] if all(bill[name] == value for name, value in wanted.items())]
