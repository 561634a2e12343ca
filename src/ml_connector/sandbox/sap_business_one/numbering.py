"""The trading company as Basware knows it once its orders came from B1, which numbers them its own way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ml_connector.sandbox.sap_business_one.document_seed import order_number
from ml_connector.sandbox.stories import settle
from ml_connector.sandbox.trade import CodingRow, Invoice, Order, TradingCompany


def as_invoiced(company: TradingCompany) -> TradingCompany:
    """Invoices name orders by DocNum and lines by LineNum + 1.

    B1 has no orders of items and services at once (dossier 7.2): rows for lines that it left out are not invoiced.
    """
    orders = {order.number: order for order in company.orders}
    invoices = tuple(_renumbered(invoice, orders) if invoice.order_numbers else invoice for invoice in company.invoices)
    return replace(company, invoices=invoices)


def _renumbered(invoice: Invoice, orders: dict[str, Order]) -> Invoice:
    rows = settle([_renamed(row) for row in invoice.rows if not row.order_number or _is_kept(row, orders)])
    net = sum((row.net for row in rows), Decimal(0))
    tax = sum((row.tax for row in rows), Decimal(0))
    story = invoice.story
    for number in invoice.order_numbers:
        story = story.replace(number, str(order_number(number)))
    numbers = tuple(str(order_number(number)) for number in invoice.order_numbers)
    return replace(invoice, rows=rows, net=net, tax=tax, gross=net + tax, order_numbers=numbers, story=story)


def _is_kept(row: CodingRow, orders: dict[str, Order]) -> bool:
    lines = orders[row.order_number].lines
    kept = [line for line in lines if line.kind == "Item"] or lines
    return any(str(line.line) == row.order_line for line in kept)


def _renamed(row: CodingRow) -> CodingRow:
    if not row.order_number:
        return row
    return replace(row, order_number=str(order_number(row.order_number)), order_line=str(int(row.order_line) // 10_000))
