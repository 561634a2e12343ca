"""What a trading company consists of: the words both simulated systems share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

CENT = Decimal("0.01")


def rounded(amount: Decimal) -> Decimal:
    """To the cent, halves away from zero: how ledgers round."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


class InvoiceKind(StrEnum):
    """What a document does to what is owed."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit note"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A supplier as the ledger knows it."""

    number: str
    name: str
    street: str
    city: str
    post_code: str
    country: str
    email: str
    phone: str
    vat_number: str
    currency: str
    payment_term: str
    blocked: str = ""
    """Empty, `Payment` (bills may be posted) or `All`."""
    default_dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """A general ledger account."""

    number: str
    name: str
    category: str
    account_type: str = "Posting"
    """Posting, Heading or Total."""
    direct_posting: bool = True
    blocked: bool = False
    default_dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DimensionValue:
    """One value of DEPARTMENT, PROJECT, AREA or CAMPAIGN."""

    dimension: str
    code: str
    name: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class PaymentTerm:
    """When a bill falls due, and the discount for paying earlier."""

    code: str
    name: str
    days: int
    discount_days: int = 0
    discount_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """A VAT rate: the code lines are written with and the identifier they are read back with."""

    code: str
    name: str
    percent: Decimal
    identifier: str


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is bought by the piece."""

    number: str
    name: str
    unit_cost: Decimal
    tax_group: str
    account: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of a purchase order."""

    line: int
    kind: str
    """Account or Item."""
    number: str
    description: str
    quantity: Decimal
    unit_cost: Decimal
    tax_group: str
    received: Decimal
    invoiced: Decimal

    @property
    def net(self) -> Decimal:
        """What the whole line costs without tax."""
        return rounded(self.quantity * self.unit_cost)


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase order; only those of status Open are ready to be matched."""

    number: str
    vendor: str
    currency: str
    date: date
    status: str
    """Open, Draft or In Review."""
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class CodingRow:
    """How one part of an invoice was coded; sums are signed as the invoice's."""

    account: str
    net: Decimal
    gross: Decimal
    tax: Decimal
    tax_code: str
    """Basware's code: T24, T14, T10 or T0."""
    tax_percent: Decimal
    dimensions: tuple[tuple[str, str], ...] = ()
    """By the ledger's dimension codes."""
    text: str = ""
    order_number: str = ""
    order_line: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An approved invoice or credit note, as Basware hands it out."""

    document_id: str
    number: str
    vendor: str
    vendor_name: str
    kind: InvoiceKind
    type_code: str
    currency: str
    rate: Decimal
    """Company currency for one unit of `currency`."""
    invoice_date: date
    voucher_date: date
    due_date: date
    net: Decimal
    tax: Decimal
    gross: Decimal
    rows: tuple[CodingRow, ...]
    description: str
    order_numbers: tuple[str, ...]
    story: str
    """Why it is in the set and what should become of it."""
    case: str = "plain"
    """The story in a word, for looking it up."""
    posts: bool = True
    """True when the ledger takes it without a person."""


@dataclass(frozen=True, slots=True)
class TradingCompany:
    """One company and all it deals with, the same on both sides of the wire."""

    code: str
    name: str
    currency: str
    vendors: tuple[Vendor, ...]
    accounts: tuple[Account, ...]
    dimension_values: tuple[DimensionValue, ...]
    payment_terms: tuple[PaymentTerm, ...]
    tax_groups: tuple[TaxGroup, ...]
    items: tuple[Item, ...]
    orders: tuple[Order, ...]
    invoices: tuple[Invoice, ...]
    already_posted: tuple[Invoice, ...]
    """Bills that somebody keyed into the ledger by hand; `story` says which invoice they collide with."""
    currencies: tuple[str, ...]
    """Foreign currencies the ledger knows; one of them has no rate."""
    rates: tuple[tuple[str, date, Decimal], ...]
    """Currency, first day, company currency for one unit."""
    posting_from: date
    posting_to: date
    today: date
