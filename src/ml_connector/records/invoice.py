"""An approved invoice as the payables system gives it, and the bill that is to come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class DocumentKind(StrEnum):
    """What a document asks of the ledger."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit note"


@dataclass(frozen=True, slots=True)
class CodingRow:
    """One row of the coding, with the sign the payables system gave it."""

    index: int
    account: str
    net: Decimal | None
    gross: Decimal | None = None
    tax: Decimal | None = None
    tax_code: str = ""
    tax_percent: Decimal | None = None
    order_number: str = ""
    order_line: str = ""
    receipt_number: str = ""
    quantity: Decimal | None = None
    """What was matched to the order line, in its unit."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Every text field of the row by the payables system's own name: the mapping picks from these."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an invoice; `key` is what it is fetched by."""

    key: str
    name: str
    is_image: bool = False


class TransferStage(StrEnum):
    """Where a document stands in the payables system, as far as posting is concerned."""

    OFFERED = "offered"
    """Approved and waiting to be fetched."""
    FETCHED = "fetched"
    """Acknowledged; its transfer has not been answered."""
    TRANSFERRED = "transferred"
    """Answered with success, or paid."""
    FAILED = "failed"
    """Answered with a failure."""
    OTHER = "other"
    """Not, or no longer, meant for posting."""


@dataclass(frozen=True, slots=True)
class ApprovedInvoice:
    """An invoice or credit note that was approved for posting, as read, before anything is made of it.

    What the payables system left out is None or empty: nothing is completed by guess.
    """

    document_id: str
    company: str
    status: str
    """The payables system's own processing status."""
    stage: TransferStage
    number: str
    type_code: str
    supplier: str
    supplier_name: str
    currency: str
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    invoice_date: date | None
    voucher_date: date | None
    due_date: date | None
    exchange_rate: Decimal | None
    description: str
    reference: str
    payment_term: str
    rows: tuple[CodingRow, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    """Every text field of the header by the payables system's own name."""
    order_numbers: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    responses: Mapping[str, bool] = field(default_factory=dict)
    """Transfer responses it already has: our code of each, and whether it told of success."""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of a bill, in the ledger's words. `net` is positive unless the line takes away."""

    account: str
    net: Decimal
    description: str
    tax_code: str = ""
    tax: Decimal | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """By the ledger's own name of the dimension."""
    order_number: str = ""
    order_line: str = ""
    receipt_number: str = ""
    quantity: Decimal | None = None
    """Of the order line, where the payables system matched one."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What the ledger is asked to post. Sums are positive, for a credit note too.

    `key` is ours and lasting: connection, document and transfer attempt.
    """

    key: str
    kind: DocumentKind
    vendor: str
    number: str
    """The supplier's number."""
    invoice_date: date
    posting_date: date
    due_date: date | None
    currency: str
    exchange_rate: Decimal | None
    net: Decimal
    tax: Decimal
    gross: Decimal
    description: str
    lines: tuple[BillLine, ...]
    order_numbers: tuple[str, ...] = ()
    reference: str = ""


class BillStatus(StrEnum):
    """Where a bill stands in the ledger."""

    DRAFT = "draft"
    PENDING = "pending"
    """Waits in the ledger for somebody's approval."""
    POSTED = "posted"
    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class LedgerBill:
    """A bill as it stands in the ledger. `gross` is None where the ledger did not tell."""

    id: str
    number: str
    status: BillStatus
    kind: DocumentKind
    vendor: str
    vendor_number: str
    """The supplier's number on it."""
    gross: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    currency: str = ""
    line_count: int | None = None
    journal: str = ""
    """A second number, where the ledger gives one (GL voucher)."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How far a posted bill is paid, whole and cumulative: the picture as it is now.

    `dated_by_ledger` is False where the ledger tells no date and `paid_on` is the day it was noticed.
    """

    bill_id: str
    bill_number: str
    paid_total: Decimal
    currency: str
    paid_on: date | None = None
    discount: Decimal = Decimal(0)
    payment_number: str = ""
    method: str = ""
    reversal_of: str = ""
    is_settled: bool = False
    dated_by_ledger: bool = True


class DocumentStatus(StrEnum):
    """The life of an invoice."""

    RECEIVED = "received"
    CHECKED = "checked"
    POSTING = "posting"
    POSTED = "posted"
    TRANSFERRED = "transferred"
    PAID = "paid"
    HELD = "held"
    UNCONFIRMED = "unconfirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
