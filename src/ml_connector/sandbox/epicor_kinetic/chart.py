"""The chart of accounts: segments, their values, and the combinations that exist (Epicor dossier 13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ml_connector.sandbox.epicor_kinetic.books import (
    BANK_ACCOUNT,
    CHART,
    DYNAMIC,
    PAYABLES_ACCOUNT,
    SEGMENTS,
    TAX_ACCOUNT,
    Books,
)
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.trade import Account, DimensionValue, TradingCompany

SEPARATOR = "|"
DISPLAYED = "-"
_NATURAL = 1
_STARTED = "2015-01-01T00:00:00"
_CREDIT = ("Liabilities", "Income", "Equity")
_USUAL_DEPARTMENTS = ("", "D010", "D020", "D040")
_USUAL_AREAS = ("", "A01", "A02")
"""What combinations exist of, beside those that the invoices use."""


def chart_rows(company: TradingCompany) -> list[Row]:
    """The one chart of the company."""
    owner = {"Company": "", "COACode": CHART, "Description": f"Chart of {company.name}"}
    return [{**owner, "SeparatorChar": DISPLAYED, "MasterCOA": True, "ChartInUse": True, "NbrSegments": 4}]


def segment_rows() -> Iterator[Row]:
    """Natural account, department, area, and the dynamic, optional project."""
    natural = {"SegmentName": "Account", "Abbreviation": "Acct", "EntryControl": "0", "MinLength": 4}
    yield {**_segment(_NATURAL, 10), **natural}
    for name, number in SEGMENTS.items():
        title = name.capitalize()
        described = {"SegmentName": title, "Abbreviation": title[:4], "EntryControl": "3", "AllowAlpha": True}
        yield {**_segment(number, 20), **described, "Dynamic": number == DYNAMIC}


def _segment(number: int, length: int) -> Row:
    return {"COACode": CHART, "SegmentNbr": number, "DisplayOrder": number, "MaxLength": length}


def value_rows(company: TradingCompany) -> Iterator[Row]:
    """The values of all segments."""
    for account in (*_own_accounts(), *company.accounts):
        yield account_row(account)
    for value in company.dimension_values:
        if value.dimension in SEGMENTS:
            yield dimension_row(value)


def account_row(account: Account) -> Row:
    """A natural account; headings and what only the system may post to cannot be used."""
    usable = account.account_type == "Posting" and account.direct_posting and not account.blocked
    return {
        "COACode": CHART,
        "SegmentNbr": _NATURAL,
        "SegmentCode": account.number,
        "SegmentName": account.name,
        "SegmentDesc": account.name,
        "SegmentAbbrev": account.number,
        "ActiveFlag": usable,
        "EffectiveFrom": _STARTED,
        "Category": account.category.upper()[:10],
        "NormalBalance": "C" if account.category in _CREDIT else "D",
    }


def dimension_row(value: DimensionValue) -> Row:
    """A value of another segment."""
    return {
        "COACode": CHART,
        "SegmentNbr": SEGMENTS[value.dimension],
        "SegmentCode": value.code,
        "SegmentName": value.name,
        "SegmentDesc": value.name,
        "SegmentAbbrev": value.code,
        "ActiveFlag": not value.blocked,
        "EffectiveFrom": _STARTED,
    }


def combination_rows(company: TradingCompany) -> Iterator[Row]:
    """The GL accounts: those that the invoices are coded to, and some for every account that can be used."""
    accounts = {account.number: account for account in (*_own_accounts(), *company.accounts)}
    for stored in dict.fromkeys((*_used(company, accounts), *_usual(accounts.values()))):
        account = accounts[stored.partition(SEPARATOR)[0]]
        yield gl_account_row(stored, account.name, active=not account.blocked)


def gl_account_row(stored: str, description: str, *, active: bool = True) -> Row:
    """A GL account by its stored form."""
    parts = stored.split(SEPARATOR)
    return {
        "COACode": CHART,
        "GLAccount1": stored,
        "AccountDesc": description,
        "Active": active,
        "EffFrom": _STARTED,
        "GLAcctDispGLAcctDisp": DISPLAYED.join(parts),
        "GLAcctDispAccountDesc": description,
        **{f"SegValue{number}": value for number, value in enumerate(parts, 1)},
    }


def stored_form(values: Iterable[str]) -> str:
    """Segment values joined in their order, blank ones at the end dropped (Epicor dossier 13.3)."""
    return SEPARATOR.join(values).rstrip(SEPARATOR)


def put_combination(books: Books, stored: str) -> Row:
    """A further GL account, as somebody creates it."""
    natural = books.segment_value(_NATURAL, stored.partition(SEPARATOR)[0])
    name = stored if natural is None else str(natural["SegmentName"])
    return books.table("GLAccount").put({"Company": books.id, **gl_account_row(stored, name)})


def _used(company: TradingCompany, accounts: dict[str, Account]) -> Iterator[str]:
    codes = {(value.dimension, value.code) for value in company.dimension_values}
    for invoice in (*company.invoices, *company.already_posted):
        for row in invoice.rows:
            chosen = {name: code for name, code in row.dimensions if (name, code) in codes}
            if row.account in accounts:
                yield stored_form((row.account, chosen.get("DEPARTMENT", ""), chosen.get("AREA", "")))


def _usual(accounts: Iterable[Account]) -> Iterator[str]:
    for account in accounts:
        if account.account_type == "Posting":
            for department in _USUAL_DEPARTMENTS:
                for area in _USUAL_AREAS:
                    yield stored_form((account.number, department, area))


def _own_accounts() -> Iterator[Account]:
    yield Account(PAYABLES_ACCOUNT, "Trade payables", "Liabilities", direct_posting=False)
    yield Account(TAX_ACCOUNT, "Deductible VAT", "Liabilities", direct_posting=False)
    yield Account(BANK_ACCOUNT, "Bank account", "Assets", direct_posting=False)
