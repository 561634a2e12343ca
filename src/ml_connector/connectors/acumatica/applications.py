"""What settled a bill: payments with their dates, and what was set off. Pure functions (Acumatica dossier 9.6, 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ml_connector.connectors.acumatica.documents import ADJUSTMENTS, status_of
from ml_connector.connectors.acumatica.values import instant
from ml_connector.connectors.rows import Row, amount, day, number, parts, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillStatus, Settlement
from ml_connector.records.money import round_amount

STANDING: Final = frozenset({"Open", "Closed", "Reserved"})
"""States of a payment that was made; in others it is only planned, or voided (Acumatica dossier 3.2, 11)."""
VOIDED: Final = "Voided"


@dataclass(frozen=True, slots=True)
class Link:
    """What one payment did to a bill, in the payment's currency."""

    number: str
    day: date | None
    amount: Decimal
    discount: Decimal
    method: str
    currency: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is known to have settled a bill."""

    links: Sequence[Link] = ()
    applied: Decimal | None = None
    """In the bill's currency, as its applications tell it; None where they were not read."""
    reversed: Decimal = Decimal(0)
    """What a reversal of the bill took off, which is no payment."""
    voided: str = ""
    """The payment that was taken back."""


def links_of(bill: Row, payment: Row) -> list[Link]:
    """What a payment did to a bill. A voided one, and the one that voids it, did nothing."""
    if text(payment, "Status") not in STANDING or text(payment, "Type").startswith(VOIDED):
        return []
    return [
        Link(
            number=text(payment, "ReferenceNbr"),
            day=day(payment, "ApplicationDate"),
            amount=number(each, "AmountPaid"),
            discount=number(each, "CashDiscountTaken"),
            method=text(payment, "PaymentMethod"),
            currency=code(text(payment, "CurrencyID")),
        )
        for each in parts(payment, "History")
        if is_on(bill, each)
    ]


def is_on(bill: Row, each: Row) -> bool:
    """True for a row of a payment that is about that bill."""
    return (text(each, "DocType"), text(each, "ReferenceNbr")) == (text(bill, "Type"), text(bill, "ReferenceNbr"))


def is_adjustment(application: Row) -> bool:
    """True for a debit adjustment that was set off; all others are payments."""
    return text(application, "DocType") == ADJUSTMENTS.type


def settled_sum(bill: Row) -> Decimal:
    """All that settled a bill, discount included; nothing where that is not told."""
    total, left = amount(bill, "Amount"), amount(bill, "Balance")
    if total is None or left is None or status_of(bill) is BillStatus.CANCELLED:
        return Decimal(0)
    return total - left


def explains(bill: Row, links: Sequence[Link]) -> bool:
    """True where these payments are all that settled the bill."""
    currency = code(text(bill, "CurrencyID"))
    if any(link.currency != currency for link in links):
        return False
    return sum((link.amount + link.discount for link in links), Decimal(0)) == settled_sum(bill)


def settlement_of(bill: Row, picture: Picture) -> Settlement:
    """How far a bill is settled. What payments do not explain was set off: it has no date of its own."""
    settled, status, currency = settled_sum(bill), status_of(bill), text(bill, "CurrencyID")
    paid = settled - picture.reversed
    is_paid = paid > 0
    discount = _discount(bill, picture, paid) if is_paid else Decimal(0)
    latest = max(picture.links, key=lambda link: (link.day or date.min, link.number), default=None)
    stamp = instant(bill, "LastModifiedDateTime")
    noticed = stamp.date() if stamp is not None else None
    is_over = status is BillStatus.PAID and settled > 0
    return Settlement(
        bill_id=text(bill, "id"),
        bill_number=text(bill, "ReferenceNbr"),
        paid_total=round_amount(paid - discount if is_paid else Decimal(0), currency),
        currency=currency,
        paid_on=None if not is_paid else latest.day if latest else noticed,
        discount=round_amount(discount, currency),
        payment_number=latest.number if is_paid and latest else "",
        method=latest.method if is_paid and latest else "",
        reversal_of=picture.voided if settled <= 0 and status is not BillStatus.CANCELLED else "",
        is_settled=is_over or status is BillStatus.CANCELLED,
        dated_by_ledger=latest is not None or not is_paid,
    )


def _discount(bill: Row, picture: Picture, paid: Decimal) -> Decimal:
    """What was taken off for paying early. A payment tells it in its own currency only."""
    if all(link.currency == code(text(bill, "CurrencyID")) for link in picture.links):
        return min(sum((link.discount for link in picture.links), Decimal(0)), paid)
    if picture.applied is None:
        return Decimal(0)
    return min(max(settled_sum(bill) - picture.applied, Decimal(0)), paid)
