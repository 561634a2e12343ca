"""What speaks against posting bills: everything that is known, all at once, without writing.

Posting is direct, so what the ledger will make of a bill is foretold and compared here. Not known beforehand:
posting periods and exchange rates, which the Service Layer does not tell; its refusal does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from ml_connector.connectors.order_matching import is_matched
from ml_connector.connectors.sap_business_one.books import (
    AccountFacts,
    Books,
    Company,
    TaxFacts,
    ValueFacts,
    VendorFacts,
)
from ml_connector.connectors.sap_business_one.documents import (
    DIMENSIONS,
    foretold_total,
    same_currency,
    wanted_dimensions,
)
from ml_connector.connectors.sap_business_one.manifest import NUMBER_LENGTH
from ml_connector.connectors.sap_business_one.matching import Papers, plan_of
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.money import round_amount
from ml_connector.records.reason import Finding, Reason

_PROJECT: Final = "PROJECT"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the connection decides about its documents."""

    branch: str
    tolerance: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was looked up for a set of bills."""

    company: Company
    vendors: Mapping[str, VendorFacts | None]
    accounts: Mapping[str, AccountFacts]
    values: Mapping[str, Mapping[str, ValueFacts]]
    """By dimension, and by the value's code."""
    tax_codes: Mapping[str, TaxFacts]
    currencies: frozenset[str]
    branches: frozenset[str]
    papers: Papers


async def gather_knowledge(books: Books, bills: Sequence[Bill], settings: Settings, papers: Papers) -> Knowledge:
    """Looks up what the bills name, each thing once."""
    started = time.monotonic()
    lines = [line for bill in bills for line in bill.lines]
    company, vendors, accounts, values, tax_codes = await asyncio.gather(
        books.company.get(),
        books.vendors.get({bill.vendor.strip() for bill in bills}),
        books.accounts.get(),
        _values(books, lines, started),
        books.tax_codes.get(),
    )
    coded = [line for bill in bills for line in bill.lines if not is_matched(bill, line)]
    if any(code(line.account) not in accounts for line in coded):
        # It may have been opened a moment ago.
        accounts = await books.accounts.get(not_before=started)
    if any(line.tax_code and code(line.tax_code) not in tax_codes for line in lines):
        tax_codes = await books.tax_codes.get(not_before=started)
    branches = await _branches(books, settings, company)
    if company.has_branches and settings.branch not in branches:
        # Set up, or switched off, a moment ago: whoever mended it wants to see that at the next replay.
        company = await books.company.get(not_before=started)
        branches = await _branches(books, settings, company, not_before=started)
    is_foreign = any(not same_currency(bill.currency, company.local_currency) for bill in bills)
    return Knowledge(
        company=company, vendors=vendors, accounts=accounts, values=values, tax_codes=tax_codes, papers=papers,
        currencies=await books.currencies.get() if is_foreign else frozenset(),
        branches=branches,
    )  # fmt: skip


async def _branches(
    books: Books, settings: Settings, company: Company, *, not_before: float | None = None
) -> frozenset[str]:
    """The branches in use, none where they do not matter."""
    if not (company.has_branches and settings.branch):
        return frozenset()
    return await books.branches.get(not_before=not_before)


async def _values(books: Books, lines: Sequence[BillLine], started: float) -> dict[str, Mapping[str, ValueFacts]]:
    """The values of the dimensions that the lines name, read anew where one of them is not among them."""
    wanted = {(name, code(value)) for line in lines for name, value in wanted_dimensions(line).items()}
    names = {name for name, _ in wanted}
    found: dict[str, Mapping[str, ValueFacts]] = {}
    if names - {_PROJECT}:
        rules = await books.rules.get()
        if any(value not in rules.get(name, {}) for name, value in wanted if name in DIMENSIONS and name != _PROJECT):
            rules = await books.rules.get(not_before=started)
        found |= rules
    if _PROJECT in names:
        projects = await books.projects.get()
        if any(value not in projects for name, value in wanted if name == _PROJECT):
            projects = await books.projects.get(not_before=started)
        found[_PROJECT] = projects
    return found


def findings_of(bill: Bill, known: Knowledge, settings: Settings) -> tuple[Finding, ...]:
    """All that speaks against one bill, each thing named once."""
    findings = [
        *_of_number(bill.number),
        *_of_vendor(bill, known),
        *_of_currency(bill, known),
        *_of_branch(known, settings),
    ]
    for line in bill.lines:
        findings += [*_of_account(bill, line, known), *_of_dimensions(bill, line, known), *_of_tax(line, known)]
    plan = plan_of(bill, known.papers)
    findings += plan if isinstance(plan, tuple) else ()
    return tuple(dict.fromkeys(findings)) or tuple(_of_total(bill, known, settings))


def respelled(bill: Bill, known: Knowledge) -> Bill:
    """The bill with its codes as the ledger spells them: one of its two databases tells capitals apart."""
    vendor = known.vendors.get(bill.vendor.strip())
    return replace(
        bill,
        vendor=bill.vendor if vendor is None else vendor.code,
        lines=tuple(_respelled_line(line, known) for line in bill.lines),
    )


def _respelled_line(line: BillLine, known: Knowledge) -> BillLine:
    dimensions: dict[str, str] = {}
    for name, value in wanted_dimensions(line).items():
        facts = known.values.get(name, {}).get(code(value))
        dimensions[name] = value if facts is None else facts.code
    tax = known.tax_codes.get(code(line.tax_code))
    return replace(line, dimensions=dimensions, tax_code=line.tax_code if tax is None else tax.code)


def _of_number(number: str) -> list[Finding]:
    if not number.strip():
        return [Finding(Reason.NUMBER_MISSING)]
    return [Finding(Reason.NUMBER_TOO_LONG, number)] if units(number.strip()) > NUMBER_LENGTH else []


def _of_vendor(bill: Bill, known: Knowledge) -> list[Finding]:
    facts = known.vendors.get(bill.vendor.strip())
    if facts is None:
        return [Finding(Reason.VENDOR_UNKNOWN, bill.vendor)]
    return [] if facts.is_usable_on(bill.posting_date) else [Finding(Reason.VENDOR_BLOCKED, bill.vendor)]


def _of_currency(bill: Bill, known: Knowledge) -> list[Finding]:
    if same_currency(bill.currency, known.company.local_currency) or code(bill.currency) in known.currencies:
        return []
    return [Finding(Reason.CURRENCY_UNKNOWN, code(bill.currency))]


def _of_branch(known: Knowledge, settings: Settings) -> list[Finding]:
    if not known.company.has_branches:
        return []
    if not settings.branch:
        return [Finding(Reason.SETUP_INCOMPLETE, "the company has branches, and the connection names none (branch)")]
    if settings.branch not in known.branches:
        return [Finding(Reason.SETUP_INCOMPLETE, f"the company has no branch {settings.branch} that is in use")]
    return []


def _of_account(bill: Bill, line: BillLine, known: Knowledge) -> list[Finding]:
    if is_matched(bill, line):
        # Its account comes from the order, where an item's may be one that nobody else may post on.
        return []
    facts = known.accounts.get(code(line.account))
    if facts is None:
        return [Finding(Reason.ACCOUNT_UNKNOWN, line.account)]
    return [] if facts.is_postable_on(bill.posting_date) else [Finding(Reason.ACCOUNT_BLOCKED, line.account)]


def _of_dimensions(bill: Bill, line: BillLine, known: Knowledge) -> list[Finding]:
    findings: list[Finding] = []
    for name, value in wanted_dimensions(line).items():
        title = "Project" if name == _PROJECT else f"Dimension {name}"
        if name not in DIMENSIONS:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, f"The dimension {name}"))
            continue
        facts = known.values.get(name, {}).get(code(value))
        if facts is None:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, f"{title} {value}"))
        elif not facts.is_active_on(bill.posting_date):
            findings.append(Finding(Reason.DIMENSION_BLOCKED, f"{title} {value}"))
    return findings


def _of_tax(line: BillLine, known: Knowledge) -> list[Finding]:
    if not line.tax_code.strip():
        return []
    facts = known.tax_codes.get(code(line.tax_code))
    # One that is switched off, or is for sales, is as good as none: the catalogue has one word for both.
    return [] if facts is not None and facts.is_active else [Finding(Reason.TAX_CODE_UNKNOWN, line.tax_code)]


def _of_total(bill: Bill, known: Knowledge, settings: Settings) -> list[Finding]:
    """Compared before anything is written, since a posted bill cannot be taken back without a trace."""
    rates = {
        name: percent
        for name in {code(line.tax_code) for line in bill.lines}
        if (facts := known.tax_codes.get(name)) is not None
        and (percent := facts.percent_on(bill.invoice_date)) is not None
    }
    total = foretold_total(bill, rates, by_code=known.company.groups_lines_for_tax)
    if total is None or abs(total - bill.gross) <= settings.tolerance.get(bill.currency, Decimal(0)):
        return []
    theirs, ours = round_amount(total, bill.currency), round_amount(bill.gross, bill.currency)
    return [Finding(Reason.TOTALS_DIFFER, f"{theirs} in the ledger, {ours} {bill.currency} on the invoice")]
