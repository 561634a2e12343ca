"""The control pages about documents: what people do to bills, orders, payments and approvals in B1's own screens.

`ACTIONS` are the POST pages of one company; `bills` is what tests count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.sap_business_one import drafts, orders, payments, posting
from ml_connector.sandbox.sap_business_one.attachments import files_of
from ml_connector.sandbox.sap_business_one.bodies import read_body
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.changing import change_document
from ml_connector.sandbox.sap_business_one.drafts import DRAFT_OBJECT_TYPE, kind_of
from ml_connector.sandbox.sap_business_one.heads import draw_document
from ml_connector.sandbox.sap_business_one.kinds import BILLS, BY_OBJECT_TYPE, CREDIT_NOTE, INVOICE, ORDER, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import shown_line
from ml_connector.sandbox.sap_business_one.schema import SETS, Row

Asked = dict[str, Any]
PAGES = {
    "GET /_sandbox/bills": "?company= (&rows=true): every invoice and credit note, cancelled ones, mirrors and drafts",
    "POST /_sandbox/pay": "{company, id | number, kind?, date?, amount?, discount?, reference?}; or {company, vendor, "
    "amount} on account",
    "POST /_sandbox/pay-many": "{company, bills: [id | {id, amount?, discount?}], date?, reference?}: one payment, "
    "credit notes taken off",
    "POST /_sandbox/unpay": "{company, id | number | payment}: cancels every payment of it",
    "POST /_sandbox/reconcile": "{company, id | number, amount?, with?: '19:880' | '46:3301'}: settled by no payment",
    "POST /_sandbox/close": "{company, id | number}: closed by hand with nothing settled",
    "POST /_sandbox/cancel": "{company, id | number}",
    "POST /_sandbox/orders": "{company, number?, ...properties, receive?: true | {LineNum: quantity}, status?: open | "
    "closed | cancelled}",
    "POST /_sandbox/approval": "{company, enabled}: an approval procedure takes every bill",
    "POST /_sandbox/approve": "{company, draft, add?}: approves a draft and adds it",
    "POST /_sandbox/reject": "{company, draft, cancel?}",
    "POST /_sandbox/remove-draft": "{company, draft}",
}


def bills(every: Iterable[Books], *, rows: bool = False) -> dict[str, Any]:
    """Every invoice and credit note of those companies, and the drafts that may become one."""
    found = [
        _bill(books, table, row, rows=rows)
        for books in every
        for table in (*(kind.entity_set for kind in BILLS), "Drafts")
        for row in books.table(table).all()
        if table != "Drafts" or row["DocumentStatus"] == "bost_Open"
    ]
    return {"total": len(found), "bills": found}


def _bill(books: Books, table: str, row: Row, *, rows: bool = False) -> dict[str, Any]:
    draft = table == "Drafts"
    kind = kind_of(row)
    foreign = posting.is_foreign(row)
    total, tax = (row["DocTotalFc"], row["VatSumFc"]) if foreign else (row["DocTotal"], row["VatSum"])
    bill = {
        "company": books.company.code,
        "id": f"{DRAFT_OBJECT_TYPE if draft else kind.object_type}:{row['DocEntry']}",
        "number": str(row["DocNum"]),
        "vendor": row["CardCode"],
        "vendorInvoiceNumber": row.get("NumAtCard"),
        "kind": "credit note" if kind is CREDIT_NOTE else "invoice" if kind is INVOICE else "other",
        "status": "draft" if draft else _status(row),
        "approval": row["AuthorizationStatus"],
        "currency": row["DocCurrency"],
        "total": total,
        "tax": tax,
        "net": total - tax,
        "paid": row["PaidToDateFC"] if foreign else row["PaidToDate"],
        "remaining": posting.open_sums(row)[1 if foreign else 0],
        "invoiceDate": row["TaxDate"],
        "postingDate": row["DocDate"],
        "dueDate": row["DocDueDate"],
        "branch": row.get("BPL_IDAssignedToInvoice"),
        "comments": row.get("Comments"),
        "createdAt": row.get("_created_at"),
        "lines": len(row["DocumentLines"]),
        "attachments": files_of(books, row.get("AttachmentEntry")),
    }
    return bill | ({"rows": [shown_line(books, line) for line in row["DocumentLines"]]} if rows else {})


def _status(row: Row) -> str:
    """As people mean it: closed by hand is told apart from paid."""
    if row["CancelStatus"] != "csNo":
        return "cancelled" if row["CancelStatus"] == "csYes" else "cancellation"
    left = posting.open_sums(row)[1 if posting.is_foreign(row) else 0]
    if row["DocumentStatus"] == "bost_Open":
        return "open"
    return "closed" if left > 0 else "paid"


def find_bill(books: Books, asked: Asked) -> tuple[DocumentKind, Row]:
    """The bill that `id` or `number` (and `kind`) names; raises LookupError."""
    if "id" in asked:
        object_type, _, entry = str(asked["id"]).partition(":")
        kind = BY_OBJECT_TYPE.get(int(object_type))
        row = books.table(kind.entity_set).get(int(entry)) if kind in BILLS else None
        if kind is not None and row is not None:
            return kind, row
    for kind in BILLS:
        wanted = asked.get("kind", "credit note" if kind is CREDIT_NOTE else "invoice")
        row = books.table(kind.entity_set).first("DocNum", int(asked["number"])) if "number" in asked else None
        if row is not None and wanted == ("credit note" if kind is CREDIT_NOTE else "invoice"):
            return kind, row
    message = f"There is no bill {asked.get('id') or asked.get('number')}."
    raise LookupError(message)


def _shown(books: Books, kind: DocumentKind, entry: int) -> dict[str, Any]:
    return _bill(books, kind.entity_set, books.table(kind.entity_set).rows[entry])


def _number(asked: Asked, name: str) -> Decimal | None:
    return None if asked.get(name) is None else Decimal(str(asked[name]))


def _pay(books: Books, asked: Asked) -> Any:
    if "vendor" in asked:
        return _pay_on_account(books, asked)
    kind, bill = find_bill(books, asked)
    if kind is CREDIT_NOTE:
        message = "A credit note is not paid: take it off a payment (pay-many) or reconcile it."
        raise ValueError(message)
    payment = _record_payment(books, asked, [asked])
    return {**_shown(books, kind, bill["DocEntry"]), "payment": payment["DocNum"]}


def _pay_many(books: Books, asked: Asked) -> Any:
    each = [one if isinstance(one, dict) else {"id": one} for one in asked["bills"]]
    payment = _record_payment(books, asked, each)
    shown = [_shown(books, kind, bill["DocEntry"]) for kind, bill in (find_bill(books, one) for one in each)]
    return {"payment": payment["DocNum"], "bills": shown}


def _record_payment(books: Books, asked: Asked, each: list[Asked]) -> Row:
    lines: list[Row] = []
    total = Decimal(0)
    for one in each:
        kind, bill = find_bill(books, one)
        line, money = _payment_line(kind, bill, one)
        lines.append(line)
        total += money
    _, first = find_bill(books, each[0])
    return payments.create_payment(
        books, {**_payment_head(books, asked, total), **_of_bill(first), "PaymentInvoices": lines}
    )


def _of_bill(bill: Row) -> Row:
    return {
        "CardCode": bill["CardCode"],
        "DocCurrency": bill["DocCurrency"],
        "BPLID": bill.get("BPL_IDAssignedToInvoice"),
    }


def _payment_head(books: Books, asked: Asked, total: Decimal) -> Row:
    day = date.fromisoformat(asked.get("date") or books.today()).isoformat()
    bank = next((row["Code"] for row in books.table("ChartOfAccounts").all() if row.get("CashAccount") == "tYES"), None)
    return {
        "DocType": "rSupplier",
        "DocDate": day,
        "TransferAccount": bank,
        "TransferSum": total,
        "TransferDate": day,
        "TransferReference": asked.get("reference"),
    }


def _payment_line(kind: DocumentKind, bill: Row, asked: Asked) -> tuple[Row, Decimal]:
    """The row of one bill and the money it takes: less for a credit note. Sums are in the bill's currency."""
    foreign = posting.is_foreign(bill)
    discount = _number(asked, "discount") or Decimal(0)
    amount = _number(asked, "amount")
    if amount is None:
        amount = posting.open_sums(bill)[1 if foreign else 0] - discount
    sign = -1 if kind is CREDIT_NOTE else 1
    names = ("AppliedFC", "TotalDiscountFC") if foreign else ("SumApplied", "TotalDiscount")
    line = {"DocEntry": bill["DocEntry"], "InvoiceType": kind.settled_as}
    return {**line, names[0]: amount * sign, names[1]: discount * sign}, amount * sign


def _pay_on_account(books: Books, asked: Asked) -> Any:
    """A payment that settles nothing yet; a reconciliation may use it later."""
    amount = _number(asked, "amount") or Decimal(0)
    payment = payments.create_payment(
        books, {**_payment_head(books, asked, amount), "CardCode": asked["vendor"], "PaymentInvoices": []}
    )
    return {"payment": payment["DocNum"], "id": f"46:{payment['DocEntry']}"}


def _unpay(books: Books, asked: Asked) -> Any:
    table = books.table("VendorPayments")
    if "payment" in asked:
        row = table.first("DocNum", int(asked["payment"]))
        if row is None:
            message = f"There is no payment {asked['payment']}."
            raise LookupError(message)
        payments.cancel_payment(books, row["DocEntry"])
        return {"payment": row["DocNum"], "cancelled": True}
    kind, bill = find_bill(books, asked)
    for payment in table.find("CardCode", bill["CardCode"]):
        settled = any(
            (line["InvoiceType"], line["DocEntry"]) == (kind.settled_as, bill["DocEntry"])
            for line in payment["PaymentInvoices"]
        )
        if settled and payment["Cancelled"] == "tNO":
            payments.cancel_payment(books, payment["DocEntry"])
    return _shown(books, kind, bill["DocEntry"])


def _reconcile(books: Books, asked: Asked) -> Any:
    kind, bill = find_bill(books, asked)
    amount = _number(asked, "amount")
    other: Row = {"SrcObjTyp": "30", "SrcObjAbs": None, "TransId": None}
    if "with" in asked:
        object_type, _, entry = str(asked["with"]).partition(":")
        other = {"SrcObjTyp": object_type, "SrcObjAbs": int(entry), "TransId": None}
        if object_type in ("18", "19"):
            return _offset(books, (kind, bill), find_bill(books, {"id": asked["with"]}), amount)
    payments.reconcile(books, kind, bill, amount=amount, other=other)
    return _shown(books, kind, bill["DocEntry"])


def _offset(
    books: Books, one: tuple[DocumentKind, Row], other: tuple[DocumentKind, Row], amount: Decimal | None
) -> Any:
    """An invoice and a credit note settle each other without any payment."""
    (kind, bill), (other_kind, other_bill) = one, other
    place = 1 if posting.is_foreign(bill) else 0
    common = min(posting.open_sums(bill)[place], posting.open_sums(other_bill)[place])
    asked = common if amount is None else min(amount, common)
    named: Row = {
        "SrcObjTyp": str(other_kind.object_type),
        "SrcObjAbs": other_bill["DocEntry"],
        "TransId": other_bill.get("TransNum"),
    }
    payments.reconcile(books, kind, bill, amount=asked, other=named)
    local = posting.local_of(other_bill, asked) if place else asked
    posting.settle(books, other_kind, other_bill["DocEntry"], local=local, foreign=asked if place else Decimal(0))
    return _shown(books, kind, bill["DocEntry"])


def _cancel(books: Books, asked: Asked) -> Any:
    kind, bill = find_bill(books, asked)
    mirror = posting.cancel(books, kind, bill["DocEntry"])
    return {**_shown(books, kind, bill["DocEntry"]), "mirror": f"{kind.object_type}:{mirror['DocEntry']}"}


def _close(books: Books, asked: Asked) -> Any:
    kind, bill = find_bill(books, asked)
    posting.close(books, kind, bill["DocEntry"])
    return _shown(books, kind, bill["DocEntry"])


_ORDER_WORDS = {"company", "number", "receive", "status"}


def _orders(books: Books, asked: Asked) -> Any:
    """Creates an order, or changes, receives, closes, opens again or cancels one by its number."""
    table = books.table(ORDER.entity_set)
    properties = {name: value for name, value in asked.items() if name not in _ORDER_WORDS}
    given = read_body(SETS[ORDER.entity_set], properties, profile=books.switches.profile)
    row = table.first("DocNum", int(asked["number"])) if "number" in asked else None
    if row is None:
        row = posting.enter(books, ORDER, draw_document(books, ORDER, given))
        row = table.put({**row, "DocNum": int(asked.get("number", row["DocNum"]))})
    elif given:
        row = change_document(books, ORDER.entity_set, row, given, replace=False)
    if asked.get("receive"):
        quantities = asked["receive"]
        chosen = (
            {int(line): Decimal(str(many)) for line, many in quantities.items()}
            if isinstance(quantities, dict)
            else None
        )
        orders.receive(books, row, chosen)
    _set_status(books, row["DocEntry"], asked.get("status"))
    return _shown_order(table.rows[row["DocEntry"]])


def _set_status(books: Books, entry: int, status: str | None) -> None:
    if status is None:
        return
    if status == "closed":
        posting.close(books, ORDER, entry)
    elif status == "cancelled":
        orders.cancel_order(books, ORDER, entry)
    elif status == "open":
        orders.reopen_order(books, ORDER, entry)
    else:
        message = f"An order is open, closed or cancelled, not {status}."
        raise ValueError(message)


def _shown_order(row: Row) -> dict[str, Any]:
    return {
        "entry": row["DocEntry"],
        "number": str(row["DocNum"]),
        "vendor": row["CardCode"],
        "status": "open" if row["DocumentStatus"] == "bost_Open" else "closed",
        "cancelled": row["Cancelled"] == "tYES",
        "lines": [
            {"line": line["LineNum"], "quantity": line["Quantity"], "open": line["RemainingOpenQuantity"]}
            for line in row["DocumentLines"]
        ],
    }


def _approval(books: Books, asked: Asked) -> Any:
    books.switches.approval = bool(asked["enabled"])
    return {"enabled": books.switches.approval}


def find_draft(books: Books, asked: Asked) -> Row:
    """The draft that `draft` names, as `112:77` or 77; raises LookupError."""
    row = books.table("Drafts").get(int(str(asked["draft"]).removeprefix(f"{DRAFT_OBJECT_TYPE}:")))
    if row is None:
        message = f"There is no draft {asked['draft']}."
        raise LookupError(message)
    return row


def _approve(books: Books, asked: Asked) -> Any:
    add = bool(asked.get("add", True))
    row = drafts.approve(books, find_draft(books, asked), add=add)
    return _bill(books, kind_of(row).entity_set if add else "Drafts", row)


def _reject(books: Books, asked: Asked) -> Any:
    row = drafts.reject(books, find_draft(books, asked), cancelled=bool(asked.get("cancel", False)))
    return _bill(books, "Drafts", row)


def _remove_draft(books: Books, asked: Asked) -> Any:
    drafts.delete_draft(books, find_draft(books, asked)["DocEntry"])
    return {"removed": str(asked["draft"])}


ACTIONS: dict[str, Callable[[Books, Asked], Any]] = {
    "pay": _pay,
    "pay-many": _pay_many,
    "unpay": _unpay,
    "reconcile": _reconcile,
    "close": _close,
    "cancel": _cancel,
    "orders": _orders,
    "approval": _approval,
    "approve": _approve,
    "reject": _reject,
    "remove-draft": _remove_draft,
}
"""The POST pages by name; a LookupError is a 404, B1Error and ValueError a 400."""
