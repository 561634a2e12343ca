"""Purchase receipts (form PO302000): of order lines, released, and billed (Acumatica dossier 9.12, 10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ml_connector.sandbox.acumatica.books import BRANCH, Books
from ml_connector.sandbox.acumatica.coding import Faults, empty, pick
from ml_connector.sandbox.acumatica.errors import INVALID_OPERATION, Invalid, failed
from ml_connector.sandbox.acumatica.order_links import settled_order
from ml_connector.sandbox.acumatica.plugs import Body, LongRun, Visit
from ml_connector.sandbox.acumatica.receipt_bills import bill_of_receipt
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)
RECEIPT = "Receipt"
ON_HOLD, BALANCED, RELEASED = "On Hold", "Balanced", "Released"
_COPIED = ("InventoryID", "Account", "Subaccount", "UnitCost", "UOM", "LineType", "Description")


def put_receipt(visit: Visit, found: Row | None, body: Body) -> Row:
    """Inserts a receipt or changes one that is not released; returns it as stored. Raises Invalid."""
    books = visit.books
    if found is not None and found["Status"] == RELEASED:
        raise Invalid(found, {}, error="The document cannot be changed: its status is Released.")
    faults: Faults = dict(body.faults)
    row: Row = dict(found or _blank(books, body, faults))
    for name in ("VendorRef", "Date", "Branch", "BillDate", "CreateBill"):
        if name in body.values:
            row[name] = body.values[name]
    row["Date"] = row.get("Date") or visit.today
    lines: list[Row] = list(row["Details"])
    for each in body.lists.get("Details", ()):
        lines.extend(_asked_lines(books, row, each, path=f"Details/{len(lines)}", faults=faults))
    hold = bool(body.get("Hold", row["Hold"]))
    row = _totalled({**row, "Details": lines, "Hold": hold, "Status": ON_HOLD if hold else BALANCED})
    if faults:
        raise Invalid(row, faults)
    return _enter(books, row)


def _blank(books: Books, body: Body, faults: Faults) -> Row:
    vendor: Row = {}
    if body.get("VendorID"):
        vendor = pick(books, "Vendor", body.get("VendorID"), path="VendorID", faults=faults) or {}
    else:
        faults["VendorID"] = empty("Vendor")
    return {
        "Type": RECEIPT,
        "ReceiptNbr": None,
        "VendorID": vendor.get("VendorID"),
        "CurrencyID": vendor.get("CurrencyID") or books.currency,
        "BaseCurrencyID": books.currency,
        "Branch": BRANCH,
        "Location": "MAIN",
        "Hold": True,
        "CreateBill": False,
        "Details": [],
        "note": "",
        "custom": {},
    }


def _asked_lines(books: Books, row: Row, body: Body, *, path: str, faults: Faults) -> list[Row]:
    """The order's line that is named, or all its open ones."""
    order = books.table("PurchaseOrder").get(body.get("POOrderType") or "Normal", body.get("POOrderNbr"))
    if order is None or order["VendorID"] != row["VendorID"] or order["Status"] not in ("Open", "Completed"):
        faults[f"{path}/POOrderNbr"] = "'PO Number' cannot be found in the system."
        return []
    asked = body.get("POLineNbr")
    wanted = {line["LineNbr"]: body.get("ReceiptQty") for line in order["Details"] if asked in (None, line["LineNbr"])}
    if not wanted:
        faults[f"{path}/POLineNbr"] = "'PO Line Nbr.' cannot be found in the system."
    return _lines(books, order, wanted, first=len(row["Details"]) + 1)


def _lines(books: Books, order: Row, wanted: Mapping[int, Decimal | None], *, first: int) -> list[Row]:
    """A line for each order line wanted; a quantity of None is all that is open."""
    lines: list[Row] = []
    for line in order["Details"]:
        if line["LineNbr"] not in wanted or line["Cancelled"]:
            continue
        quantity = wanted[line["LineNbr"]]
        quantity = line["OrderQty"] - line["QtyOnReceipts"] if quantity is None else quantity
        if quantity <= 0:
            continue
        lines.append(
            {
                **{name: line.get(name) for name in _COPIED},
                "id": books.store.new_id(),
                "LineNbr": first + len(lines),
                "POOrderType": order["Type"],
                "POOrderNbr": order["OrderNbr"],
                "POLineNbr": line["LineNbr"],
                "TransactionDescription": line.get("LineDescription"),
                "OrderedQty": line["OrderQty"],
                "OpenQty": line["OrderQty"] - line["QtyOnReceipts"],
                "ReceiptQty": quantity,
                "ExtendedCost": rounded(quantity * line["UnitCost"]),
                "custom": {},
                "_billed": ZERO,
            }
        )
    return lines


def _totalled(row: Row) -> Row:
    quantity = sum((line["ReceiptQty"] for line in row["Details"]), ZERO)
    cost = sum((line["ExtendedCost"] for line in row["Details"]), ZERO)
    return {**row, "TotalQty": quantity, "ControlQty": quantity, "TotalCost": cost, "UnbilledQuantity": quantity}


def _enter(books: Books, row: Row) -> Row:
    number = row["ReceiptNbr"] or f"RC{books.next_number('PurchaseReceipt')}"
    period = books.period_of(row["Date"])
    return books.table("PurchaseReceipt").put({**row, "ReceiptNbr": number, "PostPeriod": period})


def act_on_receipt(visit: Visit, action: str, row: Row) -> LongRun | None:
    """Runs an action. Raises LookupError for one nobody has."""
    if action in ("ReleasePurchaseReceipt", "Release"):
        return LongRun(release_receipt(visit.books, row)["id"])
    if action in ("CreateAPBill", "CreateAPDocument"):
        if row["Status"] != RELEASED or row["UnbilledQuantity"] <= 0:
            raise failed("The receipt has nothing to be billed.", INVALID_OPERATION)
        return LongRun(bill_of_receipt(visit, row)["id"])
    raise LookupError(action)


def release_receipt(books: Books, row: Row) -> Row:
    """Books a receipt: the quantities count on the orders."""
    if row["Status"] != BALANCED:
        raise failed("Document Status is invalid for processing.", INVALID_OPERATION)
    table = books.table("PurchaseOrder")
    for kind, number in dict.fromkeys((line["POOrderType"], line["POOrderNbr"]) for line in row["Details"]):
        order = table.get(kind, number)
        if order is not None:
            table.put(settled_order(_received(order, row["Details"])))
    return books.table("PurchaseReceipt").put({**row, "Status": RELEASED, "Hold": False})


def _received(order: Row, lines: list[Row]) -> Row:
    key = (order["Type"], order["OrderNbr"])
    mine = [line for line in lines if (line["POOrderType"], line["POOrderNbr"]) == key]
    details: list[Row] = []
    for line in order["Details"]:
        arrived = [each for each in mine if each["POLineNbr"] == line["LineNbr"]]
        quantity = sum((each["ReceiptQty"] for each in arrived), line["QtyOnReceipts"])
        cost = sum((each["ExtendedCost"] for each in arrived), line["ReceivedAmount"])
        details.append({**line, "QtyOnReceipts": quantity, "ReceivedAmount": cost})
    return {**order, "Details": details}


def receive(books: Books, order: Row, quantities: Mapping[int, Decimal | None] | None = None) -> Row:
    """Enters and releases a receipt of an order: of all that is open, or of those quantities by LineNbr."""
    wanted = quantities if quantities is not None else {line["LineNbr"]: None for line in order["Details"]}
    lines = _lines(books, order, wanted, first=1)
    if not lines:
        message = f"Nothing of order {order['OrderNbr']} is left to receive."
        raise ValueError(message)
    head = {
        "Type": RECEIPT,
        "ReceiptNbr": None,
        "VendorID": order["VendorID"],
        "CurrencyID": order["CurrencyID"],
        "BaseCurrencyID": books.currency,
        "Branch": order["Branch"],
        "Location": "MAIN",
        "Date": books.today(),
        "Hold": False,
        "Status": BALANCED,
        "CreateBill": False,
        "Details": lines,
        "note": "",
        "custom": {},
    }
    return release_receipt(books, _enter(books, _totalled(head)))


def delete_receipt(books: Books, row: Row) -> None:
    """Removes a receipt that was not released."""
    if row["Status"] == RELEASED:
        raise failed(f"The receipt {row['ReceiptNbr']} cannot be deleted: it is released.")
    books.table("PurchaseReceipt").drop(row)
