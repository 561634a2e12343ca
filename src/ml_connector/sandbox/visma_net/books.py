"""The books of one company: its tables, its files, and how its preferences stand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.basware.files import image
from ml_connector.sandbox.trade import TradingCompany
from ml_connector.sandbox.visma_net.errors import not_found_in_system
from ml_connector.sandbox.visma_net.identity import tenant_of
from ml_connector.sandbox.visma_net.resources import RESOURCES
from ml_connector.sandbox.visma_net.table import Store, Table
from ml_connector.sandbox.visma_net.wire import Row

INVOICE = "Invoice"
CREDIT_NOTE = "DebitAdj"
_EXTRA = ("dimension", "projecttask")
_FIRST_NUMBER = 300_001


def company_id(code: str) -> str:
    """Visma's company id of the company of that Basware code."""
    return f"{code}001"


@dataclass(slots=True)
class Preferences:
    """What differs between companies or was never confirmed."""

    payment_touches_invoice: bool = False
    """A payment moves the invoice's last modification (UNCONFIRMED, Visma dossier 17.40)."""
    receipt_touches_order: bool = False
    """A receipt moves the order's last modification."""
    notes_after_release: bool = False
    """A note may be changed on a released document; otherwise nothing may (Visma dossier 17.37)."""
    validate_totals: bool = False
    """A document leaves Hold only with matching control totals."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file on a document: every revision of it; None for one that is drawn when it is read."""

    id: str
    name: str
    owner: str
    """The document's key, `type/number`."""
    revisions: tuple[bytes | None, ...]

    def content(self, title: str) -> bytes:
        """The latest revision."""
        return _drawn(self.name, title) if self.revisions[-1] is None else self.revisions[-1]


@dataclass(slots=True)
class Books:
    """One company."""

    store: Store
    company: TradingCompany
    preferences: Preferences = field(default_factory=Preferences)
    tables: dict[str, Table] = field(init=False, default_factory=dict)
    files: dict[str, Attached] = field(default_factory=dict)
    """By the file's id."""
    numbers: dict[str, int] = field(default_factory=dict)
    """The last number given, by document type or table."""

    def __post_init__(self) -> None:
        for name in (*(each.table for each in RESOURCES.values()), *_EXTRA):
            self.tables.setdefault(name, Table(self.store, self.key, name))

    @property
    def key(self) -> str:
        """Visma's company id."""
        return company_id(self.company.code)

    @property
    def tenant(self) -> str:
        """The company tenant's id."""
        return tenant_of(self.company.code)

    def table(self, name: str) -> Table:
        """One of the tables."""
        return self.tables[name]

    def row(self, table: str, key: str, field_name: str = "") -> Row:
        """A row that must be there; raises Refusal (400), as a lookup in a body does."""
        row = self.tables[table].get(key)
        if row is None:
            raise not_found_in_system(field_name or table, key)
        return row

    def next_number(self, series: str, first: int = _FIRST_NUMBER) -> int:
        """The next number; the series of different document types overlap (Visma dossier 17.21)."""
        before = self.numbers.get(series)
        self.numbers[series] = (before or first - 1) + 1
        return self.numbers[series]

    def rate(self, currency: str, day: date) -> Decimal:
        """Company currency for one unit on that day; 1 where the ledger has no rate."""
        known = [rate for code, start, rate in self.company.rates if code == currency and start <= day]
        return known[-1] if known else Decimal(1)

    def attach(self, owner: str, name: str, content: bytes | None) -> Attached:
        """Attaches a file; the same name again is a new revision of the same file."""
        before = next((each for each in self.attached(owner) if each.name == name), None)
        made = f"visma/{self.company.code}/{owner}/{name}"
        kept = Attached(
            before.id if before else str(uuid.uuid5(uuid.NAMESPACE_URL, made)),
            name,
            owner,
            (*(before.revisions if before else ()), content),
        )
        self.files[kept.id] = kept
        self.store.remember(lambda: self._put_back(kept.id, before))
        return kept

    def attached(self, owner: str) -> Iterable[Attached]:
        """The files on a document."""
        row = self.tables["supplierInvoice"].get(owner) or {}
        return [self.files[each["id"]] for each in row.get("attachments", ())]

    def _put_back(self, key: str, before: Attached | None) -> None:
        if before is None:
            self.files.pop(key, None)
        else:
            self.files[key] = before


def _drawn(name: str, title: str) -> bytes:
    if name.lower().endswith(".pdf"):
        return image(title)
    return f"{title}\nThis file is simulated.\n".encode()
