"""The bench of Epicor Kinetic: a simulated installation with one company, and the people around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from conformance.bench import Act, Facts, Site, StandingBill, StandingLine, Write
from conformance.simulated import HeldClock, Simulated, served
from ml_connector.connectors.base import Ledger, LedgerConnector
from ml_connector.connectors.epicor_kinetic import CONNECTOR
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.epicor_kinetic.releasing import Patience
from ml_connector.connectors.side import DimensionRule, Guard, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.sandbox import epicor_kinetic as simulated
from ml_connector.sandbox.company import found

CODE = "4000"
PATIENCE = Patience(first=0.01, longest=0.05, at_most=5.0, held=0.2)
SERVERS_OWN_ACCOUNT = "6120|D040|A02"
"""What the server gives to lines that it codes itself."""
SIGN_INS: Mapping[str, Mapping[str, str]] = {
    "password": {"username": simulated.USERNAME},
    "token resource": {"username": simulated.USERNAME, "token_url": f"{{base}}/{simulated.INSTANCE}/TokenResource.svc"},
    "client": {"client_id": simulated.CLIENT, "token_url": "{base}/connect/token", "scope": simulated.SCOPE},
}
"""The settings of each way to sign in."""
_FIND = Site(r"/APInvoices\?", "GET")
_SAVE = r"/Erp\.BO\.APInvoiceSvc/UpdateMaster$"
_RULES = (DimensionRule("costCenterCode", "2"), DimensionRule("dimCode1", "Area"))
_ONE_RECORD_EACH = {Flow.TAX_CODES: "TaxCat", Flow.PAYMENT_TERMS: "PurTerms", Flow.VENDORS: "Vendor"}
_OWN_ACCOUNTS = {"1910", "2400", "2939"}
"""Natural accounts that the installation has beside the company's: bank, payables, tax."""
_ASKS = ("Get", "Change", "OnChange", "GlAccountExists", "ValidateGLAccount", "PrePostGroupInvoices", "Select")
"""How the names of methods begin that store nothing (Epicor dossier 6.2)."""

WRITES = (
    Write(Act.CREATE, Site(_SAVE, "POST")),
    Write(Act.PREPARE, Site(_SAVE, "POST"), name="take off hold"),
    Write(Act.POST, Site(r"/Erp\.PROC\.APInvoicePostSvc/SubmitToAgent$", "POST")),
    Write(Act.DISCARD, Site(r"/Erp\.BO\.APInvoiceSvc/DeleteByID$", "POST"), is_repeatable=True),
    Write(Act.ATTACH, Site(r"/Ice\.BO\.AttachmentSvc/UploadFile$", "POST"), name="upload", is_repeatable=True),
    Write(Act.ATTACH, Site(r"/Erp\.BO\.APInvoiceSvc/Update$", "POST"), name="link", is_repeatable=True),
)
"""Every write of the connector where the server keeps the accounts that come along with a line."""
SECOND_SAVE = Write(Act.DIMENSIONS, Site(_SAVE, "POST", skip=1), name="accounts")
"""Where it loses them, a further one."""


@dataclass
class EpicorKineticBench(Simulated):
    """A simulated Epicor Kinetic, fresh, behind a socket."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What differs from the usual settings; `{base}` in them is the address of the simulated one."""
    sign_in: str = "token resource"
    connector: LedgerConnector = CONNECTOR
    read_site: Site = _FIND
    tolerance: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def facts(self) -> Facts:
        company = self.company
        euros = [each.number for each in company.vendors if each.currency == "EUR" and not each.blocked]
        return Facts(
            vendor=euros[0], other_vendor=euros[1],
            # Neither a supplier nor an account brings coding along: an account is a whole of segments.
            vendor_with_defaults=euros[0], account_with_defaults="6120", default_dimensions={},
            blocked_vendor=next(each.number for each in company.vendors if each.blocked == "All"),
            account="6120", other_account="6210", inactive_account="6990",
            dimension="2", values=("D010", "D040"), second_dimension="3", second_values=("A01", "A02"),
            tax_code="VAT24", tax_percent=Decimal(24), untaxed_code="VAT0",
            currency="EUR", foreign_currency="USD", currency_without_rate="DKK",
            open_day=company.today, closed_day=company.posting_from - timedelta(days=40), description_length=1000,
            odd_numbers=("O'B-1", "Å/1-ß", "A&B#1", "1 % 7", "inv-1a", "<1>", "+1=1", "a,b;c", "日本-1", "(1)/{2}"),
        )  # fmt: skip

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        usual = {
            "base_url": f"{{base}}/{simulated.INSTANCE}", "company": simulated.company_id(CODE),
            **SIGN_INS[self.sign_in], **self.settings, **(values or {}),
        }  # fmt: skip
        usual_secrets = {"api_key": simulated.API_KEY, "password": simulated.PASSWORD}
        if "client_id" in usual:
            usual_secrets = {"api_key": simulated.API_KEY, "client_secret": simulated.CLIENT_SECRET}
        # Secrets of the other ways to sign in would contradict the settings.
        changed = {name: value for name, value in (secrets or {}).items() if name in usual_secrets}
        return Side(
            connection="c", company=CODE, secrets={**usual_secrets, **changed},
            values={name: str(value).replace("{base}", self.base) for name, value in usual.items()},
            mapping=MappingRules(dimensions=_RULES, tolerance=self.tolerance),
        )  # fmt: skip

    def open(self, side: Side, *, guard: Guard | None = None) -> Ledger:
        return KineticLedger(side, self.clock.now, guard, patience=PATIENCE)

    def be_impatient(self, ledger: Ledger, seconds: float) -> None:
        http = client_of(ledger).http
        http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    async def bills(self) -> Sequence[StandingBill]:
        return [_bill(row) for row in await self.rows()]

    async def rows(self) -> list[dict[str, Any]]:
        """The bills with all that the control page tells of them."""
        return (await self.show(f"bills?company={CODE}&rows=true"))["bills"]

    async def row(self, number: str) -> dict[str, Any]:
        """The one bill of that number."""
        (row,) = [each for each in await self.rows() if each["vendorInvoiceNumber"] == number]
        return row

    async def groups(self) -> list[dict[str, Any]]:
        """The groups as they stand."""
        return (await self.hook("groups"))["groups"]

    async def times(self, name: str) -> int:
        """How many calls there were of a method, or of whatever path ends so."""
        return sum(call.path.endswith(name) for call in await self.calls())

    def signs_in(self, path: str) -> bool:
        return path.endswith(("/TokenResource.svc/", "/connect/token"))

    def writes(self, method: str, path: str) -> bool:
        # Methods are POSTs whatever they do; most only compute (Epicor dossier 6.2).
        return super().writes(method, path) and not path.rpartition("/")[2].startswith(_ASKS)

    async def count(self, flow: Flow) -> int:
        if flow is Flow.DIMENSIONS:
            ours = [each for each in self.company.dimension_values if each.dimension in ("DEPARTMENT", "AREA")]
            return len(ours)
        if flow is Flow.PURCHASE_ORDERS:
            return len([each for each in self.company.orders if each.status == "Open"])
        if flow is Flow.ACCOUNTS:
            return len({each.number for each in self.company.accounts} | _OWN_ACCOUNTS)
        return (await self.show("state"))["companies"][CODE][_ONE_RECORD_EACH[flow]]

    # ------------------------------------------------------------------ the wire

    async def expire_sessions(self) -> None:
        await self.hook("expire-tokens")

    async def limit_pages(self, size: int) -> None:
        await self.hook("odata", cap=size)

    @asynccontextmanager
    async def amid(self, path: str, *, skip: int = 0, kind: str = "hold", method: str = "POST") -> AsyncGenerator[None]:
        """The block is done while one call waits: before it is worked on, or with `hold_after` once it is."""
        await self.hook("faults", kind=kind, path=path, method=method, skip=skip)
        async with asyncio.timeout(10):
            while not (await self.show("held"))["held"]:
                await asyncio.sleep(0.01)
        yield
        await self.mend()
        await self.hook("release", drop=False)

    # ------------------------------------------------------------------ people

    async def rename_vendor(self, number: str, name: str) -> None:
        await self.hook("vendors", number=number, name=name)

    async def add_vendor(self, number: str) -> str:
        return str((await self.hook("vendors", number=number, name=f"Vendor {number}"))["VendorNum"])

    async def remove_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, delete=True)

    async def block_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, Inactive=True)

    async def block_value(self, dimension: str, value: str) -> None:
        await self.hook("dimension-values", dimension=dimension, code=value, active=False)

    async def close_period(self) -> None:
        start = self.facts.open_day + timedelta(days=1)
        await self.hook("period", **{"from": start.isoformat(), "to": (start + timedelta(days=30)).isoformat()})

    async def leave_unposted(self) -> bool:
        return True  # posting is a step of its own

    async def pay(self, bill_id: str, *, day: date, amount: Decimal | None = None) -> None:
        part = {} if amount is None else {"amount": str(amount)}
        await self.hook("pay", id=bill_id, date=day.isoformat(), **part)

    async def take_payment_back(self, bill_id: str) -> None:
        await self.hook("unpay", id=bill_id)


def client_of(ledger: Ledger) -> Kinetic:
    """The client below a ledger."""
    assert isinstance(ledger, KineticLedger)
    return ledger._client  # pyright: ignore[reportPrivateUsage]


def _bill(row: Mapping[str, Any]) -> StandingBill:
    """Debit memos stand with their signs turned (Epicor dossier 9.6)."""
    sign = -1 if row["kind"] == "credit note" else 1
    return StandingBill(
        id=row["id"], number=row["number"], vendor=row["vendor"], supplier_number=row["vendorInvoiceNumber"],
        kind=DocumentKind(row["kind"]), is_posted=row["posted"], currency=row["currency"],
        net=sign * Decimal(str(row["net"])), gross=sign * Decimal(str(row["total"])),
        posting_date=date.fromisoformat(row["postingDate"]), attachments=row["attachments"],
        lines=tuple(
            StandingLine(
                account=line["account"], net=sign * Decimal(str(line["net"])), tax_code=line["taxCode"],
                description=line["description"], dimensions=line["dimensions"],
            )
            for line in row["rows"]
        ),
    )  # fmt: skip


@asynccontextmanager
async def bench_of(
    *, at: datetime | None = None, sign_in: str = "token resource", coding: str = "lost", **settings: Any
) -> AsyncGenerator[EpicorKineticBench]:
    """A fresh installation on a day, today unless told; `settings` are those of the connection that differ."""
    clock = HeldClock()
    if at is not None:
        clock.move(at - clock.now())
    company = found(CODE, today=clock.now().date(), invoices=0, vendors=60, orders=12)
    system = simulated.EpicorKinetic(clock=clock, companies=[company])
    async with served(system.applications()[0]) as (base, session):
        bench = EpicorKineticBench(base, company, clock, session, settings, sign_in)
        await bench.hook("coding", coding=coding, default_account=SERVERS_OWN_ACCOUNT)
        # The agent is quick: whoever asks next finds the posting over.
        await bench.hook("posting", seconds=0)
        yield bench
