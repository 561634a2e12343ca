"""The first day's documents: orders, what was received of them, bills that were keyed and posted before."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import SEGMENTS, Books
from ml_connector.sandbox.epicor_kinetic.chart import put_combination, stored_form
from ml_connector.sandbox.epicor_kinetic.coding import coded
from ml_connector.sandbox.epicor_kinetic.groups import GROUP, period_of
from ml_connector.sandbox.epicor_kinetic.headers import blank_header, fill_from_vendor
from ml_connector.sandbox.epicor_kinetic.invoices import ACCOUNT, HEAD, LINE, parts_of
from ml_connector.sandbox.epicor_kinetic.lines import blank_line
from ml_connector.sandbox.epicor_kinetic.orders import Wanted, put_line, put_order
from ml_connector.sandbox.epicor_kinetic.plugs import Visit
from ml_connector.sandbox.epicor_kinetic.posting import post_invoice
from ml_connector.sandbox.epicor_kinetic.receipts import RECEIPT, RECEIPT_LINE, receive
from ml_connector.sandbox.epicor_kinetic.saving import Save
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import stamp_of
from ml_connector.sandbox.trade import CodingRow, Invoice, InvoiceKind, Order, OrderLine

PERSON = "manager"
"""Who keyed what was there before."""
_TAX_CATEGORIES = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
_APPROVAL = {"Open": "A", "Draft": "U", "In Review": "P"}
_DEFAULT = ("D010", "A01")


def seed_documents(books: Books) -> None:
    """Adds them all; masters must be there. Each is stamped with its own day."""
    for order in books.company.orders:
        _add_order(books, order)
    for invoice in books.company.already_posted:
        _add_bill(books, invoice)


def order_number(number: str) -> int:
    """The PONum of an order of the trading company: its digits."""
    return int(re.sub(r"\D", "", number))


def order_line(line: OrderLine) -> int:
    """The POLine of a line of the trading company: its place."""
    return line.line // 10_000


def _add_order(books: Books, order: Order) -> None:
    vendor = books.vendor_by_code(order.vendor)
    if vendor is None:
        return
    approval = _APPROVAL[order.status]
    number = order_number(order.number)
    stored = put_order(books, number, vendor, currency=order.currency, day=order.date, approval=approval)
    for line in order.lines:
        stored = put_line(books, stored, _wanted(books, line))
    quantities = {(order_line(line), 1): _first_release(line) for line in order.lines if line.received}
    if quantities and order.status == "Open":
        head = receive(books, stored, quantities, pack_slip=f"L-{number}")
        rest = {(order_line(line), 2): line.received - _first_release(line) for line in order.lines if line.received}
        if any(rest.values()):
            second = receive(books, stored, rest, pack_slip=f"L-{number}-2")
            _stamp_receipt(books, second, order.date)
        _stamp_receipt(books, head, order.date)
    _stamp(books, "POHeader", stored, order.date)
    for row in books.table("PODetail").below(books.id, number):
        _stamp(books, "PODetail", row, order.date)


def _wanted(books: Books, line: OrderLine) -> Wanted:
    """Every third article is priced per hundred, every other line of many pieces comes in two releases."""
    item = next((item for item in books.company.items if item.number == line.number), None)
    account = stored_form((item.account if item else line.number, *_DEFAULT))
    if books.account(account) is None:
        put_combination(books, account)
    hundred = item is not None and int(item.number[1:]) % 3 == 0
    first = _first_release(line)
    return Wanted(
        number=order_line(line),
        description=line.description,
        quantities=(first, line.quantity - first) if first < line.quantity else (line.quantity,),
        price=line.unit_cost * (100 if hundred else 1),
        part=item.number if item else "",
        per="C" if hundred else "E",
        tax_category=line.tax_group,
        account=account,
    )


def _first_release(line: OrderLine) -> Decimal:
    splits = order_line(line) % 2 == 0 and line.quantity > 10
    return (line.quantity / 2).to_integral_value() if splits else line.quantity


def _add_bill(books: Books, invoice: Invoice) -> None:
    """A bill that a person keyed and posted before; its group is gone, its id stays on the bill."""
    vendor = books.vendor_by_code(invoice.vendor)
    if vendor is None:
        return
    day = invoice.voucher_date
    opens, books.posting_from = books.posting_from, date(day.year - 1, 1, 1)
    visit = Visit(books, PERSON)
    group = _hand_group(books, day)
    Save(visit, {HEAD: [_header(books, group, vendor, invoice)]}).run()
    head = _stored(books, vendor, invoice)
    for row in invoice.rows:
        Save(visit, {LINE: [_line(books, head, row)]}).run()
        head = _stored(books, vendor, invoice)
    _code_lines(books, head, invoice)
    posted = post_invoice(books, head)
    books.posting_from = opens
    books.table(GROUP).drop(books.table(GROUP).get(books.id, group["GroupID"]) or group)
    moment = f"{day.isoformat()}T09:00:00"
    books.table(HEAD).put({**posted, "ChangeDate": moment, "_created_at": f"{moment}+00:00"}, touch=False)


def _hand_group(books: Books, day: date) -> Row:
    group_id = f"HAND{day:%m%d}"
    fresh = {"Company": books.id, "GroupID": group_id, "CreatedBy": PERSON, "ApplyDate": stamp_of(day)}
    return books.table(GROUP).put({**fresh, **period_of(day)})


def _stored(books: Books, vendor: Row, invoice: Invoice) -> Row:
    return books.table(HEAD).get(books.id, vendor["VendorNum"], invoice.number) or {}


def _header(books: Books, group: Row, vendor: Row, invoice: Invoice) -> Row:
    credit = invoice.kind is InvoiceKind.CREDIT_NOTE
    row = blank_header(books, group, debit_memo=credit)
    row["InvoiceDate"] = stamp_of(invoice.invoice_date)
    fill_from_vendor(books, row, vendor)
    total = -abs(invoice.gross) if credit else invoice.gross
    rate = books.factor(invoice.currency, invoice.invoice_date.isoformat())
    currency = {"CurrencyCode": invoice.currency, "ExchangeRate": rate}
    shown = {"DocInvoiceVendorAmt": total, "ScrDocInvoiceVendorAmt": abs(total) if credit else total}
    text = {"InvoiceNum": invoice.number, "Description": "Keyed by hand", "DueDate": stamp_of(invoice.due_date)}
    return row | currency | shown | text


def _line(books: Books, head: Row, row: CodingRow) -> Row:
    line = blank_line(books, head, "M")
    sign = -1 if head.get("DebitMemo") and row.net > 0 else 1
    part = row.text[:50] or "Goods"
    category = _TAX_CATEGORIES.get(row.tax_code, "")
    amount = row.net * sign
    return line | {"PartNum": part, "Description": row.text, "DocExtCost": amount, "TaxCatID": category}


def _code_lines(books: Books, head: Row, invoice: Invoice) -> None:
    for account, row in zip(parts_of(books, ACCOUNT, head), invoice.rows, strict=True):
        chosen = dict(row.dimensions)
        stored = stored_form((row.account, chosen.get("DEPARTMENT", ""), chosen.get("AREA", "")))
        segments = coded(stored)
        if chosen.get("PROJECT"):
            segments[f"SegValue{SEGMENTS['PROJECT']}"] = chosen["PROJECT"]
        books.table(ACCOUNT).put({**account, **segments, "IsModifiedByUser": True})


def _stamp(books: Books, table: str, row: Row, day: date) -> None:
    """As if it had been written that day."""
    books.table(table).put({**row, "ChangeDate": f"{day.isoformat()}T09:00:00"}, touch=False)


def _stamp_receipt(books: Books, head: Row, day: date) -> None:
    _stamp(books, RECEIPT, head, day)
    for row in books.table(RECEIPT_LINE).below(books.id, head["VendorNum"], head["PurPoint"], head["PackSlip"]):
        _stamp(books, RECEIPT_LINE, row, day)
