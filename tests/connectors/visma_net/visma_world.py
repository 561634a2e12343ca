"""The simulated Visma.net on a port of its own, its control pages, and the source that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.connectors.base import Page
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.connectors.visma_net.connector import VismaNet, open_source
from ml_connector.records.flow import Flow
from ml_connector.records.supplier_invoice import SupplierInvoice
from ml_connector.sandbox import visma_net as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

COMPANY = "5000"


@dataclass
class World:
    """The simulated system and the source."""

    system: simulated.VismaNet
    clock: Clock
    base: str
    session: aiohttp.ClientSession
    source: VismaNet
    marks: dict[str, str | None] = field(default_factory=dict)

    async def do(self, page: str, **asked: Any) -> Any:
        """An action of the control pages."""
        body = {"company": COMPANY, **asked}
        async with self.session.post(f"{self.base}/_sandbox/{page}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def fault(self, kind: str, **asked: Any) -> None:
        async with self.session.post(f"{self.base}/_sandbox/faults", json={"kind": kind, **asked}) as answer:
            assert answer.ok, await answer.text()

    async def see(self, page: str) -> Any:
        async with self.session.get(f"{self.base}/_sandbox/{page}", params={"company": COMPANY}) as answer:
            return await answer.json()

    async def calls(self) -> list[dict[str, Any]]:
        """The calls of the API since the last time this was asked."""
        made = (await self.see("calls"))["calls"]
        await self.session.delete(f"{self.base}/_sandbox/calls")
        return [each for each in made if "/_sandbox/" not in each["path"] and "/connect/" not in each["path"]]

    async def changed(self, flow: Flow) -> list[Any]:
        """The records of a flow that changed since it was read here before."""
        return await self._taken(flow, self.source.read(flow, since=self.marks.get(flow)))

    async def invoices(self) -> list[SupplierInvoice]:
        """The invoices that changed since they were read here before."""
        return await self._taken("invoices", self.source.invoices(since=self.marks.get("invoices")))

    async def _taken(self, name: str, pages: AsyncIterator[Page[Any]]) -> list[Any]:
        records: list[Any] = []
        async for page in pages:
            records += page.records
            self.marks[name] = page.mark or self.marks.get(name)
        return records

    async def keys(self, flow: Flow) -> list[str]:
        return [key async for page in self.source.keys(flow) for key in page]

    def side(self, *, dimensions: Sequence[str] = (), **values: Any) -> Side:
        return side_of(self.base, dimensions=dimensions, **values)


def side_of(base: str, *, dimensions: Sequence[str] = (), **values: Any) -> Side:
    settings = {
        "company_id": simulated.company_id(COMPANY), "tenant_id": simulated.tenant_of(COMPANY),
        "client_id": simulated.CLIENT_ID, "base_url": base, "token_url": f"{base}/connect/token",
        "write_back": "note", **values,
    }  # fmt: skip
    rules = MappingRules(dimensions=tuple(DimensionRule(f"dimCode{n}", each) for n, each in enumerate(dimensions, 1)))
    return Side("nordlys", COMPANY, settings, {"client_secret": simulated.CLIENT_SECRET}, rules)


@asynccontextmanager
async def simulation(*, dimensions: Sequence[str] = (), **values: Any) -> AsyncIterator[World]:
    """A company with a few suppliers, orders and invoices."""
    clock = Clock()
    company = found(COMPANY, today=clock.now().date(), vendors=20, orders=10, invoices=5)
    system = simulated.VismaNet(clock=clock, companies=[company])
    runner = web.AppRunner(system.applications()[0])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    source = open_source(side_of(base, dimensions=dimensions, **values), clock.now, None)
    try:
        async with aiohttp.ClientSession() as session:
            yield World(system, clock, base, session, source)
    finally:
        await source.close()
        await runner.cleanup()
