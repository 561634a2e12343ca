"""One company of the environment: its tables, its settings and the look-ups everybody needs."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import Store, Table
from ml_connector.sandbox.trade import TradingCompany

ACME_ID = "6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001"
SHORTCUTS = ("DEPARTMENT", "PROJECT")
"""The global dimensions behind shortcutDimension1Code and 2."""

_INDEXED: dict[str, tuple[str, ...]] = {
    "vendors": ("number",),
    "accounts": ("number",),
    "items": ("number",),
    "dimensions": ("code",),
    "dimensionValues": ("dimensionId", "code"),
    "defaultDimensions": ("parentId",),
    "paymentTerms": ("code",),
    "currencies": ("code",),
    "taxGroups": ("code",),
    "unitsOfMeasure": ("code",),
    "countriesRegions": ("code",),
    "paymentMethods": ("code",),
    "purchaseInvoices": ("number", "vendorNumber", "vendorInvoiceNumber"),
    "purchaseCreditMemos": ("number", "vendorNumber", "vendorCreditMemoNumber"),
    "purchaseOrders": ("number", "vendorNumber"),
    "purchaseInvoiceLines": ("documentId",),
    "purchaseCreditMemoLines": ("documentId",),
    "purchaseOrderLines": ("documentId",),
    "purchaseReceipts": ("number", "orderNumber"),
    "purchaseReceiptLines": ("documentId",),
    "attachments": ("parentId",),
    "documentAttachments": ("parentId",),
    "vendorLedgerEntries": ("documentNumber", "externalDocumentNumber", "vendorNumber"),
    "generalLedgerEntries": ("documentNumber",),
}
_KEYS = {"vendorLedgerEntries": "entryNumber"}


def company_id(code: str) -> str:
    """The BC company that Basware's company code stands for."""
    return ACME_ID if code == "1000" else str(uuid.uuid5(uuid.NAMESPACE_URL, f"bc-company-{code}"))


@dataclass(slots=True)
class Books:
    """The books of one company."""

    company: TradingCompany
    store: Store
    id: str = field(init=False)
    tables: dict[str, Table] = field(init=False)
    posting_from: date = field(init=False)
    posting_to: date = field(init=False)
    rates: dict[str, list[tuple[str, Decimal]]] = field(init=False)
    """By currency: first day and company currency for one unit, ascending."""
    series: dict[str, int] = field(default_factory=dict)
    founded: str = ""

    def __post_init__(self) -> None:
        self.id = company_id(self.company.code)
        self.tables = {
            name: Table(self.store, entity, self.id, indexed=_INDEXED.get(name, ()), key=_KEYS.get(name, "id"))
            for name, entity in TYPES.items()
        }
        self.posting_from = self.company.posting_from
        self.posting_to = self.company.posting_to
        self.rates = {}
        for currency, start, rate in self.company.rates:
            self.rates.setdefault(currency, []).append((start.isoformat(), rate))
        self.founded = self.store.now()

    def table(self, name: str) -> Table:
        """The table behind an entity set."""
        return self.tables[name]

    def today(self) -> str:
        """The work date."""
        return self.store.clock.now().date().isoformat()

    def next_number(self, series: str) -> str:
        """The next number of a series."""
        self.series[series] = self.series.get(series, 0) + 1
        return f"{series}{self.series[series]:06d}"

    def next_entry(self, ledger: str) -> int:
        """The next entry number of a ledger."""
        self.series[ledger] = self.series.get(ledger, 0) + 1
        return self.series[ledger]

    def by_number(self, name: str, number: str) -> Row | None:
        """A row of vendors, accounts, items or documents by its number."""
        return self.tables[name].first("number", number)

    def by_code(self, name: str, code: str) -> Row | None:
        """A row of currencies, terms, tax groups or dimensions by its code."""
        return self.tables[name].first("code", code)

    def dimension_value(self, dimension: str, code: str) -> Row | None:
        """A value of a dimension by both codes."""
        owner = self.by_code("dimensions", dimension)
        if owner is None:
            return None
        found = self.tables["dimensionValues"].find("code", code)
        return next((value for value in found if value["dimensionId"] == owner["id"]), None)

    def factor(self, currency: str, day: str) -> Decimal:
        """Company currency for one unit on that day; 0 when there is no rate, 1 for the company's own."""
        if currency in ("", self.company.currency):
            return Decimal(1)
        rates = self.rates.get(currency, [])
        at = bisect_right(rates, day, key=lambda rate: rate[0])
        return rates[at - 1][1] if at else Decimal(0)

    def due_date(self, terms_id: str, day: str) -> str:
        """When something dated `day` falls due under those terms."""
        terms = self.tables["paymentTerms"].rows.get(terms_id) if terms_id != NO_GUID else None
        days = int(terms["dueDateCalculation"].rstrip("D") or 0) if terms else 0
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()

    def default_dimensions(self, vendor: Row) -> dict[str, str]:
        """What a vendor brings to its documents, by dimension code."""
        found = self.tables["defaultDimensions"].find("parentId", vendor["id"])
        return {row["dimensionCode"]: row["dimensionValueCode"] for row in found if row["dimensionValueCode"]}
