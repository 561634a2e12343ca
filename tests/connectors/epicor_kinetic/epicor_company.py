"""A simulated company of Epicor Kinetic behind a socket, and the ledger that talks to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web
from epicor_papers import TODAY

from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.epicor_kinetic.releasing import Patience
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.invoice import Bill, LedgerBill, Settlement
from ml_connector.sandbox import epicor_kinetic as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

CODE = "4000"
QUICK = Patience(first=0.01, longest=0.02, at_most=2.0, held=0.1)
MAPPING = MappingRules(
    dimensions=(DimensionRule("costCenterCode", "2"), DimensionRule("dimCode1", "Area")),
    tolerance={"EUR": Decimal("0.02")},
)


@dataclass
class Office:
    """The simulated company, the hands of the people in it, and the ledgers that were opened."""

    base: str
    company: TradingCompany
    session: aiohttp.ClientSession
    opened: list[KineticLedger] = field(default_factory=list[KineticLedger])

    @property
    def vendor(self) -> str:
        """A supplier that is billed in euros and may be."""
        return next(each.number for each in self.company.vendors if each.currency == "EUR" and not each.blocked)

    def open(self, **values: str) -> KineticLedger:
        """A ledger with the usual settings, some of them changed; in no hurry about the pace of calls."""
        usual = {
            "base_url": f"{self.base}/{simulated.INSTANCE}", "company": simulated.company_id(CODE),
            "username": simulated.USERNAME, **values,
        }  # fmt: skip
        secrets = {"password": simulated.PASSWORD, "api_key": simulated.API_KEY}
        side = Side(connection="c", company=CODE, values=usual, secrets=secrets, mapping=MAPPING)
        ledger = KineticLedger(side, Clock().now, patience=QUICK)
        self.opened.append(ledger)
        return ledger

    async def hook(self, page: str, **body: Any) -> Any:
        """Does what a control page does."""
        where = {} if page == "faults" else {"company": CODE}
        async with self.session.post(f"{self.base}/_sandbox/{page}", json={**where, **body}) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def lose(self, path: str, *, skip: int = 0) -> None:
        """Has one call done and its answer lost."""
        await self.hook("faults", path=path, method="POST", skip=skip, kind="lost_reply", count=1)

    async def mend(self) -> None:
        """Takes every fault away."""
        async with self.session.delete(f"{self.base}/_sandbox/faults"):
            pass

    async def calls(self) -> list[str]:
        """The paths that were called."""
        async with self.session.get(f"{self.base}/_sandbox/calls") as reply:
            return [call["path"] for call in (await reply.json())["calls"]]

    async def bills(self) -> list[Mapping[str, Any]]:
        """All that stands in the company, with its rows."""
        async with self.session.get(f"{self.base}/_sandbox/bills?company={CODE}&rows=true") as reply:
            return (await reply.json())["bills"]

    async def only(self, number: str) -> Mapping[str, Any]:
        """The one bill of that number."""
        (bill,) = [each for each in await self.bills() if each["vendorInvoiceNumber"] == number]
        return bill

    async def groups(self) -> list[Mapping[str, Any]]:
        """The groups as they stand."""
        return (await self.hook("groups"))["groups"]


async def post(ledger: KineticLedger, bill: Bill) -> LedgerBill:
    """Checked, written and posted."""
    assert await ledger.check([bill]) == {bill.key: ()}
    return await ledger.post(bill, await ledger.create(bill))


async def settled(ledger: KineticLedger, *bills: LedgerBill) -> dict[str, Settlement]:
    """What is told of some bills, by their id."""
    numbers = {each.id: each.number for each in bills}

    async def ours(asked: Any) -> Mapping[str, str]:
        return {each: numbers[each] for each in asked if each in numbers}

    pages = ledger.settlements(since=None, ours=ours)
    return {each.bill_id: each async for page in pages for each in page.records}


@asynccontextmanager
async def office() -> AsyncGenerator[Office]:
    """A fresh company, in which postings are over at once."""
    company = found(CODE, today=TODAY, invoices=0, vendors=20, orders=4)
    system = simulated.EpicorKinetic(clock=Clock(), companies=[company])
    runner = web.AppRunner(system.applications()[0], access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        made = Office(f"http://127.0.0.1:{runner.addresses[0][1]}", company, session)
        await made.hook("posting", seconds=0)
        yield made
        for ledger in made.opened:
            await ledger.close()
    await runner.cleanup()
