"""The first day of a tenant: open orders, what was received of them, bills that were keyed before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from ml_connector.sandbox.acumatica.bills import put_bill
from ml_connector.sandbox.acumatica.books import EMPTY_SUBACCOUNT, Books
from ml_connector.sandbox.acumatica.orders import NORMAL, OPEN, blank_line, blank_order, enter_order
from ml_connector.sandbox.acumatica.people import at_the_desk
from ml_connector.sandbox.acumatica.plugs import Body
from ml_connector.sandbox.acumatica.receipts import receive
from ml_connector.sandbox.acumatica.releasing import release
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import CodingRow, Invoice, InvoiceKind, Order, OrderLine

ZERO = Decimal(0)
_TAX_CATEGORIES = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}


def seed_documents(books: Books) -> None:
    """Adds them all; masters must be there. Each is stamped with its own day."""
    for order in books.company.orders:
        _add_order(books, order)
    for invoice in books.company.already_posted:
        _add_bill(books, invoice)


def subaccount_of(dimensions: Mapping[str, str], default: str = EMPTY_SUBACCOUNT) -> str:
    """The subaccount that stands for a department and an area; what is not named is the default's."""
    department, area = default.split("-")
    return f"{dimensions.get('DEPARTMENT', department)}-{dimensions.get('AREA', area)}"


def _add_order(books: Books, order: Order) -> None:
    """An order under its number, each line under the number that the trading company gave it."""
    vendor = books.table("Vendor").get(order.vendor) or {}
    row = {
        **blank_order(books, vendor),
        "OrderNbr": order.number,
        "Date": order.date,
        "PromisedOn": order.date,
        "CurrencyID": order.currency,
        "CurrencyEffectiveDate": order.date,
        "CurrencyRate": books.rate(order.currency, order.date),
        "Description": f"Order {order.number}",
        "Hold": order.status == "Draft",
        "Status": {"Open": OPEN, "Draft": "On Hold"}.get(order.status, "Pending Approval"),
        "Details": [_order_line(books, vendor, line) for line in order.lines],
    }
    _stamp(books, "PurchaseOrder", enter_order(books, row), order.date)
    received: dict[int, Decimal | None] = {line.line: line.received for line in order.lines if line.received}
    if received and order.status == "Open":
        stored = books.table("PurchaseOrder").get(NORMAL, order.number)
        receipt = receive(books, stored or row, received)
        _stamp(books, "PurchaseReceipt", {**receipt, "Date": order.date}, order.date)
        _stamp(books, "PurchaseOrder", books.table("PurchaseOrder").get(NORMAL, order.number) or row, order.date)


def _order_line(books: Books, vendor: Row, line: OrderLine) -> Row:
    item = next((item for item in books.company.items if item.number == line.number), None)
    account = item.account if item else line.number
    described = books.table("Account").get(account) or {}
    return {
        **blank_line(books),
        "LineNbr": line.line,
        "LineType": "Non-Stock" if item else "Service",
        "InventoryID": item.number if item else None,
        "Account": account,
        "Description": described.get("Description"),
        "Subaccount": vendor.get("_ExpenseSubaccount") or EMPTY_SUBACCOUNT,
        "Project": "X",
        "LineDescription": line.description,
        "TaxCategory": line.tax_group,
        "UOM": "EA",
        "OrderQty": line.quantity,
        "UnitCost": line.unit_cost,
        "ExtendedCost": line.net,
        "BranchID": "HEADOFFICE",
    }


def _add_bill(books: Books, invoice: Invoice) -> None:
    """A bill that a person keyed and released before."""
    sign = -1 if invoice.gross < 0 else 1
    vendor = books.table("Vendor").get(invoice.vendor) or {}
    default = vendor.get("_ExpenseSubaccount") or EMPTY_SUBACCOUNT
    values = {
        "Type": "Debit Adj." if invoice.kind is InvoiceKind.CREDIT_NOTE else "Bill",
        "Vendor": invoice.vendor,
        "VendorRef": invoice.number,
        "Date": invoice.voucher_date,
        "DueDate": invoice.due_date,
        "CurrencyID": invoice.currency,
        "Description": "Keyed by hand",
        "Amount": abs(invoice.gross),
        "Hold": False,
    }
    lines = tuple(_bill_line(row, sign, default) for row in invoice.rows)
    drawn = put_bill(at_the_desk(books, invoice.voucher_date), None, Body(values=values, lists={"Details": lines}))
    released = release(books, drawn)
    moment = datetime.combine(invoice.voucher_date, time(9), UTC).isoformat()
    _stamp(books, "Bill", {**released, "_created_at": moment}, invoice.voucher_date)


def _bill_line(row: CodingRow, sign: int, default: str) -> Body:
    dimensions = dict(row.dimensions)
    values = {
        "TransactionDescription": row.text,
        "Account": row.account,
        "Subaccount": subaccount_of(dimensions, default),
        "Project": dimensions.get("PROJECT"),
        "ExtendedCost": row.net * sign,
        "TaxCategory": _TAX_CATEGORIES[row.tax_code],
    }
    return Body(values=values)


def _stamp(books: Books, entity: str, row: Row, day: date) -> None:
    """As if it had been written that day."""
    moment = datetime.combine(day, time(9), UTC)
    stamps = {"LastModifiedDateTime": moment, "CreatedDateTime": moment}
    books.table(entity).put({**row, **stamps}, touch=False)
