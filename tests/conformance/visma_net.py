"""The bench of Visma.net: a simulated installation with one company, and the people around it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

from conformance.bench import Call, Site
from conformance.simulated import HeldClock, Simulated, served
from conformance.source_bench import Meanwhile, Oddity, SourceFacts, StandingInvoice
from ml_connector.connectors.base import Source, SourceConnector
from ml_connector.connectors.side import DimensionRule, Guard, MappingRules, Side
from ml_connector.connectors.visma_net import CONNECTOR
from ml_connector.connectors.visma_net.connector import VismaNet
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.sandbox import visma_net as simulated
from ml_connector.sandbox.company import found
from ml_connector.sandbox.trade import TradingCompany

CODE: Final = "5000"
_LISTS: Final = {
    Flow.VENDORS: "supplier",
    Flow.SUPPLIER_INVOICES: "supplierInvoice",
    Flow.PURCHASE_ORDERS: "purchaseorderbasic",
}
_PAGED: Final = {
    Flow.VENDORS: ("supplier",),
    Flow.SUPPLIER_INVOICES: ("supplierInvoice",),
    Flow.PURCHASE_ORDERS: ("purchaseorderbasic", "PurchaseReceipt"),
    Flow.PAYMENT_TERMS: ("creditTerm",),
    Flow.DIMENSIONS: ("project",),
}
"""The lists that come in pages; of the others everything comes at once (Visma dossier 17.20)."""
_TABLES: Final = {
    Flow.VENDORS: "supplier",
    Flow.ACCOUNTS: "account",
    Flow.TAX_CODES: "vatCategory",
}
_ONE: Final = Site(r"(?i)/v1/supplierInvoice/[^?]", "GET")
_FILE: Final = Site(r"(?i)/v1/attachment/", "GET")
_NOTE: Final = Site(r"(?i)/v1/supplierInvoice/[^/]+/[^/?]+$", "PUT")
_TYPES: Final = {DocumentKind.INVOICE: "Invoice", DocumentKind.CREDIT_NOTE: "DebitAdj"}
_KINDS: Final = {word: kind for kind, word in _TYPES.items()}
_OTHERS: Final = ("CreditAdj", "Prepayment")
_VOLATILE: Final = frozenset({"note", "stamp", "version"})
_RULES: Final = (DimensionRule("costCenterCode", "1"), DimensionRule("dimCode1", "Project"))


@cache
def _company(today: date) -> TradingCompany:
    return found(CODE, today=today, vendors=20, orders=10, invoices=5)


@dataclass
class VismaBench(Simulated):
    """A simulated Visma.net, fresh, behind a socket."""

    system: simulated.VismaNet
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What differs from the usual settings; `{base}` in them is the address of the simulated one."""
    connector: SourceConnector = CONNECTOR
    earlier: list[Call] = field(default_factory=list[Call])
    single_site: Site = _ONE
    file_site: Site = _FILE
    note_site: Site = _NOTE

    @property
    def list_sites(self) -> Mapping[Flow, Site]:
        return {flow: Site(rf"(?i)/v1/{name}(\?|$)", "GET") for flow, name in _LISTS.items()}

    @property
    def facts(self) -> SourceFacts:
        plain = [each.number for each in self.company.vendors if each.currency == "EUR" and not each.blocked]
        return SourceFacts(vendor=plain[0], other_vendor=plain[1], currency="EUR", foreign_currency="USD")

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        usual = {
            "company_id": simulated.company_id(CODE), "tenant_id": simulated.tenant_of(CODE),
            "client_id": simulated.CLIENT_ID, "base_url": "{base}", "token_url": "{base}/connect/token",
            "write_back": "note", **self.settings, **(values or {}),
        }  # fmt: skip
        return Side(
            connection="c", company=CODE, mapping=MappingRules(dimensions=_RULES),
            values={name: str(value).replace("{base}", self.base) for name, value in usual.items()},
            secrets={"client_secret": simulated.CLIENT_SECRET, **(secrets or {})},
        )  # fmt: skip

    def open(self, side: Side, *, guard: Guard | None = None) -> Source:
        return CONNECTOR.open(side, self.clock.now, guard)

    def be_impatient(self, source: Source, seconds: float) -> None:
        assert isinstance(source, VismaNet)
        http = source._client.http  # pyright: ignore[reportPrivateUsage]
        http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    def signs_in(self, path: str) -> bool:
        return path.startswith("/connect/")

    async def forget_calls(self) -> None:
        self.earlier += [call for call in await self.calls() if call.writes]
        await Simulated.forget_calls(self)

    async def written(self) -> Sequence[Call]:
        return [*self.earlier, *(call for call in await self.calls() if call.writes)]

    async def rows(self) -> list[dict[str, Any]]:
        """The invoices with all that the control page tells of them."""
        async with self.session.get(f"{self.base}/_sandbox/bills", params={"lines": "true"}) as reply:
            return json.loads(await reply.text(), parse_float=Decimal)["bills"]

    async def invoices(self) -> Sequence[StandingInvoice]:
        return [_standing(row) for row in await self.rows()]

    async def everything(self) -> Any:
        rows = [{name: each for name, each in row.items() if name not in _VOLATILE} for row in await self.rows()]
        return rows, (await self.show("state"))["companies"]

    async def count(self, flow: Flow) -> int:
        books = self.system.books[simulated.company_id(CODE)]
        if flow is Flow.SUPPLIER_INVOICES:
            return len([each for each in await self.invoices() if each.kind is not None])
        if flow is Flow.PURCHASE_ORDERS:
            states = ("Open", "Printed", "PendingPrint", "PendingEmail")
            return len([row for row in books.table("purchaseorder").all() if row["status"] in states])
        if flow is Flow.PAYMENT_TERMS:
            return len([row for row in books.table("creditTerm").all() if row["visibleTo"] != "CU"])
        if flow is Flow.DIMENSIONS:
            segments = books.row("dimension", "SUBACCOUNT")["segments"]
            values = next(each["segmentValues"] for each in segments if each["segmentId"] == 1)
            return len(values) + len([row for row in books.table("project").all() if row["projectID"] != "X"])
        return len(books.table(_TABLES[flow]).rows)

    # ------------------------------------------------------------------ the wire

    async def mend(self) -> None:
        await Simulated.mend(self)
        self.system.service.meanwhile.clear()

    async def until_held(self) -> None:
        async with asyncio.timeout(20):
            while not (await self.show("held"))["held"]:
                await asyncio.sleep(0.01)

    async def let_go(self) -> None:
        await self.hook("release")

    async def expire_sessions(self) -> None:
        await self.hook("tokens", expire=True)

    async def limit_pages(self, flow: Flow, size: int) -> None:
        for resource in _PAGED.get(flow, ()):
            await self.hook("page-size", resource=resource, size=size)

    async def repeat_pages(self, flow: Flow) -> None:
        size = {"pageNumber": "1", "pageSize": "1000"}
        first = await self.raw(f"/v1/{_LISTS[flow]}", size)
        await self.hook(
            "faults", kind="status", status=200, method="GET", path=rf"(?i)/v1/{_LISTS[flow]}\?.*pageNumber=(?!1\b)",
            count=99, body=first, content_type="application/json",
        )  # fmt: skip

    async def raw(self, path: str, query: Mapping[str, str]) -> str:
        """An answer as it travels."""
        form = {
            "grant_type": "client_credentials", "client_id": simulated.CLIENT_ID,
            "client_secret": simulated.CLIENT_SECRET, "tenant_id": simulated.tenant_of(CODE),
            "scope": "vismanet_erp_service_api:read",
        }  # fmt: skip
        async with self.session.post(f"{self.base}/connect/token", data=form) as reply:
            token = (await reply.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(f"{self.base}{path}", params=query, headers=headers) as reply:
            return await reply.text()

    async def meanwhile(self, flow: Flow, what: Meanwhile, key: str, *, after_page: int) -> None:
        if flow is Flow.PURCHASE_ORDERS:
            received = {"company": CODE, "order": key, "lines": {"1": 1}}
            for resource in _PAGED[flow]:
                await self.hook(
                    "during-paging", resource=resource, after_page=after_page, action="receipts", body=received
                )
            return
        name = "number" if flow is Flow.VENDORS or what is Meanwhile.COMES_FIRST else "key"
        body: dict[str, Any] = {"company": CODE, name: key}
        if what is Meanwhile.LEAVES:
            body["delete"] = True
        elif what is Meanwhile.COMES_FIRST and flow is Flow.SUPPLIER_INVOICES:
            body |= {"supplier": self.facts.vendor, "lines": [{"net": 1}]}
        else:
            body["name" if flow is Flow.VENDORS else "description"] = what.value
        action = "suppliers" if flow is Flow.VENDORS else "invoices"
        await self.hook("during-paging", resource=_LISTS[flow], after_page=after_page, action=action, body=body)

    async def leave_calls(self, count: int, *, window: int) -> bool:
        await self.hook("limits", limit=count, window_seconds=window)
        return True

    def resume_time(self) -> None:
        self.clock.held = None

    # ------------------------------------------------------------------ people and invoices

    async def enter(
        self, number: str, *, kind: DocumentKind = DocumentKind.INVOICE, vendor: str = "", net: str = "100.00",
        currency: str = "", note: str = "", order: str = "", hold: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> str:  # fmt: skip
        line: dict[str, Any] = {"net": net, "text": "Copy paper", "account": "6110", "vat": "VAT24"}
        if order:
            line |= {"order": order, "order_line": 1}
        asked: dict[str, Any] = {
            "number": number, "type": _TYPES[kind], "supplier": vendor or self.facts.vendor,
            "reference": f"R-{number}", "currency": currency or self.facts.currency, "hold": hold, "lines": [line],
            "files": [_file(name, content) for name, content in (files or {}).items()],
        }  # fmt: skip
        return (await self.ask("invoices", **asked, **({"note": note} if note else {})))["key"]

    async def enter_other(self, number: str) -> Sequence[str]:
        asked = {"number": number, "supplier": self.facts.vendor, "lines": [{"net": 100}]}
        return [(await self.ask("invoices", type=kind, **asked))["key"] for kind in _OTHERS]

    async def ask(self, page: str, **asked: Any) -> Any:
        """An action of the company's control pages."""
        return await self.hook(page, company=CODE, **asked)

    async def describe(self, key: str, text: str) -> None:
        await self.ask("invoices", key=key, description=text)

    async def touch(self, flow: Flow, keys: Sequence[str]) -> None:
        await self.ask("touch", table=_LISTS[flow], keys=list(keys))

    async def hold(self, key: str, *, on: bool) -> None:
        await self.ask("hold", key=key, on=on)

    async def release(self, key: str) -> None:
        await self.ask("release-invoice", key=key)

    async def void(self, key: str) -> None:
        await self.ask("void", key=key)

    async def settle(self, key: str) -> None:
        await self.ask("pay", key=key)

    async def remove(self, key: str) -> None:
        await self.ask("invoices", key=key, delete=True)

    async def attach(self, key: str, name: str, content: bytes) -> None:
        await self.ask("invoices", key=key, files=[_file(name, content)])

    async def take_notes_after_release(self, *, yes: bool) -> None:
        await self.ask("preferences", notes_after_release=yes)

    # ------------------------------------------------------------------ people and master data

    async def rename_vendor(self, number: str, name: str) -> None:
        await self.ask("suppliers", number=number, name=name)

    async def add_vendor(self, number: str) -> str:
        return str((await self.ask("suppliers", number=number))["internalId"])

    async def remove_vendor(self, number: str) -> None:
        await self.ask("suppliers", number=number, delete=True)

    async def stop_vendor(self, number: str) -> None:
        await self.ask("suppliers", number=number, status="OnHold")

    async def place_order(self, number: str, *, quantity: int, is_held: bool = False) -> None:
        line = {"text": "Copy paper", "quantity": quantity, "unit_cost": 10}
        status = "Hold" if is_held else "Open"
        await self.ask("orders", number=number, supplier=self.facts.vendor, status=status, lines=[line])

    async def release_order(self, number: str) -> None:
        await self.ask("orders", number=number, status="Open")

    async def close_order(self, number: str) -> None:
        await self.ask("orders", number=number, status="Closed")

    async def receive(self, order: str, quantity: int, *, released: bool = True) -> str:
        kind, status = "PoReceipt" if quantity > 0 else "PoReturn", "Released" if released else "Balanced"
        asked = {"order": order, "type": kind, "status": status, "lines": {"1": abs(quantity)}}
        return (await self.ask("receipts", **asked))["number"]

    async def release_receipt(self, receipt: str) -> None:
        await self.ask("receipts", number=receipt, status="Released")


def _file(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "content": base64.b64encode(content).decode()}


def _standing(row: Mapping[str, Any]) -> StandingInvoice:
    return StandingInvoice(
        key=row["key"], number=row["number"], reference=row["reference"] or "", kind=_KINDS.get(row["type"]),
        vendor=str(row["supplierId"]), currency=row["currency"], net=Decimal(row["net"]), tax=Decimal(row["tax"]),
        gross=Decimal(row["total"]), note=row["note"] or "",
        files=tuple((each["id"], each["name"]) for each in row["files"]),
    )  # fmt: skip


def _habit(**asked: Any) -> Any:
    async def arrange(bench: VismaBench) -> None:
        await bench.hook("habits", **asked)

    return arrange


async def _keep_no_zone(bench: VismaBench) -> None:
    """Stamps of the first day stand on whole seconds and years ago."""
    for table in ("supplier", "supplierInvoice"):
        await bench.ask("touch", table=table, at="2019-03-31T02:30:00")


async def _stamp_finely(bench: VismaBench) -> None:
    """Stamps finer than any filter can say."""
    await bench.hook("habits", digits=7)
    now = bench.system.store.now().replace(microsecond=0).isoformat()
    for at, table in enumerate(("supplier", "supplierInvoice"), 1):
        await bench.ask("touch", table=table, at=f"{now}.00012{at}")


async def _touch_all(bench: VismaBench) -> None:
    """Everything bears one stamp, and most of it lies in a window that is read again."""
    for table in ("supplier", "supplierInvoice"):
        await bench.ask("touch", table=table)


ODDITIES: Final = (
    Oddity("no fractions", _habit(digits=0)),
    Oddity("six digits", _stamp_finely),
    Oddity("one digit", _habit(digits=1)),
    Oddity("empty bodies for empty lists", _habit(empty_lists=True)),
    Oddity("servers far ahead", _habit(hours_ahead=14)),
    Oddity("servers far behind", _habit(hours_ahead=-11)),
    Oddity("clock set back an hour", _habit(hours_ahead=2), turn=_habit(hours_ahead=1)),
    Oddity("clock set forward an hour", _habit(hours_ahead=1), turn=_habit(hours_ahead=2)),
    Oddity("stamps of years ago", _keep_no_zone),
    Oddity("one stamp for all", _touch_all),
)  # fmt: skip
"""How stamps and lists may look (Visma dossier 4.2, 5, 6)."""


@asynccontextmanager
async def bench_of(
    *, settings: Mapping[str, Any] | None = None, invoices: int | None = 5
) -> AsyncGenerator[VismaBench]:
    """A simulated company and the bench around it; `invoices` None for the whole of it with all its stories."""
    clock = HeldClock()
    today = clock.now().date()
    company = found(CODE, today=today) if invoices is None else _company(today)
    system = simulated.VismaNet(clock=clock, companies=[company])
    async with served(system.applications()[0]) as (base, session):
        yield VismaBench(base, company, clock, session, system, settings=settings or {})
