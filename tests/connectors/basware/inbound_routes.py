"""The simulated Basware with a company that has no documents of its own, and the two ways into it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import aiohttp
from aiohttp import web
from supplier_invoices import INVOICE

from ml_connector.connectors.base import Inbound, Page
from ml_connector.connectors.basware import CONNECTOR
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, Standing, SupplierInvoice
from ml_connector.sandbox.basware import Basware as Simulated
from ml_connector.sandbox.basware.files import image
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.sandbox.trade import TradingCompany

PDF = InvoiceFile("n-7.pdf", image("Nordic Paper Oy: N-7, 124.00"))
SHEET = InvoiceFile("liite-ä.xlsx", b"not really a sheet")
FILES = (PDF, SHEET)
SECRETS = {"client_secret": "basware-secret", "network_password": "network-secret"}


@cache
def founded(today: date) -> TradingCompany:
    return found("5000", today=today, vendors=40, orders=12, invoices=0)


@dataclass
class Box:
    """The simulated system, its control pages, and a clock of our own that runs ahead when told."""

    address: str
    session: aiohttp.ClientSession
    ahead: timedelta = timedelta(0)
    opened: list[Inbound] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def tell(self, page: str, **body: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.address}/_sandbox/{page}", json=body) as reply:
            assert reply.ok, await reply.text()
            return json.loads(await reply.text())

    async def see(self, page: str) -> dict[str, Any]:
        async with self.session.get(f"{self.address}/_sandbox/{page}") as reply:
            return json.loads(await reply.text())

    async def strike(self, kind: str, path: str, **more: Any) -> None:
        """A fault on the API; what is put to pre-signed addresses passes the same switchboard."""
        await self.tell("faults", kind=kind, path=path, **more)

    async def entered(self) -> list[dict[str, Any]]:
        return (await self.see("inbound"))["inbound"]

    async def calls(self) -> list[tuple[str, str]]:
        return [(each["method"], each["path"].partition("?")[0]) for each in (await self.see("calls"))["calls"]]

    def network(self, *, guard: Guard | None = None, secrets: dict[str, str] | None = None, **values: Any) -> Inbound:
        settings = {
            "network_username": "acme-network",
            "buyer_name": "Acme Trading 5000",
            "buyer_endpoint": "0192:900005000",
            **values,
        }
        return self._open("network", settings, guard, secrets)

    def smartpdf(self, *, guard: Guard | None = None, **values: Any) -> Inbound:
        settings = {
            "smartpdf_receiver": "invoices-5000@smartpdf.example",
            "smartpdf_notify": "ap@acme.example",
            **values,
        }
        return self._open("smartpdf", settings, guard, None)

    def _open(self, route: str, values: dict[str, Any], guard: Guard | None, secrets: dict[str, str] | None) -> Inbound:
        assert CONNECTOR.open_inbound is not None
        settings = {"base_url": self.address, "client_id": "acme", **values}
        side = Side("acme-visma", "5000", settings, SECRETS if secrets is None else secrets)
        inbound = CONNECTOR.open_inbound(side, route, self.now, guard)
        self.opened.append(inbound)
        return inbound


@asynccontextmanager
async def simulated() -> AsyncGenerator[Box]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    clock = Clock()
    system = Simulated(clock=clock, companies=[founded(clock.now().date())], file_origin=f"http://127.0.0.1:{ports[1]}")
    runners = [web.AppRunner(application, access_log=None) for application in system.applications()]
    for runner, taken in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, taken).start()
    async with aiohttp.ClientSession() as session:
        box = Box(f"http://127.0.0.1:{ports[0]}", session)
        yield box
        for inbound in box.opened:
            await inbound.close()
    for runner in reversed(runners):
        await runner.cleanup()


async def hand_in(inbound: Inbound, invoice: SupplierInvoice = INVOICE, key: str = "7") -> Admission:
    admission = await inbound.admit(invoice, key=f"acme-visma/{key}")
    await inbound.hand_in(invoice, FILES, admission)
    return admission


async def told(inbound: Inbound, since: str | None = None) -> tuple[list[Standing], str | None]:
    """Every standing, and the mark to go on from."""
    found_: list[Standing] = []
    mark = since
    pages: list[Page[Standing]] = [page async for page in inbound.standings(since=since)]
    for page in pages:
        found_ += page.records
        mark = page.mark or mark
    return found_, mark
