"""A plain HTTP client of the simulated SAP Business One: no product code, only the wire."""

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
from ml_connector.sandbox.sap_business_one import PASSWORD, USERNAME, SapBusinessOne, company_db
from ml_connector.sandbox.trade import Order

CODE = "2000"


@dataclass(slots=True)
class Reply:
    """Status, headers and parsed body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> int:
        """The error's number."""
        return int(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """The error's text, whichever envelope it came in."""
        text = self.body["error"]["message"]
        return text if isinstance(text, str) else text["value"]


class Wire:
    """Starts the sandbox on a free port and speaks to it, signed in; OData 4 unless told otherwise."""

    def __init__(self, *, version: int = 2) -> None:
        self.clock = Clock()
        self.company: TradingCompany = found(CODE, today=self.clock.now().date())
        self.system = SapBusinessOne(clock=self.clock, companies=[self.company])
        self.version = version
        self.cookie = ""

    async def __aenter__(self) -> Wire:
        self.runner = web.AppRunner(self.system.applications()[0])
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.root = f"{self.origin}/b1s/v{self.version}"
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.cookie = f"B1SESSION={(await self.login()).body['SessionId']}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def login(self, **changes: str) -> Reply:
        """Signs in without taking the session over."""
        body = {"CompanyDB": company_db(CODE), "UserName": USERNAME, "Password": PASSWORD, **changes}
        return await self.send("POST", "Login", body, cookie="")

    async def send(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        cookie: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Reply:
        """One request; `address` is below the service root unless it is a whole one."""
        url = address if "://" in address else f"{self.root}/{address}"
        cookie = self.cookie if cookie is None else cookie
        sent = {"Cookie": cookie} if cookie else {}
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body, default=float)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self.session.request(method, url, headers=sent, **options) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            parsed = json.loads(raw, parse_float=Decimal) if is_json else raw
            return Reply(answer.status, answer.headers, parsed)

    async def get(self, address: str, *, headers: dict[str, str] | None = None, **options: str) -> Reply:
        """Options are named without their dollar: `filter="..."`."""
        return await self.send(
            "GET", address, params={f"${name}": value for name, value in options.items()}, headers=headers
        )

    async def post(self, address: str, body: Any = None, **headers: str) -> Reply:
        return await self.send("POST", address, body, headers=headers)

    async def patch(self, address: str, body: Any, **headers: str) -> Reply:
        return await self.send("PATCH", address, body, headers=headers)

    async def delete(self, address: str) -> Reply:
        return await self.send("DELETE", address)

    async def control(self, page: str, asked: dict[str, Any] | None = None, *, status: int = 200, **more: Any) -> Any:
        """A control page of the company; `status` is the answer's."""
        body = {**(asked or {}), **more}
        reply = await self.send("POST", f"{self.origin}/_sandbox/{page}", {"company": CODE, **body})
        assert reply.status == status, reply.body
        return reply.body

    async def order_items(self) -> dict[str, Any]:
        """A new order of two items."""
        items = [
            {"ItemCode": "I0001", "Quantity": 10, "UnitPrice": 12.5, "VatGroup": "VAT24"},
            {"ItemCode": "I0002", "Quantity": 4, "UnitPrice": 5, "VatGroup": "VAT24"},
        ]
        return await self.make("PurchaseOrders", DocType="dDocument_Items", DocumentLines=items)

    async def stored(self, entry: int, entity_set: str = "PurchaseInvoices") -> dict[str, Any]:
        """A document as it stands."""
        reply = await self.get(f"{entity_set}({entry})")
        assert reply.status == 200, reply.body
        return reply.body

    async def refused(self, entity_set: str = "PurchaseInvoices", **changes: Any) -> Reply:
        """A POST that is refused and leaves nothing behind."""
        before = len(await self.bills())
        reply = await self.post(entity_set, self.invoice(**changes))
        assert reply.status >= 400, reply.body
        assert len(await self.bills()) == before
        return reply

    async def bills(self, **wanted: Any) -> list[dict[str, Any]]:
        """The bills that have those values."""
        reply = await self.send("GET", f"{self.origin}/_sandbox/bills?company={CODE}&rows=true")
        return [bill for bill in reply.body["bills"] if all(bill[name] == value for name, value in wanted.items())]

    async def rows(self, address: str, **options: str) -> list[dict[str, Any]]:
        """All rows that an address gives."""
        reply = await self.get(address, headers={"Prefer": "odata.maxpagesize=0"}, **options)
        assert reply.status == 200, reply.body
        return reply.body["value"]

    def vendor(self, *, currency: str = "EUR", place: int = 0) -> str:
        """CardCode of a supplier that can be billed in that currency."""
        fit = [vendor.number for vendor in self.company.vendors if vendor.currency == currency and not vendor.blocked]
        return fit[place]

    def order(self, kind: str, *, received: bool = False) -> Order:
        """An open order with lines of that kind, wholly received or not at all."""
        return next(
            order
            for order in self.company.orders
            if order.status == "Open"
            and order.currency == "EUR"
            and all(line.kind == kind and bool(line.received) == received for line in order.lines)
        )

    def line(self, **changes: Any) -> dict[str, Any]:
        """The body of a service line of 100 at 24 %."""
        plain = {"ItemDescription": "Copy paper", "AccountCode": "6110", "LineTotal": 100, "VatGroup": "VAT24"}
        return {**plain, **changes}

    def invoice(self, **changes: Any) -> dict[str, Any]:
        """The body of a service invoice that posts: two lines, 300 net, 72 VAT."""
        today = self.company.today.isoformat()
        plain = {
            "DocType": "dDocument_Service",
            "CardCode": self.vendor(),
            "NumAtCard": "FP-88213",
            "DocDate": today,
            "TaxDate": today,
            "DocCurrency": "EUR",
            "DocumentLines": [self.line(), self.line(AccountCode="6210", LineTotal=200)],
        }
        return {**plain, **changes}

    async def make(self, entity_set: str = "PurchaseInvoices", **changes: Any) -> dict[str, Any]:
        """A document in the ledger."""
        reply = await self.post(entity_set, self.invoice(**changes))
        assert reply.status == 201, reply.body
        return reply.body
