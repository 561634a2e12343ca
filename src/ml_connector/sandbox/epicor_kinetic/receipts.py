"""Receipts: what came of an order, and how much of it was invoiced (Epicor dossier 12.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import SITE, Books
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import PER, ZERO
from ml_connector.sandbox.trade import rounded

RECEIPT, RECEIPT_LINE = "RcvHead", "RcvDtl"


def receipt_line_of(books: Books, line: Row) -> Row | None:
    """The receipt line that an invoice line bills."""
    key = (line.get("VendorNum", 0), line.get("PurPoint", ""), line.get("PackSlip", ""), line.get("PackLine", 0))
    return books.table(RECEIPT_LINE).get(books.id, *key) if line.get("PackSlip") else None


def left_of(row: Row) -> Decimal:
    """What of a receipt line is not invoiced yet."""
    if row.get("_final"):
        return ZERO
    return row.get("VendorQty", ZERO) - row.get("_taken", ZERO)


def take_receipt(books: Books, line: Row, before: Row | None = None) -> None:
    """An invoice line takes its quantity from the receipt, or another than it took before."""
    row = receipt_line_of(books, line)
    if row is None:
        return
    taken = row.get("_taken", ZERO) + abs(line.get("VendorQty", ZERO)) - abs((before or {}).get("VendorQty", ZERO))
    _settle(books, {**row, "_taken": taken, "_final": bool(line.get("FinalInvoice"))}, line)


def free_receipt(books: Books, line: Row) -> None:
    """What an invoice line took is there to be invoiced again."""
    row = receipt_line_of(books, line)
    if row is not None:
        taken = row.get("_taken", ZERO) - abs(line.get("VendorQty", ZERO))
        _settle(books, {**row, "_taken": taken, "_final": False}, {})


def _settle(books: Books, row: Row, line: Row) -> None:
    """Whether entering an invoice moves the receipt's ChangeDate is not known: it does not here."""
    named = {"InvoiceNum": line.get("InvoiceNum", ""), "InvoiceLine": line.get("InvoiceLine", 0)}
    left = left_of(row)
    open_now = {"SupplierUnInvcReceiptQty": left, "OurUnInvcReceiptQty": left, "Invoiced": left <= 0}
    row = {**row, **named, **open_now}
    books.table(RECEIPT_LINE).put(row, touch=False)
    head = books.table(RECEIPT).get(books.id, row["VendorNum"], row.get("PurPoint", ""), row["PackSlip"])
    if head is not None:
        lines = books.table(RECEIPT_LINE).below(books.id, head["VendorNum"], head.get("PurPoint", ""), head["PackSlip"])
        done = all(each.get("Invoiced") for each in lines)
        if bool(head.get("Invoiced")) != done:
            books.table(RECEIPT).put({**head, "Invoiced": done}, touch=False)


def receive(
    books: Books,
    order: Row,
    quantities: Mapping[tuple[int, int], Decimal] | None = None,
    *,
    pack_slip: str = "",
    received: bool = True,
) -> Row:
    """Enters a receipt of an order: all that is open, or those quantities by line and release.

    With `received` false the receipt is entered only: it does not count (Epicor dossier 12.3). Raises ValueError where
    nothing is left.
    """
    releases = books.table("PORel").below(books.id, order["PONum"])
    wanted: dict[tuple[int, int], Decimal] = {}
    for release in releases:
        place = (release["POLine"], release["PORelNum"])
        asked = release["RelQty"] - release.get("ReceivedQty", ZERO) if quantities is None else quantities.get(place)
        if asked is not None and asked > 0:
            wanted[place] = asked
    if not wanted:
        message = f"Nothing of order {order['PONum']} is left to receive."
        raise ValueError(message)
    head = _receipt_head(books, order, pack_slip or _next_slip(books, order), received=received)
    for number, (place, quantity) in enumerate(wanted.items(), 1):
        _put_line(books, order, head, place=place, quantity=quantity, number=number)
        if received:
            count_receipt(books, order["PONum"], place, quantity)
    return head


def _next_slip(books: Books, order: Row) -> str:
    return f"L-{order['PONum']}-{books.next_number('PackSlip') + 9000}"


def _receipt_head(books: Books, order: Row, slip: str, *, received: bool) -> Row:
    today = f"{books.store.today().isoformat()}T00:00:00"
    return books.table(RECEIPT).put(
        {
            "Company": books.id,
            "VendorNum": order["VendorNum"],
            "PurPoint": "",
            "PackSlip": slip,
            "ReceiptDate": today,
            "EntryDate": today,
            "ArrivedDate": today,
            "PONum": order["PONum"],
            "Plant": SITE,
            "CurrencyCode": order["CurrencyCode"],
            "SaveForInvoicing": True,
            "Received": received,
            "VendorNumVendorID": order.get("VendorVendorID", ""),
            "VendorNumName": order.get("VendorName", ""),
        }
    )


def _put_line(books: Books, order: Row, head: Row, *, place: tuple[int, int], quantity: Decimal, number: int) -> None:
    line = books.table("PODetail").get(books.id, order["PONum"], place[0]) or {}
    price, cost_per = line.get("DocUnitCost", ZERO), line.get("CostPerCode") or "E"
    release = books.table("PORel").get(books.id, order["PONum"], *place) or {}
    shared = ("VendorNum", "PurPoint", "PackSlip", "ReceiptDate", "ArrivedDate", "Received", "CurrencyCode", "Plant")
    books.table(RECEIPT_LINE).put(
        {
            **{name: head[name] for name in shared},
            "Company": books.id,
            "PackLine": number,
            "PONum": order["PONum"],
            "POLine": place[0],
            "PORelNum": place[1],
            "PartNum": line.get("PartNum", ""),
            "PartDescription": line.get("LineDesc", ""),
            "VenPartNum": line.get("VenPartNum", ""),
            "VendorQty": quantity,
            "OurQty": quantity,
            "SupplierUnInvcReceiptQty": quantity,
            "OurUnInvcReceiptQty": quantity,
            "PUM": line.get("PUM", "EA"),
            "IUM": line.get("IUM", "EA"),
            "DocVendorUnitCost": price,
            "VendorUnitCost": price,
            "DocUnitCost": price,
            "OurUnitCost": price,
            "CostPerCode": cost_per,
            "ExtCost": rounded(quantity * price / PER[cost_per]),
            "OrderQty": line.get("OrderQty", ZERO),
            "ReceivedComplete": release.get("ReceivedQty", ZERO) + quantity >= release.get("RelQty", ZERO),
            "TaxCatID": line.get("TaxCatID", ""),
        }
    )


def count_receipt(books: Books, order: int, place: tuple[int, int], quantity: Decimal) -> None:
    """What came counts on the release; the order's own ChangeDate does not move, most likely (dossier 17.20)."""
    release = books.table("PORel").get(books.id, order, *place)
    if release is None:
        return
    order_row = books.table("POHeader").get(books.id, order)
    if order_row is not None and habits_of(books).dates_move:
        books.table("POHeader").put(order_row)
    came = release.get("ReceivedQty", ZERO) + quantity
    books.table("PORel").put({**release, "ReceivedQty": came, "ArrivedQty": came}, touch=False)
