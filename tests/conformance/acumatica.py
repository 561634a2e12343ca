"""The bench of Acumatica: a simulated instance with one tenant, and the people around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from conformance.bench import Act, Facts, Site, StandingBill, StandingLine, Write
from conformance.simulated import HeldClock, Simulated, served
from ml_connector.connectors.acumatica import CONNECTOR
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.connector import AcumaticaLedger
from ml_connector.connectors.acumatica.releasing import Patience
from ml_connector.connectors.base import Ledger, LedgerConnector
from ml_connector.connectors.side import DimensionRule, Guard, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.sandbox import acumatica as simulated
from ml_connector.sandbox.company import found

CODE = "3000"
_FIND = Site(r"/Bill\?\$select=.*\$filter=", "GET")
_ENTITIES = {Flow.TAX_CODES: "TaxCategory", Flow.ACCOUNTS: "Account", Flow.PAYMENT_TERMS: "CreditTerms",
             Flow.VENDORS: "Vendor"}  # fmt: skip
_RULES = (DimensionRule("costCenterCode", "Subaccount.1"), DimensionRule("dimCode1", "Subaccount.2"))
WRITES = (
    Write(Act.CREATE, Site(r"/Bill\?", "PUT")),
    Write(Act.PREPARE, Site(r"/Bill\?", "PUT"), name="take off hold", is_repeatable=True),
    Write(Act.POST, Site(r"/Bill/ReleaseBill$", "POST")),
    Write(Act.DISCARD, Site(r"/Bill/[^/?]+$", "DELETE"), is_repeatable=True),
    Write(Act.ATTACH, Site(r"/files/PX\.Objects\.AP\.APInvoiceEntry/", "PUT"), is_repeatable=True),
)
"""Every write of the connector."""
PATIENCE = Patience(first=0.01, longest=0.05, at_most=5.0)


class Drawer:
    """Keeps what is to be kept of a connection, as the product's own keepsake does, over all of a bench's ledgers."""

    def __init__(self) -> None:
        self.value: str | None = None
        self.written: list[str | None] = []
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def open(self, name: str) -> AsyncGenerator[Drawer]:
        assert name == "refresh token"
        async with self._lock:
            yield self

    async def replace(self, value: str | None) -> None:
        self.value = value
        self.written.append(value)


@dataclass
class AcumaticaBench(Simulated):
    """A simulated Acumatica, fresh, behind a socket."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What differs from the usual settings; `{base}` in them is the address of the simulated one."""
    connector: LedgerConnector = CONNECTOR
    read_site: Site = _FIND
    drawer: Drawer = field(default_factory=Drawer)
    rules: tuple[DimensionRule, ...] = _RULES
    tolerance: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    opened: list[AcumaticaLedger] = field(default_factory=list[AcumaticaLedger])
    page_size: int | None = None

    @property
    def facts(self) -> Facts:
        company = self.company
        euros = [each for each in company.vendors if each.currency == "EUR" and not each.blocked]
        plain = [each.number for each in euros if not each.default_dimensions]
        with_defaults = next(each for each in euros if "DEPARTMENT" in dict(each.default_dimensions))
        return Facts(
            vendor=plain[0], other_vendor=plain[1],
            vendor_with_defaults=with_defaults.number, account_with_defaults="6120",
            default_dimensions={"Subaccount.1": dict(with_defaults.default_dimensions)["DEPARTMENT"]},
            blocked_vendor=next(each.number for each in company.vendors if each.blocked == "All"),
            account="6120", other_account="6210", inactive_account="6990",
            dimension="Subaccount.1", values=("D010", "D040"),
            second_dimension="Subaccount.2", second_values=("A01", "A02"),
            tax_code="VAT24", tax_percent=Decimal(24), untaxed_code="VAT0",
            currency="EUR", foreign_currency="USD", currency_without_rate="DKK",
            open_day=company.today, closed_day=company.posting_from - timedelta(days=40), description_length=256,
            odd_numbers=("O'B-1", "Å/1-ß", "A&B#1", "1 % 7", "inv-1a", "<1>", "+1=1", "a,b;c", "日本-1", "(1)/{2}"),
        )  # fmt: skip

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        usual = {
            "base_url": f"{{base}}/{simulated.SITE}", "tenant": simulated.tenant_of(CODE),
            "client_id": simulated.client_id(CODE), "username": simulated.USERNAME,
            "terms_endpoint": "MLConnector/1.0", "requests_per_minute": "1000000",
            **self.settings, **(values or {}),
        }  # fmt: skip
        usual_secrets = {"client_secret": simulated.CLIENT_SECRET, "password": simulated.PASSWORD}
        return Side(
            connection="c", company=CODE, secrets={**usual_secrets, **(secrets or {})},
            values={name: str(value).replace("{base}", self.base) for name, value in usual.items()},
            mapping=MappingRules(dimensions=self.rules, tolerance=self.tolerance), keepsake=self.drawer,
        )  # fmt: skip

    def open(self, side: Side, *, guard: Guard | None = None) -> Ledger:
        ledger = CONNECTOR.open(side, self.clock.now, guard)
        assert isinstance(ledger, AcumaticaLedger)
        ledger._desk._patience = PATIENCE  # pyright: ignore[reportPrivateUsage]
        self.opened.append(ledger)
        self._limit(ledger)
        return ledger

    def be_impatient(self, ledger: Ledger, seconds: float) -> None:
        http = client_of(ledger).http
        http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    async def bills(self) -> Sequence[StandingBill]:
        return [_bill(row) for row in await self.rows()]

    async def rows(self) -> list[dict[str, Any]]:
        """The bills with all that the control page tells of them."""
        return (await self.show(f"bills?company={CODE}&rows=true"))["bills"]

    def signs_in(self, path: str) -> bool:
        return path.endswith(("/token", "/login", "/logout"))

    def writes(self, method: str, path: str) -> bool:
        # Inquiries are asked by a PUT that changes nothing (Acumatica dossier 4.5).
        return super().writes(method, path) and "/CompaniesStructure" not in path

    async def state(self) -> dict[str, Any]:
        """What the control page tells of the tenant."""
        return (await self.show("state"))["companies"][CODE]

    async def count(self, flow: Flow) -> int:
        if flow is Flow.DIMENSIONS:
            ours = [each for each in self.company.dimension_values if each.dimension in ("DEPARTMENT", "AREA")]
            return len(ours)
        if flow is Flow.PURCHASE_ORDERS:
            return len([each for each in self.company.orders if each.status == "Open"])
        return (await self.state())[_ENTITIES[flow]]

    # ------------------------------------------------------------------ the wire

    async def expire_sessions(self) -> None:
        await self.hook("expire-tokens")

    async def limit_pages(self, size: int) -> None:
        # The caller chooses the size here: the server has no pages of its own (Acumatica dossier 4.1).
        self.page_size = size
        for ledger in self.opened:
            self._limit(ledger)

    def _limit(self, ledger: AcumaticaLedger) -> None:
        if self.page_size is not None:
            client = client_of(ledger)
            client.pages = partial(_pages, client, self.page_size)  # type: ignore[method-assign]

    # ------------------------------------------------------------------ people

    async def rename_vendor(self, number: str, name: str) -> None:
        await self.hook("vendors", number=number, VendorName=name)

    async def add_vendor(self, number: str) -> str:
        return (await self.hook("vendors", number=number, VendorName=f"Vendor {number}"))["VendorID"]

    async def remove_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, delete=True)

    async def block_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, Status="Inactive")

    async def block_value(self, dimension: str, value: str) -> None:
        segment = int(dimension.rpartition(".")[2])
        areas = ["000", *(each.code for each in self.company.dimension_values if each.dimension == "AREA")]
        assert segment == 1, "departments are what is blocked"
        for area in areas:
            await self.hook("dimension-values", dimension="Subaccount", code=f"{value}-{area}", active=False)

    async def close_period(self) -> None:
        start = (self.facts.open_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        await self.hook("period", **{"from": start.isoformat(), "to": (start + timedelta(days=30)).isoformat()})

    async def leave_unposted(self) -> bool:
        return True  # posting is a step of its own

    async def want_approval(self) -> None:
        await self.hook("approval", enabled=True)

    async def approve(self, bill_id: str) -> None:
        await self.hook("approve", id=bill_id, release=True)

    async def turn_down(self, bill_id: str) -> None:
        await self.hook("reject", id=bill_id)

    async def remove(self, bill_id: str) -> None:
        await self.hook("remove", id=bill_id)

    async def pay(self, bill_id: str, *, day: date, amount: Decimal | None = None) -> None:
        part = {} if amount is None else {"amount": str(amount)}
        await self.hook("pay", id=bill_id, date=day.isoformat(), **part)

    async def take_payment_back(self, bill_id: str) -> None:
        await self.hook("unpay", id=bill_id)


def client_of(ledger: Ledger) -> Acumatica:
    """The client below a ledger."""
    assert isinstance(ledger, AcumaticaLedger)
    return ledger._client  # pyright: ignore[reportPrivateUsage]


async def _pages(client: Acumatica, fixed: int, /, entity: str, **asked: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """`Acumatica.pages` of the size that is set, whatever size was asked for."""
    resized: dict[str, Any] = {**asked, "size": fixed}
    async for rows in Acumatica.pages(client, entity, **resized):
        yield rows


def _bill(row: Mapping[str, Any]) -> StandingBill:
    return StandingBill(
        id=row["id"], number=row["number"], vendor=row["vendor"], supplier_number=row["vendorInvoiceNumber"],
        kind=DocumentKind(row["kind"]), is_posted=row["released"], currency=row["currency"],
        net=Decimal(str(row["net"])), gross=Decimal(str(row["total"])),
        posting_date=date.fromisoformat(row["postingDate"]), attachments=row["attachments"],
        lines=tuple(
            StandingLine(
                account=line["account"], net=Decimal(str(line["net"])), tax_code=line["taxCode"],
                description=line["description"], dimensions=line["dimensions"],
            )
            for line in row["rows"]
        ),
    )  # fmt: skip


@asynccontextmanager
async def bench_of(*, at: datetime | None = None, **settings: Any) -> AsyncGenerator[AcumaticaBench]:
    """A fresh instance on a day, today unless told; `settings` are those of the connection that differ."""
    clock = HeldClock()
    if at is not None:
        clock.move(at - clock.now())
    company = found(CODE, today=clock.now().date(), invoices=0, vendors=60, orders=12)
    system = simulated.Acumatica(clock=clock, companies=[company])
    async with served(system.applications()[0]) as (base, session):
        bench = AcumaticaBench(base, company, clock, session, settings)
        # An action whose end nobody asks for is soon over.
        await bench.hook("actions", seconds=0.2)
        yield bench
