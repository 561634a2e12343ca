"""The control pages about orders and receipts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic import orders
from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.receipts import receive
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO
from ml_connector.sandbox.epicor_kinetic.wire import read_row

Asked = dict[str, Any]
_WORDS = frozenset({"company", "number", "vendor", "currency", "approval", "lines", "receive", "status", "delete"})


def change_order(books: Books, asked: Asked) -> Any:
    """Creates an order, or changes, receives, closes, cancels or deletes one by its number."""
    table = books.table(orders.HEAD)
    order = table.get(books.id, int(asked["number"])) if "number" in asked else None
    if asked.get("delete"):
        if order is None:
            message = f"There is no order {asked['number']}."
            raise LookupError(message)
        orders.drop_order(books, order)
        return {"deleted": order["PONum"]}
    order = order or _new_order(books, asked)
    columns = read_row(TABLES[orders.HEAD], {name: value for name, value in asked.items() if name not in _WORDS})
    if "approval" in asked:
        columns |= {"ApprovalStatus": asked["approval"], "Approve": asked["approval"] == "A"}
    if columns:
        order = table.put({**order, **columns})
    for line in asked.get("lines", ()):
        order = orders.put_line(books, order, _line(books, line))
    if asked.get("receive"):
        chosen = asked["receive"]
        receive(books, order, _quantities(chosen) if isinstance(chosen, dict) else None)
    if "status" in asked:
        order = _settle(books, order, str(asked["status"]))
    return orders.shown_order(books, order)


def _new_order(books: Books, asked: Asked) -> Row:
    vendor = books.vendor_by_code(str(asked.get("vendor", "")))
    if vendor is None:
        message = f"There is no supplier {asked.get('vendor')}."
        raise LookupError(message)
    number = int(asked.get("number") or max((row["PONum"] for row in books.table(orders.HEAD).all()), default=0) + 1)
    currency = str(asked.get("currency") or vendor.get("CurrencyCode") or books.currency)
    approval = str(asked.get("approval", "A"))
    return orders.put_order(books, number, vendor, currency=currency, day=books.store.today(), approval=approval)


def _line(books: Books, asked: Asked) -> orders.Wanted:
    quantities = asked.get("quantities") or [asked.get("quantity", 1)]
    account = str(asked.get("account", ""))
    return orders.Wanted(
        number=int(asked["line"]),
        description=str(asked.get("description", "Goods")),
        quantities=[Decimal(str(each)) for each in quantities],
        price=Decimal(str(asked.get("price", 0))),
        part=str(asked.get("part", "")),
        per=str(asked.get("per", "E")),
        tax_category=str(asked.get("tax", books.company.tax_groups[0].code)),
        account=account,
    )


def _settle(books: Books, order: Row, status: str) -> Row:
    if status not in ("open", "closed", "void"):
        message = f"An order is open, closed or void, not {status}."
        raise ValueError(message)
    return orders.close_order(books, order, void=status == "void", reopen=status == "open")


def enter_receipt(books: Books, asked: Asked) -> Any:
    """Enters a receipt of an order: of all that is open, or of those quantities."""
    order = books.table(orders.HEAD).get(books.id, int(asked["order"]))
    if order is None:
        message = f"There is no order {asked['order']}."
        raise LookupError(message)
    quantities = _quantities(asked["quantities"]) if "quantities" in asked else None
    slip, received = str(asked.get("pack_slip", "")), bool(asked.get("received", True))
    head = receive(books, order, quantities, pack_slip=slip, received=received)
    lines = books.table("RcvDtl").below(books.id, head["VendorNum"], "", head["PackSlip"])
    shown = [
        {"order": row["PONum"], "line": row["POLine"], "release": row["PORelNum"], "quantity": row["VendorQty"]}
        for row in lines
    ]
    return {"pack_slip": head["PackSlip"], "vendorNum": head["VendorNum"], "lines": shown}


def _quantities(asked: dict[str, Any]) -> dict[tuple[int, int], Decimal]:
    """`{'1/1': 4}`: line and release; `{'1': 4}` is about the first release."""
    found: dict[tuple[int, int], Decimal] = {}
    for place, quantity in asked.items():
        line, _, release = str(place).partition("/")
        found[int(line), int(release or 1)] = Decimal(str(quantity)) if quantity is not None else ZERO
    return found
