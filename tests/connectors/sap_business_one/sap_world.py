"""A simulated SAP Business One behind a socket, and the ledger that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web
from sap_bills import bill, line

from ml_connector.connectors.sap_business_one.connector import BusinessOne, open_ledger
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.invoice import Bill, BillLine, Settlement
from ml_connector.sandbox import sap_business_one as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

TODAY = datetime.now(UTC).date()
MAPPING = MappingRules(
    dimensions=(DimensionRule("costCenterCode", "1"), DimensionRule("projectCode", "Project")),
    tolerance={"EUR": Decimal("0.02")},
)


@dataclass
class World:
    """The ledger, what it talks to, and the hands of the people around it."""

    ledger: BusinessOne
    company: TradingCompany
    base: str
    session: aiohttp.ClientSession
    clock: Clock
    opened: list[BusinessOne] = field(default_factory=list)

    async def hook(self, name: str, **body: Any) -> Any:
        async with self.session.post(f"{self.base}/_sandbox/{name}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def bills(self) -> list[dict[str, Any]]:
        """What stands in the ledger that was not there on the first day."""
        async with self.session.get(f"{self.base}/_sandbox/bills?company=2000&rows=true") as reply:
            return (await reply.json())["bills"]

    async def strike(self, **fault: Any) -> None:
        async with self.session.post(f"{self.base}/_sandbox/faults", json=fault) as reply:
            assert reply.status < 300, await reply.text()

    @property
    def calls(self) -> int:
        return self.ledger._client.http.calls  # pyright: ignore[reportPrivateUsage]

    def fresh_ledger(self, **values: Any) -> BusinessOne:
        """Another process with its own memory."""
        ledger = open_ledger(side(self.base, **values), self.clock.now, None)
        self.opened.append(ledger)
        return ledger

    def vendor(self, place: int = 0) -> str:
        return [each.number for each in self.company.vendors if not each.blocked and each.currency == "EUR"][place]

    def bill(self, number: str, **changes: Any) -> Bill:
        usual: dict[str, Any] = {
            "key": number, "number": number, "vendor": self.vendor(), "currency": "EUR", "invoice_date": TODAY,
            "posting_date": TODAY, "due_date": TODAY + timedelta(days=30), "lines": (coded(),),
        }  # fmt: skip
        wanted = bill(**{**usual, **changes})
        if "gross" in changes:
            return wanted
        net = sum((each.net for each in wanted.lines), Decimal(0))
        tax = sum((round(each.net * 24 / 100, 2) for each in wanted.lines if each.tax_code == "VAT24"), Decimal(0))
        return bill(**{**usual, **changes, "net": net, "tax": tax, "gross": net + tax})

    async def order(self, *lines: Mapping[str, Any], **changes: Any) -> Any:
        """An order of the usual vendor; `receive` books its goods in."""
        return await self.hook(
            "orders", company="2000", **{"CardCode": self.vendor(), "DocumentLines": lines, **changes}
        )

    async def settlements(
        self, ids: Mapping[str, str], since: str | None = None, ledger: BusinessOne | None = None
    ) -> tuple[list[Settlement], str | None]:
        async def ours(asked: Sequence[str]) -> Mapping[str, str]:
            return {each: ids[each] for each in asked if each in ids}

        told: list[Settlement] = []
        mark = since
        async for page in (ledger or self.ledger).settlements(since=since, ours=ours):
            told += page.records
            mark = page.mark or mark
        return told, mark


def coded(**changes: Any) -> BillLine:
    """A line that can be posted in the simulated company."""
    return line(**{"account": "6120", "tax_code": "VAT24", "dimensions": {"1": "D040"}, **changes})


def side(base: str, **values: Any) -> Side:
    settings = {
        "base_url": f"{base}/b1s/v2", "company_db": simulated.company_db("2000"), "username": simulated.USERNAME,
    }  # fmt: skip
    return Side(
        connection="c", company="2000", values={**settings, **values}, secrets={"password": simulated.PASSWORD},
        mapping=MAPPING,
    )  # fmt: skip


@asynccontextmanager
async def simulated_world(*, today: date = TODAY, **values: Any) -> AsyncIterator[World]:
    """A fresh installation with one company."""
    clock = Clock()
    company = found("2000", today=today, invoices=0, vendors=40, orders=12)
    runner = web.AppRunner(simulated.SapBusinessOne(clock=clock, companies=[company]).applications()[0])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ledger = open_ledger(side(base, **values), clock.now, None)
    async with aiohttp.ClientSession() as session:
        world = World(ledger, company, base, session, clock)
        yield world
        for each in (ledger, *world.opened):
            await each.close()
    await runner.cleanup()
