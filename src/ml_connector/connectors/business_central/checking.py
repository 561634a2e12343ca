"""What speaks against posting bills: everything that is known, all at once, without writing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ml_connector.connectors.business_central.books import Books, LedgerSetup, VendorFacts
from ml_connector.connectors.business_central.documents import (
    wanted_dimensions,
)
from ml_connector.connectors.business_central.manifest import NUMBER_LENGTH
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.reason import Finding, Reason


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was looked up for a set of bills."""

    vendors: Mapping[str, VendorFacts | None]
    accounts: Mapping[str, bool]
    dimensions: Mapping[str, frozenset[str] | None]
    tax_groups: frozenset[str]
    currencies: frozenset[str]
    rates: Mapping[str, date | None]
    setup: LedgerSetup


async def gather_knowledge(books: Books, bills: Sequence[Bill]) -> Knowledge:
    """Looks up what the bills name, each thing once."""
    started = time.monotonic()
    lines = [line for bill in bills for line in bill.lines]
    setup, vendors, accounts, dimensions, tax_groups = await asyncio.gather(
        books.setup.get(),
        books.vendors.get({code(bill.vendor) for bill in bills}),
        books.accounts.get(),
        books.dimensions.get({name for line in lines for name in wanted_dimensions(line)}),
        books.tax_groups.get(),
    )
    if any(code(line.account) not in accounts for line in lines):
        # It may have been opened a moment ago.
        accounts = await books.accounts.get(not_before=started)
    if any(line.tax_code and code(line.tax_code) not in tax_groups for line in lines):
        tax_groups = await books.tax_groups.get(not_before=started)
    foreign = {code(bill.currency) for bill in bills} - {setup.currency, ""}
    currencies = await books.currencies.get() if foreign else frozenset[str]()
    return Knowledge(
        vendors=vendors, accounts=accounts, dimensions=dimensions, tax_groups=tax_groups,
        currencies=currencies, rates=await books.rates.get(foreign & currencies), setup=setup,
    )  # fmt: skip


def findings_of(bill: Bill, known: Knowledge) -> tuple[Finding, ...]:
    """All that speaks against one bill, each thing named once."""
    findings = [
        *_of_number(bill.number),
        *_of_vendor(bill.vendor, known),
        *_of_currency(bill, known),
        *_of_period(bill.posting_date, known.setup),
    ]
    for line in bill.lines:
        findings += [*_of_account(line, known), *_of_dimensions(line, known), *_of_tax(line, known)]
    return tuple(dict.fromkeys(findings))


def _of_number(number: str) -> list[Finding]:
    if not number.strip():
        return [Finding(Reason.NUMBER_MISSING)]
    if units(number.strip()) > NUMBER_LENGTH:
        return [Finding(Reason.NUMBER_TOO_LONG, number)]
    return []


def _of_vendor(vendor: str, known: Knowledge) -> list[Finding]:
    facts = known.vendors.get(code(vendor))
    if facts is None:
        return [Finding(Reason.VENDOR_UNKNOWN, vendor)]
    return [Finding(Reason.VENDOR_BLOCKED, vendor)] if facts.blocked else []


def _of_currency(bill: Bill, known: Knowledge) -> list[Finding]:
    currency = code(bill.currency)
    if currency in (known.setup.currency, ""):
        return []
    if currency not in known.currencies:
        return [Finding(Reason.CURRENCY_UNKNOWN, currency)]
    first = known.rates.get(currency)
    if first is None or first > bill.posting_date:
        return [Finding(Reason.RATE_MISSING, f"{currency} on {bill.posting_date.isoformat()}")]
    return []


def _of_period(day: date, setup: LedgerSetup) -> list[Finding]:
    return [] if setup.is_open_on(day) else [Finding(Reason.PERIOD_CLOSED, day.isoformat())]


def _of_account(line: BillLine, known: Knowledge) -> list[Finding]:
    is_postable = known.accounts.get(code(line.account))
    if is_postable is None:
        return [Finding(Reason.ACCOUNT_UNKNOWN, line.account)]
    return [] if is_postable else [Finding(Reason.ACCOUNT_BLOCKED, line.account)]


def _of_dimensions(line: BillLine, known: Knowledge) -> list[Finding]:
    findings: list[Finding] = []
    for name, value in wanted_dimensions(line).items():
        values = known.dimensions.get(name)
        if values is None:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, f"The dimension {name}"))
        elif value not in values:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, f"{name} {value}"))
    return findings


def _of_tax(line: BillLine, known: Knowledge) -> list[Finding]:
    if not line.tax_code or code(line.tax_code) in known.tax_groups:
        return []
    return [Finding(Reason.TAX_CODE_UNKNOWN, line.tax_code)]
