"""The trading company as Basware knows it once its orders came from B1, which numbers them its own way."""

from __future__ import annotations

from ml_connector.sandbox.renumbering import renumbered
from ml_connector.sandbox.sap_business_one.document_seed import order_number
from ml_connector.sandbox.trade import CodingRow, Order, TradingCompany


def as_invoiced(company: TradingCompany) -> TradingCompany:
    """Invoices name orders by DocNum and lines by LineNum + 1.

    B1 has no orders of items and services at once (dossier 7.2): rows for lines that it left out are not invoiced.
    """
    return renumbered(company, order_number, is_kept=_is_kept)


def _is_kept(row: CodingRow, order: Order) -> bool:
    kept = [line for line in order.lines if line.kind == "Item"] or order.lines
    return any(str(line.line) == row.order_line for line in kept)
