"""The trading company as Basware knows it once its orders came from Epicor Kinetic, which numbers them."""

from __future__ import annotations

from ml_connector.sandbox.epicor_kinetic.document_seed import order_number
from ml_connector.sandbox.renumbering import renumbered
from ml_connector.sandbox.trade import TradingCompany


def as_invoiced(company: TradingCompany) -> TradingCompany:
    """Invoices name orders by PONum and lines by POLine."""
    return renumbered(company, order_number)
