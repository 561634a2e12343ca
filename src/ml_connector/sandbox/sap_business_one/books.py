"""One company of the installation: its tables, its switches and the look-ups everybody needs."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from ml_connector.sandbox.sap_business_one.schema import SETS, Row
from ml_connector.sandbox.sap_business_one.table import Store, Table
from ml_connector.sandbox.trade import TradingCompany

_INDEXED: dict[str, tuple[str, ...]] = {
    "BusinessPartners": ("CardType",),
    "ChartOfAccounts": ("FormatCode",),
    "PurchaseOrders": ("DocNum", "CardCode", "DocumentStatus"),
    "PurchaseDeliveryNotes": ("DocNum", "CardCode"),
    "PurchaseInvoices": ("DocNum", "CardCode", "NumAtCard"),
    "PurchaseCreditNotes": ("DocNum", "CardCode", "NumAtCard"),
    "Drafts": ("CardCode", "NumAtCard"),
    "VendorPayments": ("DocNum", "CardCode"),
    "ApprovalRequests": ("DraftEntry",),
}
_FIRST_ENTRY = {
    "PurchaseOrders": 5200,
    "PurchaseDeliveryNotes": 6600,
    "PurchaseInvoices": 9100,
    "PurchaseCreditNotes": 850,
    "Drafts": 70,
    "VendorPayments": 3300,
    "Attachments2": 4700,
    "JournalEntries": 55000,
}
"""Where the counters begin, so that no two objects are mistaken for one another by chance."""


class Duplicates(StrEnum):
    """What the company says to a supplier's number that was used before (B1 dossier 11.1)."""

    OFF = "off"
    WARNING = "warning"
    PARTNER = "partner"
    ALL = "all"


class Period(StrEnum):
    """The state of the posting period a day falls into."""

    OPEN = "open"
    LOCKED = "locked"
    MISSING = "missing"


@dataclass(slots=True)
class Switches:
    """What the administrator of one company can set, and how its installation was built."""

    segments: bool = False
    """Account segmentation: accounts are known by `_SYS...` codes."""
    branches: bool = False
    duplicates: Duplicates = Duplicates.OFF
    fiscal_year_only: bool = False
    """Duplicates are looked for in the current fiscal year only."""
    approval: bool = False
    """An approval procedure takes every purchase invoice and credit note (EnableApprovalProcedureInDI)."""
    profile: int = 2024
    """2021 lacks PaidToDate and DataVersion; 2024 has them."""
    localisation: str = "FI"
    """CompanyInfo.Localization; its form is UNCONFIRMED, a country code here."""
    closed_base_code: int = -5002
    """How a closed base document is refused: -5002 or -10."""
    attachments_folder: bool = True
    group_tax: bool = False
    """Tax is rounded once for each code of a document, not line by line (GroupLinesInVATCalculation)."""
    approval_status: int = 404
    """HTTP status of the -2028 that an approval procedure answers with (UNCONFIRMED, dossier U5)."""


def company_db(code: str) -> str:
    """The company database that Basware's company code stands for."""
    return f"SBO_{code}"


@dataclass(slots=True)
class Books:
    """The books of one company."""

    company: TradingCompany
    store: Store
    database: str = field(init=False)
    tables: dict[str, Table] = field(init=False)
    switches: Switches = field(default_factory=Switches)
    posting_from: date = field(init=False)
    posting_to: date = field(init=False)
    rates: dict[str, list[tuple[str, Decimal]]] = field(init=False)
    """By currency: first day and local currency for one unit, ascending."""
    counters: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = company_db(self.company.code)
        self.tables = {
            name: Table(self.store, name, entity, indexed=_INDEXED.get(name, ())) for name, entity in SETS.items()
        }
        self.posting_from = self.company.posting_from
        self.posting_to = self.company.posting_to
        self.rates = {}
        for currency, start, rate in self.company.rates:
            self.rates.setdefault(currency, []).append((start.isoformat(), rate))

    @property
    def currency(self) -> str:
        """The local currency."""
        return self.company.currency

    def table(self, entity_set: str) -> Table:
        """The table behind an entity set."""
        return self.tables[entity_set]

    def today(self) -> str:
        """The server's day."""
        return self.store.today()

    def next_entry(self, entity_set: str) -> int:
        """The next internal key of an entity set; keys that were used up by a failure stay used up."""
        self.counters[entity_set] = self.counters.get(entity_set, _FIRST_ENTRY.get(entity_set, 0)) + 1
        return self.counters[entity_set]

    def next_number(self, series: str, first: int = 1) -> int:
        """The next visible number of a series."""
        name = f"series {series}"
        self.counters[name] = self.counters.get(name, first - 1) + 1
        return self.counters[name]

    def period(self, day: str) -> Period:
        """The state of the period of a day: there are periods for last year, this one and the next."""
        asked = date.fromisoformat(day)
        if abs(asked.year - self.store.clock.now().year) > 1:
            return Period.MISSING
        return Period.OPEN if self.posting_from <= asked <= self.posting_to else Period.LOCKED

    def factor(self, currency: str, day: str) -> Decimal:
        """Local currency for one unit on that day; 0 when there is no rate, 1 for the local currency."""
        if currency in ("", self.currency):
            return Decimal(1)
        rates = self.rates.get(currency, [])
        at = bisect_right(rates, day, key=lambda rate: rate[0])
        return rates[at - 1][1] if at else Decimal(0)

    def tax_rate(self, group: Row, day: str) -> Decimal:
        """The percentage of a VAT group on a day: its line with the latest start not after the day."""
        known = [line for line in group["VatGroups_Lines"] if line["Effectivefrom"] <= day]
        return max(known, key=lambda line: line["Effectivefrom"])["Rate"] if known else Decimal(0)

    def account_of(self, number: str) -> Row | None:
        """The account with that visible number."""
        accounts = self.tables["ChartOfAccounts"]
        return accounts.first("FormatCode", number) if self.switches.segments else accounts.get(number)

    def account_number(self, code: str | None) -> str | None:
        """The visible number of an account by its internal code."""
        row = self.tables["ChartOfAccounts"].get(code) if code else None
        return code if row is None else (row.get("FormatCode") or row["Code"])
