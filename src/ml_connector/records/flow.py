"""The flows: what can move between the two sides."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Flow(StrEnum):
    """One thing that moves."""

    TAX_CODES = "tax-codes"
    ACCOUNTS = "accounts"
    DIMENSIONS = "dimensions"
    PAYMENT_TERMS = "payment-terms"
    VENDORS = "vendors"
    PURCHASE_ORDERS = "purchase-orders"
    INVOICES = "invoices"
    PAYMENTS = "payments"
    SUPPLIER_INVOICES = "supplier-invoices"
    STATUSES = "statuses"


MASTER_DATA: Final = (
    Flow.TAX_CODES,
    Flow.ACCOUNTS,
    Flow.DIMENSIONS,
    Flow.PAYMENT_TERMS,
    Flow.VENDORS,
    Flow.PURCHASE_ORDERS,
)
"""Ledger to payables, in the order in which they depend on each other."""

DEPENDS_ON: Final[Mapping[Flow, frozenset[Flow]]] = {
    Flow.VENDORS: frozenset({Flow.PAYMENT_TERMS}),
    Flow.PURCHASE_ORDERS: frozenset({Flow.VENDORS, Flow.ACCOUNTS, Flow.DIMENSIONS, Flow.TAX_CODES}),
    Flow.SUPPLIER_INVOICES: frozenset({Flow.VENDORS, Flow.PURCHASE_ORDERS}),
    Flow.STATUSES: frozenset({Flow.SUPPLIER_INVOICES}),
}
"""What the receiving side must hold before it takes the records of a flow."""


def in_order(flows: set[Flow]) -> list[Flow]:
    """The flows in the order in which they are to be run: as they are listed in `Flow`."""
    return [flow for flow in Flow if flow in flows]
