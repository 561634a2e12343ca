"""Bill lines and the order or receipt lines they stand for (Acumatica dossier 10.3, 15.37)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.coding import Faults
from ml_connector.sandbox.acumatica.plugs import Body
from ml_connector.sandbox.acumatica.schema import Row

ZERO = Decimal(0)
BILLABLE = ("Open", "Completed")
"""Orders in another status cannot be billed."""
_COPIED = (
    "InventoryID",
    "Account",
    "Subaccount",
    "Project",
    "ProjectTask",
    "CostCode",
    "TaxCategory",
    "UnitCost",
    "UOM",
)


def linked_lines(books: Books, head: Row, body: Body, *, path: str, faults: Faults) -> list[Row]:
    """What a new line of a bill starts from: one empty row, or one for each line of order or receipt it names.

    An order that is unknown, of another vendor or currency, or not open, is a fault; so is a line it does not have.
    """
    if body.get("POReceiptNbr"):
        return _of_receipt(books, head, body, path=path, faults=faults)
    if body.get("POOrderNbr"):
        return _of_order(books, head, body, path=path, faults=faults)
    return [{}]


def _of_order(books: Books, head: Row, body: Body, *, path: str, faults: Faults) -> list[Row]:
    order = books.table("PurchaseOrder").get(body.get("POOrderType") or "Normal", body.get("POOrderNbr"))
    fault = _refused(order, head)
    if order is None or fault is not None:
        faults[f"{path}/POOrderNbr"] = fault or "'PO Number' cannot be found in the system."
        return [{}]
    asked = body.get("POLine")
    lines = [line for line in order["Details"] if asked in (None, line["LineNbr"])]
    if asked is None:
        lines = [line for line in lines if not is_billed(line) and not line.get("Cancelled")]
    if not lines:
        faults[f"{path}/POLine"] = "'PO Line Nbr.' cannot be found in the system."
        return [{}]
    return [_from_order_line(order, line) for line in lines]


def _refused(order: Row | None, head: Row) -> str | None:
    if order is None:
        return "'PO Number' cannot be found in the system."
    if order["VendorID"] != head["Vendor"]:
        return f"The purchase order {order['OrderNbr']} is of another vendor."
    if order["CurrencyID"] != head["CurrencyID"]:
        return f"The purchase order {order['OrderNbr']} is in another currency: {order['CurrencyID']}."
    if order["Status"] not in BILLABLE:
        return f"The purchase order {order['OrderNbr']} cannot be billed: its status is {order['Status']}."
    return None


def _from_order_line(order: Row, line: Row) -> Row:
    return {
        **{name: line.get(name) for name in _COPIED},
        "TransactionDescription": line.get("LineDescription"),
        "Qty": max(unbilled(line), ZERO),
        "POOrderType": order["Type"],
        "POOrderNbr": order["OrderNbr"],
        "POLine": line["LineNbr"],
    }


def _of_receipt(books: Books, head: Row, body: Body, *, path: str, faults: Faults) -> list[Row]:
    receipt = books.table("PurchaseReceipt").get(body.get("POReceiptType") or "Receipt", body.get("POReceiptNbr"))
    if receipt is None or receipt["VendorID"] != head["Vendor"] or receipt["Status"] != "Released":
        faults[f"{path}/POReceiptNbr"] = "'PO Receipt Nbr.' cannot be found in the system."
        return [{}]
    asked = body.get("POReceiptLine")
    lines = [line for line in receipt["Details"] if asked in (None, line["LineNbr"])]
    if asked is None:
        lines = [line for line in lines if line["ReceiptQty"] > line.get("_billed", ZERO)]
    if not lines:
        faults[f"{path}/POReceiptLine"] = "'PO Receipt Line Nbr.' cannot be found in the system."
        return [{}]
    return [from_receipt_line(books, receipt, line) for line in lines]


def from_receipt_line(books: Books, receipt: Row, line: Row) -> Row:
    """A bill line for what was received and is not billed yet."""
    ordered = order_line(books, line["POOrderType"], line["POOrderNbr"], line["POLineNbr"]) or {}
    return {
        **{name: ordered.get(name) for name in _COPIED},
        "TransactionDescription": line.get("TransactionDescription"),
        "UnitCost": line["UnitCost"],
        "Qty": max(line["ReceiptQty"] - line.get("_billed", ZERO), ZERO),
        "POOrderType": line["POOrderType"],
        "POOrderNbr": line["POOrderNbr"],
        "POLine": line["POLineNbr"],
        "POReceiptType": receipt["Type"],
        "POReceiptNbr": receipt["ReceiptNbr"],
        "POReceiptLine": line["LineNbr"],
    }


def order_line(books: Books, kind: str | None, number: str | None, line_nbr: int | None) -> Row | None:
    """That line of that order."""
    order = books.table("PurchaseOrder").get(kind, number)
    return next((line for line in (order or {}).get("Details", ()) if line["LineNbr"] == line_nbr), None)


def unbilled(line: Row) -> Decimal:
    """What released bills have left of an order line."""
    return line["OrderQty"] - line.get("_billed", ZERO)


def is_billed(line: Row) -> bool:
    """True for an order line that was billed in full: by its sum where it has no quantity."""
    if line["OrderQty"]:
        return unbilled(line) <= 0
    return line.get("_billed_sum", ZERO) >= line["ExtendedCost"]


def count_billed(books: Books, bill: Row, *, sign: int = 1) -> None:
    """Counts the lines of a released bill against their orders and receipts; `sign` -1 gives them back."""
    orders: dict[tuple[str, str], dict[int, Decimal]] = {}
    sums: dict[tuple[str, str], dict[int, Decimal]] = {}
    receipts: dict[tuple[str, str], dict[int, Decimal]] = {}
    for line in bill["Details"]:
        if line.get("POOrderNbr") and line.get("POLine") is not None:
            key = (line["POOrderType"], line["POOrderNbr"])
            _count(orders, key, line["POLine"], line["Qty"] * sign)
            _count(sums, key, line["POLine"], line["ExtendedCost"] * sign)
        if line.get("POReceiptNbr") and line.get("POReceiptLine") is not None:
            _count(receipts, (line["POReceiptType"], line["POReceiptNbr"]), line["POReceiptLine"], line["Qty"] * sign)
    for (kind, number), counted in orders.items():
        _put_counted(books, "PurchaseOrder", (kind, number), counted, sums[kind, number])
    for (kind, number), counted in receipts.items():
        _put_counted(books, "PurchaseReceipt", (kind, number), counted)


def _count(into: dict[tuple[str, str], dict[int, Decimal]], key: tuple[str, str], line: int, quantity: Decimal) -> None:
    counted = into.setdefault(key, {})
    counted[line] = counted.get(line, ZERO) + quantity


def _put_counted(
    books: Books, entity: str, key: tuple[str, str], counted: dict[int, Decimal], sums: dict[int, Decimal] | None = None
) -> None:
    table = books.table(entity)
    row = table.get(*key)
    if row is None:
        return
    lines = [
        {
            **line,
            "_billed": line.get("_billed", ZERO) + counted.get(line["LineNbr"], ZERO),
            "_billed_sum": line.get("_billed_sum", ZERO) + (sums or {}).get(line["LineNbr"], ZERO),
        }
        for line in row["Details"]
    ]
    if entity == "PurchaseReceipt":
        left = sum((line["ReceiptQty"] - line["_billed"] for line in lines), ZERO)
        table.put({**row, "Details": lines, "UnbilledQuantity": left})
    else:
        table.put(settled_order({**row, "Details": lines}))


def settled_order(order: Row) -> Row:
    """The order with Completed and Closed as the quantities say (Acumatica dossier 9.5.1).

    A line is complete when it was received, or billed without a receipt, in full; closed when it was billed in full.
    """
    if order["Status"] not in ("Open", "Completed", "Closed"):
        return order
    lines = [{**line, "Completed": _is_complete(line)} for line in order["Details"]]
    living = [line for line in lines if not line.get("Cancelled")]
    status = "Open"
    if living and all(line["Completed"] for line in living):
        status = "Closed" if all(is_billed(line) for line in living) else "Completed"
    return {**order, "Details": lines, "Status": status}


def _is_complete(line: Row) -> bool:
    if not line["OrderQty"]:
        return is_billed(line)
    return max(line.get("QtyOnReceipts") or ZERO, line.get("_billed", ZERO)) >= line["OrderQty"]
