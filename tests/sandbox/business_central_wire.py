"""A plain HTTP client of the simulated Business Central: no product code, only the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.sandbox.business_central import (
    ACME_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    ENVIRONMENT,
    SCOPE,
    TENANT,
    BusinessCentral,
)
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

ACME = f"companies({ACME_ID})"


@dataclass(slots=True)
class Reply:
    """Status, headers and parsed body."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    @property
    def message(self) -> str:
        """The error's text without the correlation id."""
        return self.body["error"]["message"].split("  CorrelationId:")[0]

    @property
    def tag(self) -> str:
        return self.body["@odata.etag"]


class Wire:
    """Starts the sandbox on a free port and speaks to it, signed in."""

    def __init__(self, *, token_seconds: int = 3600) -> None:
        self.clock = Clock()
        self.company: TradingCompany = found(today=self.clock.now().date())
        self.system = BusinessCentral(clock=self.clock, companies=[self.company], token_seconds=token_seconds)
        self.token = ""

    async def __aenter__(self) -> Wire:
        self.runner = web.AppRunner(self.system.applications()[0])
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        port = self.runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{port}"
        self.root = f"{self.origin}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0"
        self.session = aiohttp.ClientSession()
        self.token = (await self.sign_in()).body["access_token"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def sign_in(self, **changes: str) -> Reply:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": SCOPE,
            **changes,
        }
        return await self.send("POST", f"{self.origin}/{TENANT}/oauth2/v2.0/token", data=form, token="")

    async def send(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Reply:
        url = address if "://" in address else f"{self.root}/{address}"
        token = self.token if token is None else token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self.session.request(method, url, headers=sent, **options) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            parsed = json.loads(raw, parse_float=Decimal) if is_json else raw
            return Reply(answer.status, dict(answer.headers), parsed)

    async def get(self, address: str, *, prefer: str = "", **options: str) -> Reply:
        """Options are named without their dollar: `filter="..."`."""
        params = {f"${name}": value for name, value in options.items()}
        headers = {"Prefer": prefer} if prefer else {}
        return await self.send("GET", f"{ACME}/{address}", params=params, headers=headers)

    async def post(self, address: str, body: Any = None, **headers: str) -> Reply:
        return await self.send("POST", f"{ACME}/{address}", body, headers=headers)

    async def patch(self, address: str, body: Any, *, tag: str = "*") -> Reply:
        headers = {"If-Match": tag} if tag else {}
        return await self.send("PATCH", f"{ACME}/{address}", body, headers=headers)

    async def delete(self, address: str, *, tag: str = "*") -> Reply:
        return await self.send("DELETE", f"{ACME}/{address}", headers={"If-Match": tag} if tag else {})

    async def control(self, page: str, **body: Any) -> Any:
        reply = await self.send("POST", f"{self.origin}/_sandbox/{page}", body)
        assert reply.status in (200, 201), reply.body
        return reply.body

    async def first(self, entity_set: str, condition: str) -> dict[str, Any]:
        """The one row for which the condition holds."""
        rows = (await self.get(entity_set, filter=condition)).body["value"]
        assert len(rows) == 1, rows
        return rows[0]

    def vendor(self, *, currency: str = "EUR", plain: bool = True) -> str:
        """Number of a vendor that can be billed; `plain` for one without default dimensions."""
        return next(
            vendor.number
            for vendor in self.company.vendors
            if vendor.currency == currency and not vendor.blocked and plain != bool(vendor.default_dimensions)
        )

    def draft(self, **changes: Any) -> dict[str, Any]:
        """The body of an invoice that posts: two lines, 300 net, 72 VAT."""
        today = self.company.today.isoformat()
        return {
            "vendorNumber": self.vendor(),
            "invoiceDate": today,
            "postingDate": today,
            "vendorInvoiceNumber": "FP-88213",
            "currencyCode": "EUR",
            "purchaseInvoiceLines": [self.line(), self.line(lineObjectNumber="6210", unitCost=200)],
            **changes,
        }

    def line(self, **changes: Any) -> dict[str, Any]:
        """The body of a line of 100 at 24 %."""
        return {
            "lineType": "Account",
            "lineObjectNumber": "6110",
            "description": "Copy paper",
            "quantity": 1,
            "unitCost": 100,
            "taxCode": "VAT24",
            **changes,
        }

    async def make(self, **changes: Any) -> dict[str, Any]:
        """A draft in the ledger."""
        reply = await self.post("purchaseInvoices", self.draft(**changes))
        assert reply.status == 201, reply.body
        return reply.body

    async def post_document(self, identity: str, entity_set: str = "purchaseInvoices") -> Reply:
        return await self.post(f"{entity_set}({identity})/Microsoft.NAV.post")

    async def lines(self, identity: str) -> list[dict[str, Any]]:
        return (await self.get(f"purchaseInvoices({identity})/purchaseInvoiceLines")).body["value"]

    async def dimensions(self, parent: str) -> dict[str, str]:
        rows = (await self.get(f"{parent}/dimensionSetLines")).body["value"]
        return {row["code"]: row["valueCode"] for row in rows}

    async def bills(self, **wanted: Any) -> list[dict[str, Any]]:
        """What stands in the ledger, with its rows."""
        found = (await self.send("GET", f"{self.origin}/_sandbox/bills?company=1000&rows=true")).body["bills"]
        return [bill for bill in found if all(bill[name] == value for name, value in wanted.items())]
