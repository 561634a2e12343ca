"""A supplier's invoice as an ERP holds it, on its way into the payables system, and what becomes of it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from ml_connector.records.invoice import Attachment, DocumentKind


class SourceStage(StrEnum):
    """Where an invoice stands in its ERP, as far as the payables system is concerned."""

    ON_HOLD = "on hold"
    """Not ready: somebody still works on it there."""
    READY = "ready"
    DONE = "done"
    """Paid or credited: there is nothing left to process."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class InvoiceTax:
    """One tax of an invoice, with what it was computed from. `percent` is None where the ERP does not tell."""

    code: str
    percent: Decimal | None
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line of an invoice; `net` is positive unless the line takes away."""

    number: str
    description: str
    net: Decimal
    quantity: Decimal | None = None
    unit: str = ""
    unit_price: Decimal | None = None
    product: str = ""
    account: str = ""
    tax_code: str = ""
    tax_percent: Decimal | None = None
    order_number: str = ""
    order_line: str = ""
    receipt_number: str = ""


@dataclass(frozen=True, slots=True)
class SupplierInvoice:
    """An invoice or credit note as read. Sums are positive, for a credit note too.

    What the ERP left out is None or empty: nothing is completed by guess.
    """

    key: str
    """The ERP's lasting key."""
    kind: DocumentKind
    number: str
    """The ERP's own number of it."""
    reference: str
    """The supplier's number on it."""
    vendor: str
    """The lasting key of the supplier, as its own records carry it."""
    vendor_number: str
    vendor_name: str
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    stage: SourceStage
    invoice_date: date | None = None
    posting_date: date | None = None
    due_date: date | None = None
    payment_term: str = ""
    payment_reference: str = ""
    description: str = ""
    buyer_reference: str = ""
    original: str = ""
    """The supplier's number of the invoice that a credit note is for."""
    taxes: tuple[InvoiceTax, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()
    files: tuple[Attachment, ...] = ()
    bank_account: str = field(default="", repr=False)
    """IBAN or number that the supplier wants to be paid to."""
    modified: datetime | None = None

    @property
    def order_numbers(self) -> tuple[str, ...]:
        """The orders that its lines refer to, each once."""
        return tuple(dict.fromkeys(line.order_number for line in self.lines if line.order_number))


@dataclass(frozen=True, slots=True)
class InvoiceFile:
    """A file that belongs to an invoice, with its bytes."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """Under what an invoice enters the payables system: kept before anything of it is written.

    `id` is the document's id all over the payables system; `token` makes a repetition recognisable; `address` is
    where its bytes go, where they go to a place of their own, until `expires`.
    """

    id: str
    token: str = ""
    address: str = field(default="", repr=False)
    expires: datetime | None = None


class Whereabouts(StrEnum):
    """What a look for a handed-in invoice told."""

    ENTERED = "entered"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """It may be there without being visible yet."""


class StandingStage(StrEnum):
    """How far a handed-in invoice has come in the payables system."""

    ENTERED = "entered"
    APPROVED = "approved"
    PAID = "paid"
    DISPUTED = "disputed"
    REFUSED = "refused"
    """Turned away on its way in: it never became a document."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a handed-in invoice stands in the payables system."""

    id: str
    """The id it was handed in under (`Admission.id`)."""
    stage: StandingStage
    status: str
    """The payables system's own word."""
    message: str = ""
    """What a person there wrote, or the reason it was turned away."""
    document_id: str = ""
    paid_total: Decimal | None = None
    paid_on: date | None = None
    at: datetime | None = None
