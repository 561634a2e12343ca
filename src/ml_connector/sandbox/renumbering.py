"""The trading company as Basware knows it once its orders came from an ERP that numbers them its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from ml_connector.sandbox.stories import settle
from ml_connector.sandbox.trade import CodingRow, Invoice, Order, TradingCompany

NumberOf = Callable[[str], int]
"""From the trading company's order number to the ERP's."""
Kept = Callable[[CodingRow, Order], bool]
"""True where the ERP has the line of the order that a row was coded from."""


def renumbered(company: TradingCompany, number_of: NumberOf, *, is_kept: Kept | None = None) -> TradingCompany:
    """Invoices name orders by the ERP's number and lines by their place; rows of lines it left out are not invoiced."""
    orders = {order.number: order for order in company.orders}

    def changed(invoice: Invoice) -> Invoice:
        rows = [
            _renamed(row, number_of)
            for row in invoice.rows
            if not row.order_number or is_kept is None or is_kept(row, orders[row.order_number])
        ]
        return _with_rows(_with_numbers(invoice, number_of), rows)

    invoices = tuple(changed(invoice) if invoice.order_numbers else invoice for invoice in company.invoices)
    return replace(company, invoices=invoices)


def _with_rows(invoice: Invoice, rows: list[CodingRow]) -> Invoice:
    settled = settle(rows)
    net = sum((row.net for row in settled), Decimal(0))
    tax = sum((row.tax for row in settled), Decimal(0))
    return replace(invoice, rows=settled, net=net, tax=tax, gross=net + tax)


def _with_numbers(invoice: Invoice, number_of: NumberOf) -> Invoice:
    story = invoice.story
    for number in invoice.order_numbers:
        story = story.replace(number, str(number_of(number)))
    return replace(invoice, order_numbers=tuple(str(number_of(each)) for each in invoice.order_numbers), story=story)


def _renamed(row: CodingRow, number_of: NumberOf) -> CodingRow:
    if not row.order_number:
        return row
    return replace(row, order_number=str(number_of(row.order_number)), order_line=str(int(row.order_line) // 10_000))
