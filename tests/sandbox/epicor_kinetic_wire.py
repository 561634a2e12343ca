"""A plain HTTP client of the simulated Epicor Kinetic: no product code, only the wire."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found
from ml_connector.sandbox.epicor_kinetic import API_KEY, INSTANCE, PASSWORD, USERNAME, EpicorKinetic, company_id

CODE = "4000"
COMPANY = company_id(CODE)


@dataclass(slots=True)
class Reply:
    """Status, headers and parsed body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.body["ErrorMessage"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a set."""
        assert self.status == 200, self.body
        return self.body["value"]

    @property
    def ds(self) -> dict[str, list[dict[str, Any]]]:
        """The tableset that a method handed back."""
        assert self.status == 200, self.body
        return self.body["parameters"]["ds"]


def basic(user: str = USERNAME, password: str = PASSWORD) -> str:
    """The header of a Basic login."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Wire:
    """Starts the sandbox on a free port and speaks to it with Basic and the API key."""

    def __init__(self, company: TradingCompany | None = None, *, token_seconds: int = 3600) -> None:
        self.clock = Clock()
        self.company = company or found(CODE, today=self.clock.now().date())
        self.system = EpicorKinetic(clock=self.clock, companies=[self.company], token_seconds=token_seconds)

    async def __aenter__(self) -> Wire:
        self.runner = web.AppRunner(self.system.applications()[0])
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.root = f"{self.origin}/{INSTANCE}/api/v2/odata/{COMPANY}"
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def send(
        self, method: str, address: str, body: Any = None, *, headers: Mapping[str, str | None] | None = None
    ) -> Reply:
        """One request as written; `address` is below the company unless it is a whole one. A header of None goes."""
        url = address if "://" in address else f"{self.root}/{address}"
        sent: dict[str, str | None] = {
            "Authorization": basic(),
            "x-api-key": API_KEY,
            "Accept": "application/json",
            "Content-Type": None if body is None else "application/json",
            **(headers or {}),
        }
        data = body if body is None or isinstance(body, bytes) else json.dumps(body, default=float).encode()
        kept = {name: value for name, value in sent.items() if value is not None}
        quiet = ["Content-Type"] if "Content-Type" not in kept else []
        asked = self.session.request(method, URL(url, encoded=True), data=data, headers=kept, skip_auto_headers=quiet)
        async with asked as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            return Reply(answer.status, answer.headers, json.loads(raw, parse_float=Decimal) if is_json else raw)

    async def get(self, address: str, **options: Any) -> Reply:
        """Reads a set or a row; options are named without their dollar: `filter="..."`."""
        pairs = "&".join(f"${name}={quote(str(value))}" for name, value in options.items())
        return await self.send("GET", f"{address}?{pairs}" if pairs else address)

    async def call(self, method: str, /, **parameters: Any) -> Reply:
        """A method by POST: `call("Erp.BO.APInvoiceSvc/Update", ds=...)`."""
        return await self.send("POST", method, parameters)

    async def control(self, page: str, *, status: int = 200, **asked: Any) -> Any:
        """A control page of the company."""
        body = json.dumps({"company": CODE, **asked}, default=float).encode()
        async with self.session.post(f"{self.origin}/_sandbox/{page}", data=body) as answer:
            parsed = json.loads(await answer.read(), parse_float=Decimal)
            assert answer.status == status, parsed
            return parsed

    async def fault(self, kind: str, path: str, **more: Any) -> None:
        """A fault to come on a path."""
        body = json.dumps({"kind": kind, "path": path, **more}).encode()
        async with self.session.post(f"{self.origin}/_sandbox/faults", data=body) as answer:
            assert answer.status < 300, await answer.text()

    async def show(self, page: str) -> Any:
        """What a control page shows."""
        async with self.session.get(f"{self.origin}/_sandbox/{page}") as answer:
            return json.loads(await answer.read(), parse_float=Decimal)
