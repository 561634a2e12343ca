"""The control pages about documents: what people do to bills, orders, payments and approvals in the screens.

`ACTIONS` are the POST pages of one company; `bills` is what tests count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica import orders, payments, receipts, releasing
from ml_connector.sandbox.acumatica.bills import BILL, CLOSED, DEBIT_ADJ, OPEN, PENDING, put_bill
from ml_connector.sandbox.acumatica.books import NO_PROJECT, Books
from ml_connector.sandbox.acumatica.files import files_of
from ml_connector.sandbox.acumatica.order_links import settled_order
from ml_connector.sandbox.acumatica.people import at_the_desk, filled_in
from ml_connector.sandbox.acumatica.plugs import Body
from ml_connector.sandbox.acumatica.schema import Row

Asked = dict[str, Any]
ZERO = Decimal(0)
PAGES = {
    "GET /_sandbox/bills": "?company= (&rows=true): every bill and adjustment, released or not",
    "POST /_sandbox/bill": "{company, id | number, ...fields of Bill}: somebody changes one in the screen",
    "POST /_sandbox/release-bill": "{company, id | number}: somebody releases a balanced bill",
    "POST /_sandbox/remove": "{company, id | number}: somebody deletes a bill that is not released",
    "POST /_sandbox/pay": "{company, id | number, type?, date?, amount?, discount?, reference?, released?}; a debit "
    "adjustment is refunded",
    "POST /_sandbox/pay-many": "{company, bills: [id | {id, amount?, discount?}], date?, reference?}: one payment",
    "POST /_sandbox/unpay": "{company, id | number | payment, leave_rows?}: voids every payment of it",
    "POST /_sandbox/offset": "{company, id | number, with, amount?}: a debit adjustment is applied to a bill",
    "POST /_sandbox/cancel": "{company, id | number}: reversed, and the reversal released and applied",
    "POST /_sandbox/orders": "{company, number?, ...fields of PurchaseOrder, receive?: true | {LineNbr: quantity}, "
    "status?: open | on hold | canceled | closed, delete?}",
    "POST /_sandbox/approval": "{company, enabled}: an approval map takes every bill",
    "POST /_sandbox/approve": "{company, id | number, release?}",
    "POST /_sandbox/reject": "{company, id | number}",
}


def bills(every: Iterable[Books], *, rows: bool = False) -> dict[str, Any]:
    """Every bill and adjustment of those companies."""
    found = [_bill(books, row, rows=rows) for books in every for row in books.table("Bill").all()]
    return {"total": len(found), "bills": found}


def _bill(books: Books, row: Row, *, rows: bool = False) -> dict[str, Any]:
    files = files_of(books, row)
    bill = {
        "company": books.company.code,
        "id": row["id"],
        "number": row["ReferenceNbr"],
        "type": row["Type"],
        "vendor": row["Vendor"],
        "vendorInvoiceNumber": row["VendorRef"],
        "kind": {BILL: "invoice", DEBIT_ADJ: "credit note"}.get(row["Type"], "other"),
        "status": row["Status"],
        "released": bool(row.get("_released")),
        "currency": row["CurrencyID"],
        "amount": row["Amount"],
        "total": row["_total"],
        "net": row["_net"],
        "tax": row["TaxTotal"],
        "remaining": row["Balance"],
        "paid": row["_total"] - row["Balance"],
        "invoiceDate": row["Date"].isoformat(),
        "postingDate": row["Date"].isoformat(),
        "period": row["PostPeriod"],
        "dueDate": row["DueDate"].isoformat(),
        "terms": row["Terms"],
        "branch": row["BranchID"],
        "description": row["Description"],
        "note": row.get("note"),
        "reverses": row.get("_reverses"),
        "createdAt": row.get("_created_at"),
        "lines": len(row["Details"]),
        "attachments": len(files),
        "files": files,
    }
    return bill | ({"rows": [_line(line) for line in row["Details"]]} if rows else {})


def _line(line: Row) -> dict[str, Any]:
    order = f"{line['POOrderType']}/{line['POOrderNbr']}/{line['POLine']}" if line.get("POOrderNbr") else None
    return {
        "account": line["Account"],
        "subaccount": line["Subaccount"],
        "project": line["Project"],
        "projectTask": line["ProjectTask"],
        "description": line["TransactionDescription"],
        "item": line["InventoryID"],
        "quantity": line["Qty"],
        "net": line["ExtendedCost"],
        "taxCategory": line["TaxCategory"],
        "taxCode": line["TaxCategory"],
        "branch": line["Branch"],
        "order": order,
        "dimensions": _dimensions(line),
    }


def _dimensions(line: Row) -> dict[str, str]:
    """The segments of the subaccount by their place, zeros left out, and project and task."""
    segments = (line["Subaccount"] or "").split("-")
    known = {f"Subaccount.{place}": code for place, code in enumerate(segments, 1) if code.strip("0")}
    if line["Project"] not in (None, NO_PROJECT):
        known["Project"] = line["Project"]
    return known


def find_bill(books: Books, asked: Asked) -> Row:
    """The bill that `id`, or `number` and `type`, names; raises LookupError."""
    table = books.table("Bill")
    row = table.by_id(str(asked["id"])) if "id" in asked else None
    if row is None and "number" in asked:
        kinds = [asked["type"]] if "type" in asked else [BILL, DEBIT_ADJ]
        row = next(filter(None, (table.get(kind, str(asked["number"])) for kind in kinds)), None)
    if row is None:
        message = f"There is no bill {asked.get('id') or asked.get('number')}."
        raise LookupError(message)
    return row


def _shown(books: Books, bill_id: str) -> dict[str, Any]:
    row = books.table("Bill").by_id(bill_id)
    assert row is not None
    return _bill(books, row)


def _number(asked: Asked, name: str) -> Decimal | None:
    return None if asked.get(name) is None else Decimal(str(asked[name]))


_BILL_WORDS = {"company", "id", "number", "type"}


def _change_bill(books: Books, asked: Asked) -> Any:
    row = find_bill(books, asked)
    fields = {name: value for name, value in asked.items() if name not in _BILL_WORDS}
    return _shown(books, put_bill(at_the_desk(books), row, filled_in(books, "Bill", fields))["id"])


def _release(books: Books, asked: Asked) -> Any:
    run = releasing.act_on_bill(at_the_desk(books), "ReleaseBill", find_bill(books, asked))
    if run is not None and run.failure is not None:
        raise run.failure
    return _shown(books, find_bill(books, asked)["id"])


def _remove(books: Books, asked: Asked) -> Any:
    row = find_bill(books, asked)
    releasing.delete_bill(books, row)
    return {"removed": row["ReferenceNbr"]}


def _pay(books: Books, asked: Asked) -> Any:
    bill = find_bill(books, asked)
    payment = _record_payment(books, asked, [asked], kind="Refund" if bill["Type"] == DEBIT_ADJ else "Payment")
    return {**_shown(books, bill["id"]), "payment": payment["ReferenceNbr"]}


def _pay_many(books: Books, asked: Asked) -> Any:
    each = [one if isinstance(one, dict) else {"id": one} for one in asked["bills"]]
    payment = _record_payment(books, asked, each, kind="Payment")
    return {
        "payment": payment["ReferenceNbr"],
        "bills": [_shown(books, find_bill(books, one)["id"]) for one in each],
    }


def _record_payment(books: Books, asked: Asked, each: list[Asked], *, kind: str) -> Row:
    found = [(find_bill(books, one), one) for one in each]
    first = found[0][0]
    day = date.fromisoformat(asked["date"]) if asked.get("date") else books.today()
    values = {
        "Type": payments.label(books, kind),
        "Vendor": first["Vendor"],
        "CurrencyID": first["CurrencyID"],
        "ApplicationDate": day,
        "PaymentRef": asked.get("reference"),
        "Hold": False,
    }
    lines = tuple(_application(bill, one) for bill, one in found)
    entered = payments.put_payment(at_the_desk(books), None, Body(values=values, lists={"Details": lines}))
    if asked.get("released") is False:
        return entered
    discounts = [_number(one, "discount") or ZERO for _, one in found]
    details = [{**line, "_discount": discount} for line, discount in zip(entered["Details"], discounts, strict=True)]
    return payments.release_payment(books, {**entered, "Details": details})


def _application(bill: Row, asked: Asked) -> Body:
    """All that is open of a bill, less the discount, where no amount is named."""
    amount = _number(asked, "amount")
    if amount is None:
        amount = bill["Balance"] - (_number(asked, "discount") or ZERO)
    return Body(values={"DocType": bill["Type"], "ReferenceNbr": bill["ReferenceNbr"], "AmountPaid": amount})


def _unpay(books: Books, asked: Asked) -> Any:
    leaves_rows = bool(asked.get("leave_rows"))
    if "payment" in asked:
        kinds = [payments.label(books, kind) for kind in ("Payment", "Refund")]
        found = (books.table("Check").get(kind, str(asked["payment"])) for kind in kinds)
        payment = next(filter(None, found), None)
        if payment is None:
            message = f"There is no payment {asked['payment']}."
            raise LookupError(message)
        payments.void_payment(books, payment, leaves_rows=leaves_rows)
        return {"payment": payment["ReferenceNbr"], "voided": True}
    bill = find_bill(books, asked)
    for row in bill["Applications"]:
        payment = books.table("Check").get(row["DocType"], row["ReferenceNbr"])
        if payment is None or payment["Type"] == DEBIT_ADJ or payment["Status"] == payments.VOIDED:
            continue
        if payment.get("_released"):
            payments.void_payment(books, payment, leaves_rows=leaves_rows)
        else:
            payments.delete_payment(books, payment)
    return _shown(books, bill["id"])


def _offset(books: Books, asked: Asked) -> Any:
    bill = find_bill(books, asked)
    adjustment = find_bill(books, {"id": asked["with"], "number": asked["with"], "type": DEBIT_ADJ})
    apply_adjustment(books, adjustment, bill, amount=_number(asked, "amount"))
    return _shown(books, bill["id"])


def apply_adjustment(books: Books, adjustment: Row, bill: Row, *, amount: Decimal | None = None) -> None:
    """Sets a released debit adjustment off against a bill, by what both have left unless told otherwise."""
    half = books.table("Check").get(DEBIT_ADJ, adjustment["ReferenceNbr"])
    if half is None:
        message = f"The adjustment {adjustment['ReferenceNbr']} is not released."
        raise ValueError(message)
    common = min(bill["Balance"], half["UnappliedBalance"])
    values = {"DocType": bill["Type"], "ReferenceNbr": bill["ReferenceNbr"], "AmountPaid": amount or common}
    body = Body(lists={"Details": (Body(values=values),)})
    payments.release_payment(books, payments.put_payment(at_the_desk(books), half, body))


def _cancel(books: Books, asked: Asked) -> Any:
    bill = find_bill(books, asked)
    mirror = releasing.reverse(books, bill)
    books.table("Bill").put({**mirror, "Status": "Balanced", "Hold": False})
    released = releasing.release(books, find_bill(books, {"id": mirror["id"]}))
    if bill["Status"] == OPEN:
        apply_adjustment(books, released, bill)
    return {**_shown(books, bill["id"]), "mirror": mirror["id"]}


_ORDER_WORDS = {"company", "number", "type", "receive", "status", "delete"}
_ORDER_STATUS = {"open": "Open", "on hold": "On Hold", "canceled": "Canceled", "closed": CLOSED, "pending": PENDING}


def _orders(books: Books, asked: Asked) -> Any:
    """Creates an order, or changes, receives, closes, cancels or deletes one by its number."""
    table = books.table("PurchaseOrder")
    kind = asked.get("type", orders.NORMAL)
    row = table.get(kind, str(asked["number"])) if "number" in asked else None
    fields = {name: value for name, value in asked.items() if name not in _ORDER_WORDS}
    if asked.get("delete"):
        if row is None:
            message = f"There is no order {asked['number']}."
            raise LookupError(message)
        orders.delete_order(books, row)
        return {"deleted": row["OrderNbr"]}
    if row is None or fields:
        named = {"Type": kind, "Hold": False} if row is None else {}
        row = _entered_order(books, row, {**named, **fields}, number=asked.get("number"))
    if asked.get("receive"):
        quantities = asked["receive"]
        chosen = (
            {int(line): Decimal(str(many)) for line, many in quantities.items()}
            if isinstance(quantities, dict)
            else None
        )
        receipts.receive(books, row, chosen)
    row = table.get(kind, row["OrderNbr"]) or row
    if "status" in asked:
        status = _ORDER_STATUS[asked["status"]]
        row = table.put(settled_order({**row, "Status": status}) if status == OPEN else {**row, "Status": status})
    return _shown_order(row)


def _entered_order(books: Books, row: Row | None, fields: Asked, *, number: Any) -> Row:
    """A new order bears the number that is asked for, as where numbering is manual."""
    found = None
    if row is None and number is not None:
        vendor = books.table("Vendor").get(fields.get("VendorID")) or {}
        found = {**orders.blank_order(books, vendor), "Type": fields["Type"], "OrderNbr": str(number)}
    return orders.put_order(at_the_desk(books), row or found, filled_in(books, "PurchaseOrder", fields))


def _shown_order(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["Type"],
        "number": row["OrderNbr"],
        "vendor": row["VendorID"],
        "status": row["Status"],
        "total": row["OrderTotal"],
        "lines": [
            {
                "line": line["LineNbr"],
                "quantity": line["OrderQty"],
                "received": line["QtyOnReceipts"],
                "billed": line["_billed"],
                "completed": line["Completed"],
            }
            for line in row["Details"]
        ],
    }


def _approval(books: Books, asked: Asked) -> Any:
    books.switches.approval = bool(asked["enabled"])
    return {"enabled": books.switches.approval}


def _approve(books: Books, asked: Asked) -> Any:
    row = releasing.approve(books, find_bill(books, asked))
    if asked.get("release"):
        return _release(books, {"id": row["id"]})
    return _shown(books, row["id"])


def _reject(books: Books, asked: Asked) -> Any:
    return _shown(books, releasing.reject(books, find_bill(books, asked))["id"])


ACTIONS: dict[str, Callable[[Books, Asked], Any]] = {
    "bill": _change_bill,
    "release-bill": _release,
    "remove": _remove,
    "pay": _pay,
    "pay-many": _pay_many,
    "unpay": _unpay,
    "offset": _offset,
    "cancel": _cancel,
    "orders": _orders,
    "approval": _approval,
    "approve": _approve,
    "reject": _reject,
}
"""The POST pages by name; a LookupError is a 404, a refusal and ValueError a 400."""
