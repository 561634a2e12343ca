"""The benches of Basware's two ways in: a simulated Basware with a company that has no documents of its own."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Final

import aiohttp
from aiohttp import web

from conformance.bench import Call, Site
from conformance.simulated import HeldClock, Simulated
from conformance.source_inbound_bench import Entered, EnteringWrite, Step
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.basware import CONNECTOR
from ml_connector.connectors.basware.inbound import NetworkInbound, SmartPdfInbound
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.supplier_invoice import Admission, StandingStage
from ml_connector.sandbox import basware as simulated
from ml_connector.sandbox.company import found
from ml_connector.sandbox.trade import TradingCompany

CODE: Final = "5000"
_FOLLOWED: Final = "/basware-sandbox/"
_STATUSES: Final = {
    StandingStage.APPROVED: {"status": "WaitingForTransfer", "disputed": False},
    StandingStage.PAID: {"status": "Paid", "paidTotal": 186.12, "paidOn": "2026-03-01", "disputed": False},
    StandingStage.DISPUTED: {"disputed": True},
    StandingStage.REMOVED: {"status": "Removed"},
}
NETWORK_WRITES: Final = (
    EnteringWrite(Step.HAND_IN, Site(r"/v2/files$", "POST"), "file"),
    EnteringWrite(Step.HAND_IN, Site(r"/v1/invoices/", "POST"), "invoice", enters=True),
)
SMARTPDF_WRITES: Final = (
    EnteringWrite(Step.ADMIT, Site(r"/v2/smartpdf/invoiceUpload$", "POST"), "ticket"),
    EnteringWrite(Step.HAND_IN, Site(r"/smartpdf-upload/", "PUT"), "PDF", enters=True, is_signed=False),
)


@cache
def _company(today: date) -> TradingCompany:
    return found(CODE, today=today, vendors=20, orders=5, invoices=0)


@dataclass
class BaswareBench(Simulated):
    """A simulated Basware, fresh, behind two sockets, and one way in."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    usual: ClassVar[Mapping[str, Any]] = {}
    refuses: ClassVar[str | None] = None
    """The status by which somebody turns an invoice away."""
    route = ""
    look_site = standings_site = Site(r"/v1/accountingDocuments", "GET")
    carries_data = carries_all_files = ids_are_ours = tells_absence = False

    @property
    def admission_life(self) -> float | None:
        return None

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        settings = {"base_url": self.base, "client_id": simulated.CLIENT_ID, **self.usual, **(values or {})}
        usual = {"client_secret": simulated.CLIENT_SECRET, "network_password": "network-secret"}
        return Side(connection="c", company=CODE, values=settings, secrets={**usual, **(secrets or {})})

    def open(self, side: Side, *, guard: Guard | None = None) -> Inbound:
        assert CONNECTOR.open_inbound is not None
        return CONNECTOR.open_inbound(side, self.route, self.clock.now, guard)

    def be_impatient(self, inbound: Inbound, seconds: float) -> None:
        assert isinstance(inbound, NetworkInbound | SmartPdfInbound)
        clients = [inbound._calls.http]  # pyright: ignore[reportPrivateUsage]
        if isinstance(inbound, NetworkInbound):
            clients.append(inbound._http)  # pyright: ignore[reportPrivateUsage]
        for http in clients:
            http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    def signs_in(self, path: str) -> bool:
        return path.startswith("/v1/tokens")

    async def calls(self) -> Sequence[Call]:
        return [call for call in await Simulated.calls(self) if not call.path.startswith(_FOLLOWED)]

    async def inbound(self) -> dict[str, Any]:
        """The control page of what was handed in."""
        async with self.session.get(f"{self.base}/_sandbox/inbound") as reply:
            return json.loads(await reply.text(), parse_float=Decimal)

    async def entered(self) -> Sequence[Entered]:
        return [_entered(row) for row in (await self.inbound())["inbound"] if not row["turnedAway"]]

    async def duplicates(self) -> Sequence[Any]:
        return (await self.inbound())["duplicates"]

    # ------------------------------------------------------------------ the wire and time

    async def expire_sessions(self) -> None:
        await self.hook("expire-tokens")

    async def show_late(self, seconds: float) -> None:
        await self.hook("inbound-delay", seconds=seconds)

    async def pass_time(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))

    # ------------------------------------------------------------------ people there

    async def move(self, admission: Admission, stage: StandingStage, *, words: str = "") -> bool:
        if stage is StandingStage.REFUSED:
            if self.refuses is None:
                return False
            await self.hook("inbound", bumId=admission.id, status=self.refuses, comment=words)
            return True
        asked = dict(_STATUSES[stage])
        said = {"reason": words} if stage is StandingStage.DISPUTED else {"reason": "Other", "comment": words}
        await self.hook("inbound", bumId=admission.id, **asked, **(said if words else {}))
        return True

    async def add_others(self) -> None:
        await self.hook("documents", documents=[{"companyCode": CODE}], notify=False)
        await self.hook("companies", codes=["6000"], vendors=10, orders=0, invoices=2)


class NetworkBench(BaswareBench):
    """Structured data and files."""

    route = "network"
    usual: ClassVar[Mapping[str, Any]] = {
        "network_username": "acme-network",
        "buyer_name": "Acme Trading 5000",
        "buyer_endpoint": "0192:900005000",
    }
    look_site = Site(r"/v1/invoices/", "GET")
    refuses = "BusinessReject"
    carries_data = carries_all_files = ids_are_ours = tells_absence = True


class SmartPdfBench(BaswareBench):
    """The PDF alone."""

    route = "smartpdf"
    usual: ClassVar[Mapping[str, Any]] = {
        "smartpdf_receiver": "invoices-5000@smartpdf.example",
        "smartpdf_notify": "ap@acme.example",
    }

    @property
    def admission_life(self) -> float | None:
        return 3600.0


def _entered(row: Mapping[str, Any]) -> Entered:
    def amount(name: str) -> Decimal | None:
        return None if row[name] is None else Decimal(row[name])

    return Entered(
        id=row["bumId"], number=row["number"], vendor=row["supplier"], currency=row["currency"], net=amount("net"),
        tax=amount("tax"), gross=amount("gross"), source=row["source"], orders=tuple(row["orders"]),
        lines=row["lines"], files=tuple(each["sha256"] for each in row["files"]), times=row["times"],
        is_document=row["invoiceId"] is not None,
    )  # fmt: skip


@asynccontextmanager
async def bench_of(kind: type[BaswareBench]) -> AsyncGenerator[BaswareBench]:
    """A simulated Basware and the bench around it."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    api, files = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    clock = HeldClock()
    company = _company(clock.now().date())
    system = simulated.Basware(clock=clock, companies=[company], file_origin=files)
    runners = [web.AppRunner(app, access_log=None, shutdown_timeout=1) for app in system.applications()]
    for runner, taken in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, taken).start()
    async with aiohttp.ClientSession() as session:
        yield kind(api, company, clock, session)
    for runner in reversed(runners):
        await runner.cleanup()
