"""What speaks against posting bills: everything that is known, all at once, without writing.

Not known beforehand: fiscal periods, exchange rates, the company's own rules, and taxes, which the server calculates
and the caller compares.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ml_connector.connectors.epicor_kinetic.books import Books, VendorFacts
from ml_connector.connectors.epicor_kinetic.coding import Account, Chart, Value, ValueFacts, account_for, wanted_values
from ml_connector.connectors.epicor_kinetic.manifest import NUMBER_LENGTH
from ml_connector.connectors.epicor_kinetic.matching import Match, Papers, matches_of
from ml_connector.connectors.order_matching import is_matched
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.reason import Finding, Reason

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was looked up for a set of bills."""

    vendors: Mapping[str, VendorFacts | None] = field(default_factory=dict[str, VendorFacts | None])
    chart: Chart = field(default_factory=lambda: Chart("", ()))
    values: Mapping[Value, ValueFacts | None] = field(default_factory=dict[Value, ValueFacts | None])
    accounts: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    """By stored form: whether the chart has the combination."""
    tax_categories: Mapping[str, str] = field(default_factory=dict[str, str])
    currencies: Mapping[str, bool] = field(default_factory=dict[str, bool])
    papers: Papers = field(default_factory=Papers)
    terms: str = ""
    """For suppliers that have none of their own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was looked up for the writing of one bill."""

    vendor: VendorFacts
    terms: str
    """Set where the supplier has none of its own."""
    chart: str
    accounts: Mapping[int, Account]
    """By the position of the line; a matched one without keeps what the server gives it."""
    tax_categories: Mapping[int, str]
    """By the position of the line, as the ledger spells it."""
    matches: Mapping[int, tuple[Match, ...]]
    """By the position of the line."""


class _Asked(Protocol[T_co]):
    """What is read on demand (`remembered.Remembered`)."""

    def get(self, *, not_before: float | None = None) -> Awaitable[T_co]: ...


async def gather_knowledge(
    books: Books, bills: Sequence[Bill], papers: Papers, *, terms: str = "", anew: bool = False
) -> Knowledge:
    """Looks up what the bills name, each thing once; what seems not to be there may have come a moment ago.

    `anew`: whatever was read of their suppliers and segment values before, they are read again.
    """
    started = time.monotonic()
    lines = [line for bill in bills for line in bill.lines]
    chart, suppliers = await books.chart.get(), {code(bill.vendor) for bill in bills}
    wanted = {value for line in lines for value in wanted_values(line, chart)}
    if anew:
        books.look_again(suppliers, wanted)
    vendors, values = await books.vendors.get(suppliers), await books.values_of(wanted)
    stored = {
        account.stored
        for bill in bills
        for line in bill.lines
        if isinstance(account := _account(bill, line, chart, values), Account)
    }
    taxes = await _certain(
        books.tax_categories, started,
        lambda known: all(code(line.tax_code) in known for line in lines if line.tax_code.strip()),
    )  # fmt: skip
    currencies = await _certain(books.currencies, started, lambda known: all(code(b.currency) in known for b in bills))
    accounts = await books.accounts.get(stored)
    return Knowledge(vendors, chart, values, accounts, taxes, currencies, papers, terms)


async def _certain(source: _Asked[T_co], started: float, is_enough: Callable[[T_co], bool]) -> T_co:
    known = await source.get()
    return known if is_enough(known) else await source.get(not_before=started)


# ------------------------------------------------------------------ findings


def findings_of(bill: Bill, known: Knowledge) -> tuple[Finding, ...]:
    """All that speaks against one bill, each thing named once."""
    findings = [*_of_number(bill.number), *_of_vendor(bill, known), *_of_currency(bill, known)]
    for line in bill.lines:
        findings += [*_of_account(bill, line, known), *_of_tax(line, known)]
    vendor = known.vendors.get(code(bill.vendor))
    if vendor is not None:
        matches = matches_of(bill, known.papers, vendor=vendor.number)
        findings += matches if isinstance(matches, tuple) else ()
    return tuple(dict.fromkeys(findings))


def plan_of(bill: Bill, known: Knowledge) -> Plan:
    """How a bill that nothing speaks against is written."""
    vendor = known.vendors.get(code(bill.vendor))
    assert vendor is not None, "an unknown supplier is a finding"
    found = {position: _account(bill, line, known.chart, known.values) for position, line in enumerate(bill.lines)}
    matches = matches_of(bill, known.papers, vendor=vendor.number)
    return Plan(
        vendor=vendor,
        terms="" if vendor.terms else known.terms,
        chart=known.chart.code,
        accounts={position: account for position, account in found.items() if isinstance(account, Account)},
        tax_categories={
            position: known.tax_categories[code(line.tax_code)]
            for position, line in enumerate(bill.lines)
            if code(line.tax_code) in known.tax_categories
        },
        matches=_no_matches() if isinstance(matches, tuple) else matches,
    )


def _no_matches() -> Mapping[int, tuple[Match, ...]]:
    return {}


def _account(
    bill: Bill, line: BillLine, chart: Chart, values: Mapping[Value, ValueFacts | None]
) -> Account | tuple[Finding, ...]:
    """The account of a line; no findings where a matched one names none, since the order brings its own."""
    if not line.account.strip() and is_matched(bill, line):
        return ()
    return account_for(line, chart, values, when=bill.posting_date)


def _of_number(number: str) -> list[Finding]:
    if not number.strip():
        return [Finding(Reason.NUMBER_MISSING)]
    return [Finding(Reason.NUMBER_TOO_LONG, number)] if units(number.strip()) > NUMBER_LENGTH else []


def _of_vendor(bill: Bill, known: Knowledge) -> list[Finding]:
    facts = known.vendors.get(code(bill.vendor))
    if facts is None:
        return [Finding(Reason.VENDOR_UNKNOWN, bill.vendor)]
    if not facts.is_usable:
        return [Finding(Reason.VENDOR_BLOCKED, bill.vendor)]
    if facts.terms or known.terms:
        return []
    # Without terms a header is not saved (Epicor dossier 9.3).
    detail = f"supplier {facts.code} has no payment terms, and the connection names none for such (payment_terms)"
    return [Finding(Reason.SETUP_INCOMPLETE, detail)]


def _of_currency(bill: Bill, known: Knowledge) -> list[Finding]:
    return [] if known.currencies.get(code(bill.currency)) else [Finding(Reason.CURRENCY_UNKNOWN, code(bill.currency))]


def _of_account(bill: Bill, line: BillLine, known: Knowledge) -> tuple[Finding, ...]:
    account = _account(bill, line, known.chart, known.values)
    if not isinstance(account, Account):
        return account
    if known.accounts.get(account.stored):
        return ()
    return (Finding(Reason.DIMENSION_UNKNOWN, f"The combination {account.stored} of account and dimensions"),)


def _of_tax(line: BillLine, known: Knowledge) -> list[Finding]:
    if not line.tax_code.strip() or code(line.tax_code) in known.tax_categories:
        return []
    return [Finding(Reason.TAX_CODE_UNKNOWN, line.tax_code)]
