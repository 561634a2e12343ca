"""One tenant: its tables, its switches and the look-ups everybody needs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.schema import ENTITIES, Row
from ml_connector.sandbox.acumatica.table import Store, Table
from ml_connector.sandbox.trade import TradingCompany

BRANCH = "HEADOFFICE"
SECOND_BRANCH = "WAREHOUSE"
TAX_ZONE = "DOMESTIC"
FOREIGN_ZONE = "FOREIGN"
"""A zone in which no tax applies."""
NO_PROJECT = "X"
"""The code of the project that is none."""
EMPTY_SUBACCOUNT = "0000-000"
PAYABLES_ACCOUNT = "2000"
TAX_ACCOUNT = "2990"
CASH_ACCOUNT = "10200"

_INDEXED: dict[str, tuple[str, ...]] = {
    "Bill": ("Vendor", "VendorRef", "Status", "ReferenceNbr"),
    "Check": ("Vendor", "ReferenceNbr"),
    "PurchaseOrder": ("VendorID", "OrderNbr", "Status"),
    "PurchaseReceipt": ("VendorID", "ReceiptNbr"),
    "ProjectTask": ("ProjectID",),
}
_FIRST_NUMBER = {"Bill": 5933, "Debit Adj.": 44, "Check": 76, "PurchaseReceipt": 2100, "JournalTransaction": 9000}
"""Where the number sequences begin, so that no two documents are mistaken for one another by chance."""


class Period(StrEnum):
    """The state of a financial period, as FinancialPeriod tells it."""

    OPEN = "Open"
    CLOSED = "Closed"
    INACTIVE = "Inactive"
    MISSING = "Missing"


@dataclass(slots=True)
class Switches:
    """What the administrator of a tenant can set, and how its build behaves."""

    hold_on_entry: bool = True
    """AP preference: new documents are on hold unless they say otherwise."""
    validate_totals: bool = True
    """AP preference: Amount must equal lines and tax before a document leaves hold."""
    require_vendor_ref: bool = False
    duplicates: bool = False
    """AP preference: a vendor's reference that was used before is refused."""
    duplicate_status: int = 500
    """How: 500 OutcomeEntityHasErrors or 422 on VendorRef (Acumatica dossier 10.6)."""
    approval: bool = False
    """An approval map takes every bill."""
    subaccounts: bool = True
    projects: bool = True
    payment_label: str = "Payment"
    """`Payment` or the older `Check` (Acumatica dossier 3.2)."""
    payments_touch_bills: bool = True
    """What a payment does to a bill changes the bill's stamp (UNCONFIRMED, dossier U10)."""
    saves_silently: bool = False
    """The user may only view bills: PUT answers 200 and saves nothing (Acumatica dossier 15.39)."""
    time_zone: str = "America/New_York"
    """Of the API user: offsets of dates and times are written in it."""


def tenant_of(code: str) -> str:
    """The tenant that Basware's company code stands for."""
    return f"Acme{code}"


@dataclass(slots=True)
class Books:
    """The books of one tenant."""

    company: TradingCompany
    store: Store
    tenant: str = field(init=False)
    tables: dict[str, Table] = field(init=False)
    switches: Switches = field(default_factory=Switches)
    rates: dict[str, list[tuple[date, Decimal]]] = field(init=False)
    """By currency: first day and base currency for one unit, ascending."""
    counters: dict[str, int] = field(default_factory=dict)
    periods: dict[str, Row] = field(default_factory=dict)
    """By `MMYYYY`: the rows of FinancialPeriod.Details."""
    no_rights: set[str] = field(default_factory=set)
    """Entities whose forms the API user may not open."""
    files: dict[str, list[Row]] = field(default_factory=dict)
    """By record GUID: {id, name, comment, data} of each file attached to it."""

    def __post_init__(self) -> None:
        self.tenant = tenant_of(self.company.code)
        self.tables = {
            name: Table(self.store, entity, indexed=_INDEXED.get(name, ())) for name, entity in ENTITIES.items()
        }
        self.rates = {}
        for currency, start, rate in self.company.rates:
            self.rates.setdefault(currency, []).append((start, rate))

    @property
    def currency(self) -> str:
        """The base currency."""
        return self.company.currency

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the API user."""
        return ZoneInfo(self.switches.time_zone)

    def table(self, entity: str) -> Table:
        """The table behind an entity."""
        return self.tables[entity]

    def today(self) -> date:
        """The business date where nobody sets another: the day in the user's time zone."""
        return self.store.clock.now().astimezone(self.zone).date()

    def next_number(self, sequence: str, *, digits: int = 6) -> str:
        """The next number of a sequence, zero-padded."""
        self.counters[sequence] = self.counters.get(sequence, _FIRST_NUMBER.get(sequence, 0) - 1) + 1
        return f"{self.counters[sequence]:0{digits}d}"

    def period_of(self, day: date) -> str:
        """The financial period of a day as `MMYYYY`."""
        return f"{day.month:02d}{day.year}"

    def period(self, period_id: str) -> Period:
        """The state of a period, `MMYYYY`, for accounts payable."""
        row = self.periods.get(period_id)
        if row is None:
            return Period.MISSING
        return Period.CLOSED if row["ClosedInAP"] else Period(row["Status"])

    def rate(self, currency: str, day: date) -> Decimal | None:
        """Base currency for one unit on that day; None when there is no rate, 1 for the base currency."""
        if currency == self.currency:
            return Decimal(1)
        rates = self.rates.get(currency, [])
        at = bisect_right(rates, day, key=lambda rate: rate[0])
        return rates[at - 1][1] if at else None

    def taxes(self, zone: str | None, category: str | None, day: date) -> Iterator[tuple[str, Decimal]]:
        """The taxes and their percentages that zone and category have in common on a day."""
        zone_row = self.tables["TaxZone"].get(zone)
        category_row = self.tables["TaxCategory"].get(category)
        if zone_row is None or category_row is None or not category_row["Active"]:
            return
        listed = {detail["TaxID"] for detail in category_row["Details"]}
        for detail in zone_row["ApplicableTaxes"]:
            if (detail["TaxID"] in listed) is not bool(category_row["ExcludeListedTaxes"]):
                yield detail["TaxID"], self.tax_rate(detail["TaxID"], day)

    def tax_rate(self, tax_id: str, day: date) -> Decimal:
        """The percentage of a tax on a day: its schedule's row with the latest start not after the day."""
        row = self.tables["Tax"].get(tax_id)
        known = [line for line in (row or {}).get("TaxSchedule", ()) if line["StartDate"] <= day]
        return max(known, key=lambda line: line["StartDate"])["TaxRate"] if known else Decimal(0)

    def due_date(self, terms: str | None, day: date) -> date:
        """When a document of that day falls due by those terms."""
        row = self.tables["CreditTerms"].get(terms)
        return day + timedelta(days=0 if row is None else row["DayDue00"])
