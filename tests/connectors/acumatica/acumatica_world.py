"""A simulated instance of Acumatica behind a socket, and the ledger that talks to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.connectors.acumatica import session
from ml_connector.connectors.acumatica.connector import AcumaticaLedger, open_ledger
from ml_connector.connectors.acumatica.releasing import Patience
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.invoice import Bill, BillLine, DocumentKind, LedgerBill, Settlement
from ml_connector.records.money import add_up, round_amount
from ml_connector.sandbox import acumatica as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

TODAY = datetime.now(UTC).date()
QUICK = Patience(first=0.01, longest=0.02, at_most=2.0)
MAPPING = MappingRules(
    dimensions=(
        DimensionRule("costCenterCode", "Subaccount.1"),
        DimensionRule("dimCode1", "Subaccount.2"),
        DimensionRule("projectCode", "Project"),
    ),
    tolerance={"EUR": Decimal("0.02")},
)
RATES = {"VAT24": Decimal(24), "VAT14": Decimal(14), "VAT0": Decimal(0)}


def coded(**changes: Any) -> BillLine:
    """A line that can be posted in the simulated tenant."""
    usual = BillLine(
        account="6120", net=Decimal("100.00"), description="Copy paper", tax_code="VAT24",
        dimensions={"Subaccount.1": "D040", "Subaccount.2": "A01"},
    )  # fmt: skip
    return replace(usual, **changes)


def bill_of(number: str, **changes: Any) -> Bill:
    """A bill that is right, its sums computed from its lines."""
    lines: Sequence[BillLine] = changes.pop("lines", None) or (coded(),)
    net = add_up(line.net for line in lines)
    tax = round_amount(add_up(line.net * RATES.get(line.tax_code, Decimal(0)) / 100 for line in lines), "EUR")
    usual: dict[str, Any] = {
        "key": f"c/{number}/1", "kind": DocumentKind.INVOICE, "vendor": "V00001", "number": number,
        "invoice_date": TODAY, "posting_date": TODAY, "due_date": TODAY + timedelta(days=21), "currency": "EUR",
        "exchange_rate": None, "net": net, "tax": tax, "gross": net + tax, "description": "Office",
        "lines": tuple(lines),
    }  # fmt: skip
    return Bill(**{**usual, **changes})


@dataclass
class World:
    """The ledger, what it talks to, and the hands of the people around it."""

    ledger: AcumaticaLedger
    company: TradingCompany
    base: str
    session: aiohttp.ClientSession
    clock: Clock
    opened: list[AcumaticaLedger] = field(default_factory=list)

    async def hook(self, name: str, **body: Any) -> Any:
        async with self.session.post(f"{self.base}/_sandbox/{name}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def bills(self) -> list[dict[str, Any]]:
        """What stands in the ledger."""
        async with self.session.get(f"{self.base}/_sandbox/bills?company=3000&rows=true") as reply:
            return (await reply.json())["bills"]

    async def standing(self, number: str) -> list[dict[str, Any]]:
        return [each for each in await self.bills() if each["vendorInvoiceNumber"] == number]

    async def calls(self) -> list[dict[str, Any]]:
        """What came over the wire but for the sign-in."""
        async with self.session.get(f"{self.base}/_sandbox/calls") as reply:
            told = await reply.json()
        return [each for each in told["calls"] if "/identity/" not in each["path"] and "/auth/" not in each["path"]]

    async def forget_calls(self) -> None:
        async with self.session.delete(f"{self.base}/_sandbox/calls") as reply:
            assert reply.status < 300

    def vendor(self, place: int = 0) -> str:
        return [each.number for each in self.company.vendors if not each.blocked and each.currency == "EUR"][place]

    def bill(self, number: str, **changes: Any) -> Bill:
        return bill_of(number, **{"vendor": self.vendor(), **changes})

    def fresh_ledger(self) -> AcumaticaLedger:
        """Another process with its own memory."""
        ledger = opened(self.base, self.clock)
        self.opened.append(ledger)
        return ledger

    async def posted(self, bill: Bill) -> LedgerBill:
        return await self.ledger.post(bill, await self.ledger.create(bill))

    async def settlements(
        self, *bills: LedgerBill, since: str | None = None
    ) -> tuple[list[Settlement], str | None]:  # fmt: skip
        ids: Mapping[str, str] = {each.id: each.number for each in bills}

        async def ours(asked: Sequence[str]) -> Mapping[str, str]:
            return {each: ids[each] for each in asked if each in ids}

        told: list[Settlement] = []
        mark = since
        async for page in self.ledger.settlements(since=since, ours=ours):
            told += page.records
            mark = page.mark or mark
        return told, mark


def opened(base: str, clock: Clock, *, mapping: MappingRules = MAPPING) -> AcumaticaLedger:
    """A ledger that does not wait long for the end of a release."""
    values = {
        "base_url": f"{base}/{simulated.SITE}", "tenant": simulated.tenant_of("3000"),
        "client_id": simulated.client_id("3000"), "username": simulated.USERNAME, "requests_per_minute": "100000",
    }  # fmt: skip
    secrets = {"password": simulated.PASSWORD, "client_secret": simulated.CLIENT_SECRET}
    ledger = open_ledger(Side("c", "3000", values, secrets, mapping), clock.now, None)
    ledger._desk._patience = QUICK  # pyright: ignore[reportPrivateUsage]
    return ledger


@asynccontextmanager
async def simulated_world() -> AsyncGenerator[World]:
    """A fresh instance with one tenant."""
    session._refused.clear()  # pyright: ignore[reportPrivateUsage]
    clock = Clock()
    company = found("3000", today=TODAY, invoices=0, vendors=40, orders=12)
    runner = web.AppRunner(simulated.Acumatica(clock=clock, companies=[company]).applications()[0])
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ledger = opened(base, clock)
    async with aiohttp.ClientSession() as http:
        world = World(ledger, company, base, http, clock)
        try:
            yield world
        finally:
            for each in (ledger, *world.opened):
                await each.close()
            await runner.cleanup()
