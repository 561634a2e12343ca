"""Master data: what the ledger knows and the payables system needs for coding and matching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Address:
    """A vendor's postal address; empty strings where the ledger has nothing."""

    street: str = ""
    street2: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = ""
    """ISO 3166 alpha-2."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a vendor is paid; either `iban` or `number` is given."""

    bank_name: str = ""
    bic: str = ""
    iban: str = ""
    number: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A supplier. `key` is the ledger's lasting key, `number` what people call it."""

    key: str
    number: str
    name: str
    active: bool = True
    payment_blocked: bool = False
    currency: str = ""
    payment_term: str = ""
    tax_number: str = ""
    email: str = ""
    phone: str = ""
    address: Address = field(default_factory=Address)
    bank_accounts: tuple[BankAccount, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """A GL account. Inactive where nothing may be coded on it."""

    key: str
    number: str
    name: str
    active: bool = True
    category: str = ""
    tax_code: str = ""


@dataclass(frozen=True, slots=True)
class DimensionValue:
    """A value of one of the ledger's dimensions, such as a cost centre."""

    key: str
    dimension: str
    """The ledger's own name of the dimension."""
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code a line can carry. `percent` is None where the ledger does not tell."""

    key: str
    code: str
    name: str
    percent: Decimal | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class PaymentTerm:
    """When a bill is due: days after its date, or after the end of that many months when `end_of_month`."""

    key: str
    code: str
    name: str
    due_days: int | None = None
    """None where the ledger's rule cannot be said in days: the due date is then set by hand."""
    end_of_month: int = 0
    days_after_month_end: int = 0
    discount_days: int = 0
    discount_percent: Decimal = Decimal(0)
    active: bool = True


class MatchingMode(StrEnum):
    """How an order line is matched to invoices."""

    STANDARD = "standard"
    BLANKET = "blanket"
    RETURN = "return"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods received on an order line; a negative quantity takes a receipt back."""

    key: str
    number: str
    line: str
    quantity: Decimal
    unit_price: Decimal
    received_on: date | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of a purchase order."""

    key: str
    number: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    gross: Decimal | None = None
    tax: Decimal | None = None
    tax_code: str = ""
    tax_percent: Decimal | None = None
    unit: str = ""
    product: str = ""
    account: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    invoiced_quantity: Decimal = Decimal(0)
    received_quantity: Decimal = Decimal(0)
    mode: MatchingMode = MatchingMode.STANDARD
    receipt_required: bool = False
    receipts: tuple[Receipt, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """An order that invoices are matched to. Inactive once nothing more can be invoiced on it."""

    key: str
    number: str
    vendor: str
    currency: str
    ordered_on: date | None = None
    description: str = ""
    payment_term: str = ""
    lines: tuple[OrderLine, ...] = ()
    active: bool = True


MasterRecord = Vendor | Account | DimensionValue | TaxCode | PaymentTerm | PurchaseOrder
