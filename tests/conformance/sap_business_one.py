"""The bench of SAP Business One: a simulated installation with one company, and the people around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from conformance.bench import Facts, Site, StandingBill, StandingLine
from conformance.simulated import HeldClock, Simulated, served
from ml_connector.connectors.base import Ledger, LedgerConnector
from ml_connector.connectors.sap_business_one import CONNECTOR
from ml_connector.connectors.sap_business_one.connector import BusinessOne
from ml_connector.connectors.side import DimensionRule, Guard, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.sandbox import sap_business_one as simulated
from ml_connector.sandbox.company import found

TODAY = datetime.now(UTC).date()
CODE = "2000"
_FIND = Site(r"/PurchaseInvoices\?", "GET")
_ANY_CURRENCY = slice(9, None, 10)
"""Every tenth supplier of the simulated company may be billed in any currency."""


@dataclass
class SapBusinessOneBench(Simulated):
    """A simulated SAP Business One, fresh, behind a socket."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What differs from the usual settings; `{base}` in them is the address of the simulated one."""
    connector: LedgerConnector = CONNECTOR
    read_site: Site = _FIND

    @property
    def facts(self) -> Facts:
        company = self.company
        plain = [each.number for each in company.vendors[_ANY_CURRENCY] if not each.blocked]
        return Facts(
            vendor=plain[0], other_vendor=plain[1],
            # A supplier brings no coding here; an account can have a default rule in each dimension.
            vendor_with_defaults=plain[0], account_with_defaults="2920", default_dimensions={"3": "C01"},
            blocked_vendor=next(each.number for each in company.vendors if each.blocked == "All"),
            account="6120", other_account="6210", inactive_account="6990",
            dimension="1", values=("D010", "D040"), second_dimension="3", second_values=("C01", "C02"),
            tax_code="VAT24", tax_percent=Decimal(24), untaxed_code="VAT0",
            currency="EUR", foreign_currency="USD", currency_without_rate="DKK",
            open_day=TODAY, closed_day=company.posting_from - timedelta(days=40), description_length=100,
            odd_numbers=("O'B-1", "Å/1-ß", "A&B#1", "1 % 7", "inv-1a", "<1>", "+1=1", "a,b;c", "日本-1", "(1)/{2}"),
        )  # fmt: skip

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        usual = {
            "base_url": "{base}/b1s/v2", "company_db": simulated.company_db(CODE), "username": simulated.USERNAME,
            **self.settings, **(values or {}),
        }  # fmt: skip
        rules = (DimensionRule("costCenterCode", "1"), DimensionRule("dimCode1", "3"))
        return Side(
            connection="c", company=CODE, secrets={"password": simulated.PASSWORD, **(secrets or {})},
            values={name: str(value).replace("{base}", self.base) for name, value in usual.items()},
            mapping=MappingRules(dimensions=rules),
        )  # fmt: skip

    def open(self, side: Side, *, guard: Guard | None = None) -> Ledger:
        return CONNECTOR.open(side, self.clock.now, guard)

    def be_impatient(self, ledger: Ledger, seconds: float) -> None:
        assert isinstance(ledger, BusinessOne)
        http = ledger._client.http  # pyright: ignore[reportPrivateUsage]
        http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    async def bills(self) -> Sequence[StandingBill]:
        return [_bill(row) for row in await self.rows()]

    async def rows(self) -> list[dict[str, Any]]:
        """The bills with all that the control page tells of them."""
        return (await self.show(f"bills?company={CODE}&rows=true"))["bills"]

    def signs_in(self, path: str) -> bool:
        return path.endswith(("/Login", "/Logout"))

    def writes(self, method: str, path: str) -> bool:
        # OData 3 asks by POST what changes nothing (SAP dossier 2.1).
        return super().writes(method, path) and "/CompanyService_Get" not in path

    async def logins(self) -> int:
        """How many sessions were opened so far."""
        return (await self.show("state"))["logins"]

    async def tells_paid(self) -> bool:
        """True where documents tell what is paid of them, which older releases do not."""
        return (await self.show("state"))["companies"][CODE]["switches"]["profile"] == 2024

    async def count(self, flow: Flow) -> int:
        company, state = self.company, (await self.show("state"))["companies"][CODE]
        if flow is Flow.VENDORS:
            return state["BusinessPartners"] - 3  # two customers and a lead
        if flow is Flow.DIMENSIONS:
            ours = [each for each in company.dimension_values if each.dimension in ("DEPARTMENT", "CAMPAIGN")]
            return len(ours) + 1  # and a rule that shares between two departments
        if flow is Flow.ACCOUNTS:
            titles = [each for each in company.accounts if each.account_type != "Posting"]
            return state["ChartOfAccounts"] - len(titles)
        if flow is Flow.TAX_CODES:
            return len(company.tax_groups)
        return state[{Flow.PAYMENT_TERMS: "PaymentTermsTypes", Flow.PURCHASE_ORDERS: "PurchaseOrders"}[flow]]

    # ------------------------------------------------------------------ the wire

    async def expire_sessions(self) -> None:
        await self.hook("expire-sessions")

    async def limit_pages(self, size: int) -> None:
        await self.hook("page-size", size=size)
        await self.hook("habits", loses_prefer=True)

    # ------------------------------------------------------------------ people

    async def rename_vendor(self, number: str, name: str) -> None:
        await self.hook("vendors", number=number, CardName=name)

    async def add_vendor(self, number: str) -> str:
        return (await self.hook("vendors", number=number, CardName=f"Vendor {number}"))["CardCode"]

    async def remove_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, delete=True)

    async def block_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, Valid="tNO", Frozen="tYES")

    async def block_value(self, dimension: str, value: str) -> None:
        await self.hook("dimension-values", dimension=dimension, code=value, active=False)

    async def close_period(self) -> None:
        start = self.facts.open_day + timedelta(days=1)
        await self.hook("period", **{"from": start.isoformat(), "to": (start + timedelta(days=30)).isoformat()})

    async def leave_unposted(self) -> bool:
        await self.want_approval()
        return True

    async def want_approval(self) -> None:
        await self.hook("approval", enabled=True)

    async def approve(self, bill_id: str) -> None:
        await self.hook("approve", draft=bill_id)

    async def turn_down(self, bill_id: str) -> None:
        await self.hook("reject", draft=bill_id)

    async def remove(self, bill_id: str) -> None:
        await self.hook("remove-draft", draft=bill_id)

    async def pay(self, bill_id: str, *, day: date, amount: Decimal | None = None) -> None:
        part = {} if amount is None else {"amount": str(amount)}
        if bill_id.startswith("19:"):
            # A credit note is not paid out as a rule: it is set against something else of the supplier.
            await self.hook("reconcile", id=bill_id, **part)
        else:
            await self.hook("pay", id=bill_id, date=day.isoformat(), **part)

    async def take_payment_back(self, bill_id: str) -> None:
        await self.hook("unpay", id=bill_id)


def _bill(row: Mapping[str, Any]) -> StandingBill:
    return StandingBill(
        id=row["id"], number=row["number"], vendor=row["vendor"], supplier_number=row["vendorInvoiceNumber"],
        kind=DocumentKind(row["kind"]), is_posted=row["status"] != "draft", currency=row["currency"],
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
async def bench_of(**settings: Any) -> AsyncIterator[SapBusinessOneBench]:
    """A fresh installation; `settings` are those of the connection that differ."""
    clock = HeldClock()
    company = found(CODE, today=TODAY, invoices=0, vendors=60, orders=12)
    system = simulated.SapBusinessOne(clock=clock, companies=[company])
    async with served(system.applications()[0]) as (base, session):
        yield SapBusinessOneBench(base, company, clock, session, settings)
