"""What speaks against posting bills: everything that is known, all at once, without writing.

Not known beforehand: exchange rates, what is billed of an order already, the company's own rules, and taxes, which
the form computes and the caller compares.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from ml_connector.connectors.acumatica.books import Books, Period, Subaccounts, VendorFacts
from ml_connector.connectors.acumatica.documents import Match, Plan, project_of, wanted_dimensions
from ml_connector.connectors.acumatica.manifest import NUMBER_LENGTH
from ml_connector.connectors.acumatica.matching import Papers, matches_of
from ml_connector.connectors.acumatica.subaccounts import DimensionKind, dimension_of, put_together
from ml_connector.connectors.order_matching import is_matched
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillLine
from ml_connector.records.reason import Finding, Reason

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was looked up for a set of bills."""

    vendors: Mapping[str, VendorFacts | None] = field(default_factory=dict[str, VendorFacts | None])
    accounts: Mapping[str, bool] = field(default_factory=dict[str, bool])
    subaccounts: Subaccounts = field(default_factory=Subaccounts)
    projects: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    tasks: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    tax_categories: Mapping[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    currencies: frozenset[str] = frozenset()
    periods: Mapping[date, Period | None] = field(default_factory=dict[date, Period | None])
    papers: Papers = field(default_factory=Papers)


class _Asked(Protocol[T_co]):
    """What is read on demand (`remembered.Remembered`)."""

    def get(self, *, not_before: float | None = None) -> Awaitable[T_co]: ...


async def gather_knowledge(books: Books, bills: Sequence[Bill], papers: Papers) -> Knowledge:
    """Looks up what the bills name, each thing once; what seems not to be there may have come a moment ago."""
    started = time.monotonic()
    lines = [line for bill in bills for line in bill.lines]
    coded = [line for bill in bills for line in bill.lines if not is_matched(bill, line)]
    named = [project_of(line) for line in coded]
    coding, places = asyncio.gather(
        _certain(books.accounts, started, lambda known: all(code(line.account) in known for line in coded)),
        _subaccounts(books, coded, started),
        _certain(
            books.tax_categories, started,
            lambda known: all(code(line.tax_code) in known for line in lines if line.tax_code.strip()),
        ),
    ), asyncio.gather(
        books.projects.get({code(each["Project"]) for each in named if "Project" in each}),
        books.tasks.get({_task(each) for each in named if "Project" in each and "ProjectTask" in each}),
    )  # fmt: skip
    (accounts, subaccounts, tax_categories), (projects, tasks), vendors, currencies, periods = await asyncio.gather(
        coding,
        places,
        books.vendors.get({code(bill.vendor) for bill in bills}),
        _certain(books.currencies, started, lambda known: all(code(bill.currency) in known for bill in bills)),
        books.periods_on(day for bill in bills for day in (bill.posting_date, bill.invoice_date)),
    )
    return Knowledge(
        vendors=vendors, accounts=accounts, subaccounts=subaccounts, projects=projects, tasks=tasks,
        tax_categories=tax_categories, currencies=currencies, periods=periods, papers=papers,
    )  # fmt: skip


async def _certain(source: _Asked[T_co], started: float, is_enough: Callable[[T_co], bool]) -> T_co:
    known = await source.get()
    return known if is_enough(known) else await source.get(not_before=started)


async def _subaccounts(books: Books, lines: Sequence[BillLine], started: float) -> Subaccounts:
    """All of them, where any line names one: others may not have the feature."""
    named = [coding for line in lines if (coding := _coding_of(line)).is_named]
    if not named:
        return Subaccounts()
    return await _certain(
        books.subaccounts, started,
        lambda known: all(
            (not each.whole or known.find(each.whole)) and all(known.knows(*one) for one in each.segments.items())
            for each in named
        ),
    )  # fmt: skip


# ------------------------------------------------------------------ findings


def findings_of(bill: Bill, known: Knowledge) -> tuple[Finding, ...]:
    """All that speaks against one bill, each thing named once."""
    findings = [
        *_of_number(bill.number),
        *_of_vendor(bill, known),
        *_of_currency(bill, known),
        *_of_periods(bill, known),
    ]
    for line in bill.lines:
        findings += _of_tax(line, known)
        if not is_matched(bill, line):
            findings += [*_of_account(line, known), *_of_dimensions(bill, line, known)]
    matches = matches_of(bill, known.papers)
    findings += matches if isinstance(matches, tuple) else ()
    return tuple(dict.fromkeys(findings))


def plan_of(bill: Bill, known: Knowledge, *, branch: str) -> Plan:
    """How a bill that nothing speaks against is written."""
    vendor, period = known.vendors.get(code(bill.vendor)), known.periods.get(bill.posting_date)
    matches = matches_of(bill, known.papers)
    subaccounts = {
        position: spelt
        for position, line in enumerate(bill.lines)
        if not is_matched(bill, line) and isinstance(spelt := _subaccount(bill, line, known), str) and spelt
    }
    return Plan(
        period=period.id if period else "",
        branch=branch,
        vendor=vendor.code if vendor else "",
        subaccounts=subaccounts,
        matches=_no_matches() if isinstance(matches, tuple) else matches,
    )


def _no_matches() -> Mapping[int, Match]:
    return {}


def _of_number(number: str) -> list[Finding]:
    if not number.strip():
        return [Finding(Reason.NUMBER_MISSING)]
    return [Finding(Reason.NUMBER_TOO_LONG, number)] if units(number.strip()) > NUMBER_LENGTH else []


def _of_vendor(bill: Bill, known: Knowledge) -> list[Finding]:
    facts = known.vendors.get(code(bill.vendor))
    if facts is None:
        return [Finding(Reason.VENDOR_UNKNOWN, bill.vendor)]
    return [] if facts.is_usable else [Finding(Reason.VENDOR_BLOCKED, bill.vendor)]


def _of_currency(bill: Bill, known: Knowledge) -> list[Finding]:
    currency, facts = code(bill.currency), known.vendors.get(code(bill.vendor))
    if currency not in known.currencies:
        return [Finding(Reason.CURRENCY_UNKNOWN, currency)]
    if facts is not None and not facts.may_bill_in_others and currency != facts.currency:
        detail = f"supplier {facts.code} is billed in {facts.currency} only, the invoice is in {currency}"
        return [Finding(Reason.SETUP_INCOMPLETE, detail)]
    return []


def _of_periods(bill: Bill, known: Knowledge) -> list[Finding]:
    """The period of the posting date has to be open; the supplier's date has to lie in any (dossier 9.1)."""
    period = known.periods.get(bill.posting_date)
    if period is None or not period.is_open:
        return [Finding(Reason.PERIOD_CLOSED, bill.posting_date.isoformat())]
    if known.periods.get(bill.invoice_date) is None:
        return [Finding(Reason.PERIOD_CLOSED, bill.invoice_date.isoformat())]
    return []


def _of_account(line: BillLine, known: Knowledge) -> list[Finding]:
    is_active = known.accounts.get(code(line.account))
    if is_active is None:
        return [Finding(Reason.ACCOUNT_UNKNOWN, line.account)]
    return [] if is_active else [Finding(Reason.ACCOUNT_BLOCKED, line.account)]


def _of_tax(line: BillLine, known: Knowledge) -> list[Finding]:
    if not line.tax_code.strip():
        return []
    _, is_active = known.tax_categories.get(code(line.tax_code), ("", False))
    # One that is switched off is as good as none: the catalogue has one word for both.
    return [] if is_active else [Finding(Reason.TAX_CODE_UNKNOWN, line.tax_code)]


# ------------------------------------------------------------------ dimensions


@dataclass(frozen=True, slots=True)
class Coding:
    """What a line says of its subaccount: the whole code, some segments, or nothing."""

    whole: str
    segments: Mapping[int, str]

    @property
    def is_named(self) -> bool:
        """True where it says anything."""
        return bool(self.whole or self.segments)


def _coding_of(line: BillLine) -> Coding:
    whole, segments = "", dict[int, str]()
    for name, value in wanted_dimensions(line).items():
        dimension = dimension_of(name)
        if dimension is not None and dimension.kind is DimensionKind.SUBACCOUNT:
            whole = value
        elif dimension is not None and dimension.kind is DimensionKind.SEGMENT:
            segments[dimension.segment] = value
    return Coding(whole, segments)


def _of_dimensions(bill: Bill, line: BillLine, known: Knowledge) -> list[Finding]:
    findings = [
        Finding(Reason.DIMENSION_UNKNOWN, f"The dimension {name}")
        for name in wanted_dimensions(line)
        if dimension_of(name) is None
    ]
    subaccount = _subaccount(bill, line, known)
    findings += () if isinstance(subaccount, str) else subaccount
    return findings + _of_project(line, known)


def _subaccount(bill: Bill, line: BillLine, known: Knowledge) -> str | tuple[Finding, ...]:
    """The whole code of a line as the ledger spells it, empty for the form's own default; or what is wrong with it.

    Segments that the line leaves out are the vendor's, or zeros.
    """
    coding = _coding_of(line)
    if not coding.is_named:
        return ""
    unknown = tuple(
        Finding(Reason.DIMENSION_UNKNOWN, f"Subaccount segment {place} {value}")
        for place, value in coding.segments.items()
        if not known.subaccounts.knows(place, value)
    )
    if unknown:
        return unknown
    spelt = coding.whole
    if coding.segments:
        facts = known.vendors.get(code(bill.vendor))
        base = known.subaccounts.spelling_of(coding.whole or (facts.subaccount if facts else ""))
        spelt = put_together(coding.segments, base=base) or ""
    found = known.subaccounts.find(spelt) if spelt else None
    if found is None:
        return (Finding(Reason.DIMENSION_UNKNOWN, f"Subaccount {spelt}"),)
    return found[0] if found[1] else (Finding(Reason.DIMENSION_BLOCKED, f"Subaccount {found[0]}"),)


def _of_project(line: BillLine, known: Knowledge) -> list[Finding]:
    named = project_of(line)
    findings: list[Finding] = []
    if "Project" in named:
        findings += _of_place("Project", named["Project"], known.projects.get(code(named["Project"])))
    if "ProjectTask" not in named:
        return findings
    if "Project" not in named:
        return [*findings, Finding(Reason.DIMENSION_MISSING, f"the project of task {named['ProjectTask']}")]
    if not findings:
        findings += _of_place("Project task", named["ProjectTask"], known.tasks.get(_task(named)))
    return findings


def _of_place(title: str, value: str, is_active: bool | None) -> list[Finding]:
    if is_active is None:
        return [Finding(Reason.DIMENSION_UNKNOWN, f"{title} {value}")]
    return [] if is_active else [Finding(Reason.DIMENSION_BLOCKED, f"{title} {value}")]


def _task(named: Mapping[str, str]) -> str:
    return f"{code(named['Project'])}/{code(named['ProjectTask'])}"
