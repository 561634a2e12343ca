"""The control pages about documents: what people do to bills, orders, receipts, groups and payments in the screens.

`ACTIONS` are the POST pages of one company; `bills` is what tests count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.control import set_switches
from ml_connector.sandbox.epicor_kinetic import payments
from ml_connector.sandbox.epicor_kinetic.attachments import files_of
from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.coding import MAIN_BOOK, coded
from ml_connector.sandbox.epicor_kinetic.groups import GROUP, entered_in, group_of, period_of
from ml_connector.sandbox.epicor_kinetic.habits import Habits, habits_of
from ml_connector.sandbox.epicor_kinetic.invoices import (
    ACCOUNT,
    AMOUNT,
    HEAD,
    LINE,
    drop_invoice,
    invoice_of,
    parts_of,
)
from ml_connector.sandbox.epicor_kinetic.order_hooks import change_order, enter_receipt
from ml_connector.sandbox.epicor_kinetic.posting import post_group
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, stamp_of
from ml_connector.sandbox.epicor_kinetic.wire import read_row

Asked = dict[str, Any]
PAGES = {
    "GET /_sandbox/bills": "?company= (&rows=true): every invoice and debit memo, posted or not",
    "POST /_sandbox/bill": "{company, id | number + vendor?, ...columns of APInvHed}: somebody changes one by hand",
    "POST /_sandbox/coded": "{company, id | number, line?, account}: somebody codes a line, stored form; '' for none",
    "POST /_sandbox/remove": "{company, id | number}: somebody deletes one that is not posted",
    "POST /_sandbox/groups": "{company, lock?: {group, user}, unlock?: group, in_process?: {group, on}, post?: group, "
    "create?: group, auto_lock?}: what people do to groups; always answers with all of them",
    "POST /_sandbox/posting": "{company, seconds?, task?: Complete | Error, whole_group?, agent?}: the posting task",
    "POST /_sandbox/habits": "{company, other_book?, signed_input?, lax_locks?, keeps_groups?, settled_before?, "
    "dates_move?, discount_inside?, files_early?}: what is only assumed of the real one, turned the other way",
    "POST /_sandbox/pay": "{company, id | number, date?, amount?, discount?, reference?, posted?}",
    "POST /_sandbox/pay-many": "{company, bills: [id | {id, amount?, discount?}], date?, reference?}: one payment",
    "POST /_sandbox/post-payment": "{company, payment}: posts one that was entered with posted false",
    "POST /_sandbox/unpay": "{company, id | number | payment}: voids every payment of it",
    "POST /_sandbox/adjust": "{company, id | number, amount?, date?}: taken off without a payment",
    "POST /_sandbox/apply": "{company, id | number, with, amount?, date?}: a debit memo is set off against it",
    "POST /_sandbox/cancel": "{company, id | number}: a cancelling document takes it back",
    "POST /_sandbox/orders": "{company, number?, vendor?, currency?, approval?, lines?: [{line, description, "
    "quantity | quantities, price, per?, part?, account?, tax?}], receive?: true | {'1/1': quantity}, "
    "status?: open | closed | void, delete?, ...columns of POHeader}",
    "POST /_sandbox/receipts": "{company, order, quantities?: {'1/1': quantity}, pack_slip?, received?}",
}


def bills(every: Iterable[Books], *, rows: bool = False) -> dict[str, Any]:
    """Every invoice and debit memo of those companies."""
    found = [_bill(books, head, rows=rows) for books in every for head in books.table(HEAD).all()]
    return {"total": len(found), "bills": found}


def _bill(books: Books, head: Row, *, rows: bool = False) -> dict[str, Any]:
    total, tax, balance = (head.get(name, ZERO) for name in ("DocInvoiceAmt", "DocTaxAmt", "DocInvoiceBal"))
    vendor = books.vendor(head["VendorNum"]) or {}
    bill = {
        "company": books.company.code,
        "id": head["SysRowID"],
        "number": head.get("LegalNumber") or head["InvoiceNum"],
        "vendor": vendor.get("VendorID"),
        "vendorNum": head["VendorNum"],
        "vendorInvoiceNumber": head["InvoiceNum"],
        "kind": "credit note" if head.get("DebitMemo") else "invoice",
        "status": _status(head),
        "posted": bool(head.get("Posted")),
        "held": bool(head.get("InvoiceHeld")),
        "group": head["GroupID"],
        "currency": head["CurrencyCode"],
        "total": total,
        "net": total - tax,
        "tax": tax,
        "vendorTotal": head.get("DocInvoiceVendorAmt", ZERO),
        "variance": head.get("DocInvoiceVariance", ZERO),
        "remaining": balance,
        "paid": total - balance,
        "invoiceDate": str(head.get("InvoiceDate") or "")[:10],
        "postingDate": str(head.get("ApplyDate") or "")[:10],
        "dueDate": str(head.get("DueDate") or "")[:10],
        "period": f"{head.get('FiscalYear')}/{head.get('FiscalPeriod')}",
        "terms": head.get("TermsCode"),
        "journal": head.get("JournalNum", 0),
        "description": head.get("Description", ""),
        "externalId": head.get("ExternalID", ""),
        "enteredBy": head.get("EntryPerson", ""),
        "createdAt": head.get("_created_at"),
        "lines": len(parts_of(books, LINE, head)),
        "files": (files := files_of(books, head)),
        "attachments": len(files),
    }
    return bill | ({"rows": _rows(books, head)} if rows else {})


def _status(head: Row) -> str:
    if head.get("RefCancelledby"):
        return "cancelled"
    if not head.get("Posted"):
        return "held" if head.get("InvoiceHeld") else "entered"
    return "open" if head.get("OpenPayable") else "settled"


def _rows(books: Books, head: Row) -> list[dict[str, Any]]:
    """A row for each GL amount: the net is signed as the ledger has it, the account in stored form."""
    lines = {line["InvoiceLine"]: line for line in parts_of(books, LINE, head)}
    accounts = {
        (row["InvoiceLine"], row["InvExpSeq"]): row
        for row in parts_of(books, ACCOUNT, head)
        if row.get("BookID", "") == MAIN_BOOK
    }
    return [
        _row(lines[each["InvoiceLine"]], each, accounts.get((each["InvoiceLine"], each["InvExpSeq"]), {}))
        for each in parts_of(books, AMOUNT, head)
    ]


def _row(line: Row, amount: Row, account: Row) -> dict[str, Any]:
    segments = {str(at): account.get(f"SegValue{at}") for at in range(2, 21) if account.get(f"SegValue{at}")}
    order = f"{line['PONum']}/{line['POLine']}/{line['PORelNum']}" if line.get("PONum") else None
    return {
        "line": line["InvoiceLine"],
        "type": line.get("LineType"),
        "account": account.get("SegValue1", ""),
        "glAccount": account.get("GLAccount", ""),
        "dimensions": segments,
        "net": amount.get("DocExpAmt", ZERO),
        "quantity": line.get("VendorQty"),
        "taxCategory": line.get("TaxCatID", ""),
        "taxCode": line.get("TaxCatID", ""),
        "part": line.get("PartNum"),
        "description": line.get("Description", ""),
        "order": order,
        "receipt": f"{line['PackSlip']}/{line['PackLine']}" if line.get("PackSlip") else None,
    }


def find_bill(books: Books, asked: Asked) -> Row:
    """The bill that `id`, or `number` (and `vendor`), names; raises LookupError."""
    table = books.table(HEAD)
    head = table.by_id(str(asked["id"])) if "id" in asked else None
    if head is None and "number" in asked:
        vendor = books.vendor_by_code(str(asked["vendor"])) if "vendor" in asked else None
        named = table.find("InvoiceNum", str(asked["number"]))
        head = next((row for row in named if vendor is None or row["VendorNum"] == vendor["VendorNum"]), None)
    if head is None:
        message = f"There is no bill {asked.get('id') or asked.get('number')}."
        raise LookupError(message)
    return head


def _shown(books: Books, head: Row) -> dict[str, Any]:
    return _bill(books, invoice_of(books, head["VendorNum"], head["InvoiceNum"]) or head)


def _number(asked: Asked, name: str) -> Decimal | None:
    return None if asked.get(name) is None else Decimal(str(asked[name]))


def _day(books: Books, asked: Asked) -> date:
    return date.fromisoformat(asked["date"]) if asked.get("date") else books.store.today()


def _change_bill(books: Books, asked: Asked) -> Any:
    head = find_bill(books, asked)
    named = {name: value for name, value in asked.items() if name not in ("company", "id", "number", "vendor")}
    books.table(HEAD).put({**head, **read_row(TABLES[HEAD], named), "ChangedBy": "clerk"})
    return _shown(books, head)


def _code_bill(books: Books, asked: Asked) -> Any:
    head, wanted = find_bill(books, asked), asked.get("line")
    empty = {f"SegValue{at}": "" for at in range(1, 21)}
    for row in parts_of(books, ACCOUNT, head):
        if wanted in (None, row["InvoiceLine"]) and row.get("BookID", "") == MAIN_BOOK:
            books.table(ACCOUNT).put({**row, **empty, **coded(str(asked["account"]))})
    return _bill(books, head, rows=True)


def _remove(books: Books, asked: Asked) -> Any:
    head = find_bill(books, asked)
    drop_invoice(books, head)
    return {"removed": head["InvoiceNum"]}


def _groups(books: Books, asked: Asked) -> Any:
    """Locks, unlocks, creates or posts a group as another person; shows all groups."""
    table = books.table(GROUP)
    if "auto_lock" in asked:
        books.switches.auto_lock = bool(asked["auto_lock"])
        for row in books.table("XbSyst").all():
            books.table("XbSyst").put({**row, "AutoLockFinGroups": books.switches.auto_lock})
    if "create" in asked:
        today = books.store.today()
        named = {"Company": books.id, "GroupID": str(asked["create"]), "CreatedBy": "clerk"}
        table.put({**named, "ApplyDate": stamp_of(today), **period_of(today), "_locks": True})
    if "lock" in asked:
        table.put({**_group(books, asked["lock"]["group"]), "ActiveUserID": str(asked["lock"]["user"])})
    if "unlock" in asked:
        table.put({**_group(books, asked["unlock"]), "ActiveUserID": ""})
    if "in_process" in asked:
        group = _group(books, asked["in_process"]["group"])
        table.put({**group, "PostInProcess": bool(asked["in_process"]["on"])})
    if "post" in asked:
        post_group(books, _group(books, asked["post"]))
    return {"groups": [_shown_group(books, group) for group in table.all()]}


def _group(books: Books, group_id: Any) -> Row:
    group = group_of(books, group_id)
    if group is None:
        message = f"There is no group {group_id}."
        raise LookupError(message)
    return group


def _shown_group(books: Books, group: Row) -> dict[str, Any]:
    return {
        "group": group["GroupID"],
        "createdBy": group.get("CreatedBy", ""),
        "user": group.get("ActiveUserID", ""),
        "inProcess": bool(group.get("PostInProcess")),
        "errors": group.get("PostErrorLog", ""),
        "invoices": [head["InvoiceNum"] for head in entered_in(books, group["GroupID"])],
    }


def _posting(books: Books, asked: Asked) -> Any:
    named = {"seconds": "posting_seconds", "task": "posting_task", "whole_group": "whole_group", "agent": "agent"}
    given = {switch: asked[name] for name, switch in named.items() if name in asked}
    return set_switches(books.switches, given, frozenset(named.values()))


def _habits(books: Books, asked: Asked) -> Any:
    return set_switches(habits_of(books), asked, frozenset(Habits.__slots__))


def _pay(books: Books, asked: Asked) -> Any:
    head = find_bill(books, asked)
    check = _record(books, asked, [asked])
    return {**_shown(books, head), "payment": check["HeadNum"], "check": check["CheckNum"]}


def _pay_many(books: Books, asked: Asked) -> Any:
    each = [one if isinstance(one, dict) else {"id": one} for one in asked["bills"]]
    check = _record(books, asked, each)
    shown = [_shown(books, find_bill(books, one)) for one in each]
    return {"payment": check["HeadNum"], "check": check["CheckNum"], "bills": shown}


def _record(books: Books, asked: Asked, each: list[Asked]) -> Row:
    parts = [
        payments.open_part(find_bill(books, one), _number(one, "amount"), _number(one, "discount") or ZERO)
        for one in each
    ]
    reference = str(asked.get("reference") or "")
    posted = bool(asked.get("posted", True))
    return payments.record_payment(books, parts, day=_day(books, asked), reference=reference, posted=posted)


def _check(books: Books, number: Any) -> Row:
    check = books.table("CheckHed").get(books.id, int(number))
    if check is None:
        message = f"There is no payment {number}."
        raise LookupError(message)
    return check


def _post_payment(books: Books, asked: Asked) -> Any:
    payments.post_payment(books, _check(books, asked["payment"]))
    return {"payment": asked["payment"], "posted": True}


def _unpay(books: Books, asked: Asked) -> Any:
    if "payment" in asked:
        payments.void_payment(books, _check(books, asked["payment"]))
        return {"payment": asked["payment"], "voided": True}
    head = find_bill(books, asked)
    numbers = dict.fromkeys(row["HeadNum"] for row in payments.payments_of(books, head) if row["TranType"] == "Pay")
    for number in numbers:
        check = _check(books, number)
        if not check.get("Voided"):
            payments.void_payment(books, check)
    return _shown(books, head)


def _adjust(books: Books, asked: Asked) -> Any:
    head = find_bill(books, asked)
    payments.adjust(books, head, _number(asked, "amount"), day=_day(books, asked))
    return _shown(books, head)


def _apply(books: Books, asked: Asked) -> Any:
    head = find_bill(books, asked)
    memo = find_bill(books, {"id": asked["with"], "number": asked["with"]})
    check = payments.apply_debit_memo(books, memo, head, _number(asked, "amount"), day=_day(books, asked))
    return {**_shown(books, head), "payment": check["HeadNum"]}


def _cancel(books: Books, asked: Asked) -> Any:
    """A posted document of opposite sign takes the bill back: both are settled, and name each other."""
    head = find_bill(books, asked)
    if not head.get("Posted") or head.get("RefCancelledby"):
        message = f"Invoice {head['InvoiceNum']} is not posted, or cancelled already."
        raise ValueError(message)
    number = f"{head['InvoiceNum'][:48]}-C"
    balances = ("DocInvoiceBal", "InvoiceBal", "DocUnpostedBal", "UnpostedBal")
    closed = {**dict.fromkeys(balances, ZERO), "OpenPayable": False}
    amounts = ("DocInvoiceAmt", "InvoiceAmt", "DocInvoiceVendorAmt", "InvoiceVendorAmt", "DocTaxAmt", "TaxAmt")
    mirror = {name: value for name, value in head.items() if name not in ("SysRowID", "ChangeDate", "ExternalID")}
    mirror |= {name: -head.get(name, ZERO) for name in amounts}
    mirror |= {"InvoiceNum": number, "InvoiceRef": head["InvoiceNum"], "CancellationInv": True, **closed}
    mirror |= {"DebitMemo": not head.get("DebitMemo"), "JournalNum": books.next_number("JournalNum")}
    books.table(HEAD).put(mirror)
    books.table(HEAD).put({**head, **closed, "RefCancelledby": number})
    return {**_shown(books, head), "mirror": number}


ACTIONS: dict[str, Callable[[Books, Asked], Any]] = {
    "bill": _change_bill,
    "coded": _code_bill,
    "remove": _remove,
    "groups": _groups,
    "posting": _posting,
    "habits": _habits,
    "pay": _pay,
    "pay-many": _pay_many,
    "post-payment": _post_payment,
    "unpay": _unpay,
    "adjust": _adjust,
    "apply": _apply,
    "cancel": _cancel,
    "orders": change_order,
    "receipts": enter_receipt,
}
"""The POST pages by name; a LookupError is a 404, a refusal and ValueError a 400."""
