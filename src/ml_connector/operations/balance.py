"""What a reconciliation is made of: the month, the sums by place, the differences."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from ml_connector.connectors.base import Page
from ml_connector.records.invoice import DocumentKind, DocumentStatus
from ml_connector.records.money import round_amount
from ml_connector.store.documents import Document

T = TypeVar("T")


class Place(StrEnum):
    """Where an approved document is."""

    POSTED = "posted"
    HELD = "held"
    IN_FLIGHT = "in_flight"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Only of invoices that go into the payables system: settled or voided before, or removed there."""


class DifferenceKind(StrEnum):
    """What does not agree."""

    UNKNOWN_HERE = "approved, unknown here"
    NOT_IN_PAYABLES = "known here, not in the payables system"
    NOT_IN_LEDGER = "posted here, not in the ledger"
    CANCELLED_IN_LEDGER = "posted here, cancelled in the ledger"
    AMOUNT = "another amount in the ledger"
    FOREIGN_BILL = "in the ledger under the same number, not posted from here"
    SECOND_DRAFT = "a draft beside the posted bill"
    NOT_TOLD = "posted here, not transferred in the payables system"
    TOLD_ELSEWHERE = "transferred in the payables system, not posted here"
    # Of invoices that go into the payables system:
    NOT_READ = "in the ERP, unknown here"
    GONE_FROM_ERP = "known here, gone from the ERP"
    VOIDED_AFTERWARDS = "entered, voided in the ERP afterwards"
    CHANGED_AFTERWARDS = "entered, another amount in the ERP now"
    NOT_YET_READ = "changed in the ERP, not read yet"
    NOT_VISIBLE = "entered here, not in the payables system"
    ENTERED_UNAWARES = "in the payables system, not entered here"


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar month."""

    since: date
    until: date

    @classmethod
    def parse(cls, text: str) -> Period:
        """`2026-10`. Raises ValueError with a sentence."""
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) or text.startswith("0000"):
            raise ValueError(f"{text!r} is no month. Write it as 2026-10.")
        return cls.of(date.fromisoformat(f"{text}-01"))

    @classmethod
    def of(cls, day: date) -> Period:
        """The month a day lies in."""
        first = day.replace(day=1)
        return cls(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        return self.since <= day <= self.until

    def __str__(self) -> str:
        return f"{self.since:%Y-%m}"


@dataclass(slots=True)
class Sum:
    """How many, and how much. Credit notes take away."""

    count: int = 0
    money: Decimal = Decimal(0)

    def add(self, amount: Decimal) -> None:
        """One more."""
        self.count += 1
        self.money += amount


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree, in words."""

    kind: DifferenceKind
    document_id: str
    invoice_number: str
    supplier: str
    currency: str
    amount: Decimal | None
    words: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "kind": str(self.kind), "document_id": self.document_id, "invoice_number": self.invoice_number,
            "supplier": self.supplier, "currency": self.currency,
            "amount": None if self.amount is None else str(self.amount), "words": self.words,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency: what was approved (or is in the ERP, where invoices go from there), and where it is."""

    currency: str
    approved: Sum = field(default_factory=Sum)
    places: Mapping[Place, Sum] = field(default_factory=lambda: {place: Sum() for place in Place})
    with_cancelled: bool = False
    """Whether what was cancelled counts: it does where the ERP's own list has it, too."""

    @property
    def agrees(self) -> bool:
        """True where approved = posted + held + in flight + rejected."""
        sums = self.places.values()
        return (self.approved.count, self.approved.money) == (
            sum(each.count for each in sums), sum((each.money for each in sums), Decimal(0))
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """For machines: sums are texts, so that they stay exact."""
        places = [place for place in Place if place is not Place.CANCELLED or self.with_cancelled]
        parts = {"approved": self.approved, **{str(place): self.places[place] for place in places}}
        shown = {
            name: {"count": each.count, "money": str(round_amount(each.money, self.currency))}
            for name, each in parts.items()
        }
        return {"currency": self.currency, **shown, "agrees": self.agrees}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of it."""

    connection: str
    period: Period
    balances: tuple[Balance, ...]
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """True where both sides agree and nothing is left to name."""
        return not self.differences and all(each.agrees for each in self.balances)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "connection": self.connection, "period": str(self.period), "agrees": self.agrees,
            "currencies": [each.as_json() for each in self.balances],
            "differences": [each.as_json() for each in self.differences],
        }  # fmt: skip


def place_of(document: Document) -> Place:
    """Where a document counts. One that is posted counts as posted, whatever became of the answer."""
    if document.posted_at is not None:
        return Place.POSTED
    if document.status is DocumentStatus.HELD:
        return Place.HELD
    if document.status is DocumentStatus.REJECTED:
        return Place.REJECTED
    return Place.IN_FLIGHT


def signed(amount: Decimal | None, kind: DocumentKind) -> Decimal | None:
    if amount is None:
        return None
    return -abs(amount) if kind is DocumentKind.CREDIT_NOTE else amount


async def each_of(pages: AsyncIterator[Page[T]]) -> AsyncIterator[T]:
    """The records of all pages."""
    async for page in pages:
        for record in page.records:
            yield record
