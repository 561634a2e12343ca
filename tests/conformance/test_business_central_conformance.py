"""Business Central against the suite of all ledgers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from conformance.bench import Act, Facts, Harm, PingFailure, Reasons, Site, StandingBill, StandingLine, Write
from conformance.ledger import LedgerConformance
from conformance.simulated import HeldClock, Simulated, served
from ml_connector.connectors.base import Ledger, LedgerConnector
from ml_connector.connectors.business_central import CONNECTOR
from ml_connector.connectors.business_central.connector import BusinessCentral
from ml_connector.connectors.side import DimensionRule, Guard, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.sandbox import business_central as simulated
from ml_connector.sandbox.company import found

TODAY = datetime.now(UTC).date()
_BATCH = r"/\$batch$"
_FIND = Site(r"/purchaseInvoices\?", "GET")
_ENTITIES = {
    Flow.TAX_CODES: "taxGroups",
    Flow.ACCOUNTS: "accounts",
    Flow.PAYMENT_TERMS: "paymentTerms",
    Flow.VENDORS: "vendors",
    Flow.PURCHASE_ORDERS: "purchaseOrders",
}


@dataclass
class BusinessCentralBench(Simulated):
    """A simulated Business Central, fresh, behind a socket."""

    connector: LedgerConnector = CONNECTOR
    read_site: Site = _FIND

    @property
    def facts(self) -> Facts:
        company = self.company
        plain = [each for each in company.vendors if not each.blocked and not each.default_dimensions]
        with_defaults = next(
            each for each in company.vendors if not each.blocked and dict(each.default_dimensions).get("DEPARTMENT")
        )
        return Facts(
            vendor=plain[0].number, other_vendor=plain[1].number,
            vendor_with_defaults=with_defaults.number, account_with_defaults="6120",
            default_dimensions=dict(with_defaults.default_dimensions),
            blocked_vendor=next(each.number for each in company.vendors if each.blocked == "All"),
            account="6120", other_account="6210", inactive_account="6990",
            dimension="DEPARTMENT", values=("D010", "D040"), second_dimension="AREA", second_values=("A01", "A02"),
            tax_code="VAT24", tax_percent=Decimal(24), untaxed_code="VAT0",
            currency="EUR", foreign_currency="USD", currency_without_rate="DKK",
            open_day=TODAY, closed_day=company.posting_from - timedelta(days=40), description_length=100,
            odd_numbers=("O'B-1", "Å/1-ß", "A&B#1", "1 % 7", "inv-1a", "<1>", "+1=1", "a,b;c", "日本-1", "(1)/{2}"),
        )  # fmt: skip

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        usual = {
            "tenant_id": simulated.TENANT, "environment": simulated.ENVIRONMENT, "company_id": simulated.ACME_ID,
            "client_id": simulated.CLIENT_ID, "base_url": self.base,
            "token_url": self.base + "/{tenant}/oauth2/v2.0/token",
        }  # fmt: skip
        rules = (DimensionRule("costCenterCode", "DEPARTMENT"), DimensionRule("dimCode1", "AREA"))
        return Side(
            connection="c", company="1000", values={**usual, **(values or {})},
            secrets={"client_secret": simulated.CLIENT_SECRET, **(secrets or {})},
            mapping=MappingRules(dimensions=rules),
        )  # fmt: skip

    def open(self, side: Side, *, guard: Guard | None = None) -> Ledger:
        return CONNECTOR.open(side, self.clock.now, guard)

    def be_impatient(self, ledger: Ledger, seconds: float) -> None:
        assert isinstance(ledger, BusinessCentral)
        http = ledger._client.http  # pyright: ignore[reportPrivateUsage]
        http.limits = replace(http.limits, read_timeout=seconds, write_timeout=seconds)

    # ------------------------------------------------------------------ looking

    async def bills(self) -> Sequence[StandingBill]:
        answer = await self.show("bills?company=1000&rows=true")
        return [_bill(row) for row in answer["bills"]]

    def signs_in(self, path: str) -> bool:
        return path.endswith("/token")

    async def count(self, flow: Flow) -> int:
        if flow is Flow.DIMENSIONS:
            return len([each for each in self.company.dimension_values if each.dimension in ("DEPARTMENT", "AREA")])
        return (await self.show("state"))["companies"]["1000"][_ENTITIES[flow]]

    # ------------------------------------------------------------------ the wire

    async def expire_sessions(self) -> None:
        await self.hook("expire-tokens")

    async def limit_pages(self, size: int) -> None:
        await self.hook("page-size", size=size)

    # ------------------------------------------------------------------ people

    async def rename_vendor(self, number: str, name: str) -> None:
        await self.hook("vendors", number=number, displayName=name)

    async def add_vendor(self, number: str) -> str:
        return (await self.hook("vendors", number=number, displayName=f"Vendor {number}"))["id"]

    async def remove_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, delete=True)

    async def block_vendor(self, number: str) -> None:
        await self.hook("vendors", number=number, blocked="All")

    async def block_value(self, dimension: str, value: str) -> None:
        await self.hook("dimension-values", dimension=dimension, code=value, blocked=True)

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


def _bill(row: Mapping[str, Any]) -> StandingBill:
    return StandingBill(
        id=row["id"], number=row["number"], vendor=row["vendorNumber"], supplier_number=row["vendorInvoiceNumber"],
        kind=DocumentKind(row["kind"]), is_posted=row["status"] != "Draft", currency=row["currency"],
        net=Decimal(str(row["net"])), gross=Decimal(str(row["total"])),
        posting_date=date.fromisoformat(row["postingDate"]), attachments=row["attachments"],
        lines=tuple(
            StandingLine(
                account=line["number"], net=Decimal(str(line["net"])), tax_code=line["taxGroup"],
                description=line["description"], dimensions=line["dimensions"],
            )
            for line in row["rows"]
        ),
    )  # fmt: skip


async def _unregister(bench: BusinessCentralBench) -> None:
    await bench.hook("registered", enabled=False)


async def _forbid_vendors(bench: BusinessCentralBench) -> None:
    await bench.strike(Harm("status", status=403, count=99), Site(r"/vendors", "GET"))


class TestBusinessCentral(LedgerConformance):
    """The suite, and where Business Central differs."""

    writes: ClassVar[tuple[Write, ...]] = (
        Write(Act.CREATE, Site(_BATCH, "POST")),
        Write(Act.DIMENSIONS, Site(_BATCH, "POST", skip=1)),
        Write(Act.POST, Site(_BATCH, "POST")),
        # A draft that is gone is as good as one that was removed just now.
        Write(Act.DISCARD, Site(r"/purchaseInvoices\(", "DELETE"), is_repeatable=True),
        Write(Act.ATTACH, Site(r"/documentAttachments$", "POST"), name="attach the name"),
        Write(Act.ATTACH, Site(r"/attachmentContent", "PATCH"), name="attach the bytes", is_repeatable=True),
    )
    ping_steps: ClassVar[tuple[str, ...]] = ("reach", "sign in", "company", "rights", "version")
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("nobody answers", "reach", "base_url", values={"base_url": "http://127.0.0.1:1"}),
        PingFailure("no such host", "reach", "base_url", values={"base_url": "http://nowhere.invalid"}),
        PingFailure("wrong secret", "sign in", "client secret", secrets={"client_secret": "wrong-secret"}),
        PingFailure(
            "wrong client", "sign in", "client_id", values={"client_id": "33333333-0000-0000-0000-000000000000"}
        ),
        PingFailure(
            "wrong tenant", "sign in", "tenant_id", values={"tenant_id": "99999999-0000-0000-0000-000000000000"}
        ),
        PingFailure("no card", "company", "Microsoft Entra Applications", arrange=_unregister),
        PingFailure("wrong environment", "company", "environment", values={"environment": "Nowhere"}),
        PingFailure("wrong company", "company", "company_name", values={"company_id": None, "company_name": "Nobody"}),
        PingFailure("no rights", "rights", "permission sets", arrange=_forbid_vendors),
    )
    said_unchecked: ClassVar[Reasons] = {
        # The words of the server do not tell these apart (BC dossier 8.2, 8.5).
        Reason.NUMBER_TOO_LONG: frozenset({Reason.UNEXPECTED}),
    }

    @pytest.fixture
    async def bench(self) -> AsyncIterator[BusinessCentralBench]:
        clock = HeldClock()
        company = found(today=TODAY, invoices=0, vendors=60, orders=12)
        system = simulated.BusinessCentral(clock=clock, companies=[company])
        async with served(system.applications()[0]) as (base, session):
            yield BusinessCentralBench(base, company, clock, session)
