"""What the buttons of a bill do: release, reverse, approve, reject; and deleting (Acumatica dossier 6, 10)."""

from __future__ import annotations

from ml_connector.sandbox.acumatica.bill_lines import ZERO, copied_lines
from ml_connector.sandbox.acumatica.bills import (
    BALANCED,
    BILL,
    CLOSED,
    DEBIT_ADJ,
    NEW,
    ON_HOLD,
    OPEN,
    PENDING,
    REJECTED,
    enter_bill,
    period_fault,
)
from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.coding import Faults, pick_account, pick_project, pick_subaccount, vendor_fault
from ml_connector.sandbox.acumatica.errors import INVALID_OPERATION, Refusal, failed
from ml_connector.sandbox.acumatica.journals import enter_bill_journal
from ml_connector.sandbox.acumatica.order_links import count_billed
from ml_connector.sandbox.acumatica.plugs import LongRun, Visit
from ml_connector.sandbox.acumatica.schema import Row

EDITABLE = (ON_HOLD, BALANCED, PENDING, REJECTED)


def act_on_bill(visit: Visit, action: str, row: Row) -> LongRun | None:
    """Runs an action of the contract, or of the form by its internal name. Raises LookupError for another."""
    books = visit.books
    if action in ("ReleaseBill", "Release"):
        return _release(books, row)
    if action in ("ReverseBill", "ReverseInvoice"):
        return LongRun(reverse(books, row)["id"])
    if action == "Approve":
        approve(books, row)
        return None
    if action == "Reject":
        reject(books, row)
        return None
    if action == "ReleaseRetainage":
        raise failed("The document has no retainage to be released.", INVALID_OPERATION)
    raise LookupError(action)


def _release(books: Books, row: Row) -> LongRun:
    """What hinders it at once is refused; what the posting itself meets ends the long operation (dossier U7)."""
    if row["Status"] != BALANCED:
        raise failed(_NOT_FOR_PROCESSING, INVALID_OPERATION)
    trouble = _trouble(books, row)
    if trouble is not None:
        return LongRun(row["id"], failure=trouble)
    return LongRun(release(books, row)["id"])


_NOT_FOR_PROCESSING = "Document Status is invalid for processing."


def _trouble(books: Books, row: Row) -> Refusal | None:
    """Why a balanced bill cannot be posted: what has changed since it was saved."""
    vendor = books.table("Vendor").get(row["Vendor"])
    text = period_fault(books, row["PostPeriod"])
    if text is None and vendor is not None:
        text = vendor_fault(vendor)
    if text is None and row["Amount"] != row["_total"]:
        text = "The document is out of balance."
    text = text or next(iter(_coding_faults(books, row).values()), None)
    return None if text is None else failed(text)


def _coding_faults(books: Books, row: Row) -> Faults:
    """What became of the codes of the lines since the bill was saved (UNCONFIRMED that it looks again)."""
    faults: Faults = {}
    for line in row["Details"]:
        pick_account(books, line["Account"], path="Account", faults=faults)
        if line["Subaccount"]:
            pick_subaccount(books, line["Subaccount"], path="Subaccount", faults=faults)
        pick_project(books, line["Project"], path="Project", faults=faults)
    return faults


def release(books: Books, row: Row) -> Row:
    """Posts a bill: Open with its journal entry, its orders counted; one of nothing is Closed at once."""
    credit = row["Type"] == DEBIT_ADJ
    status = OPEN if row["_total"] else CLOSED
    batch = enter_bill_journal(books, row)
    released = {**row, "Status": status, "Hold": False, "Balance": row["_total"], "_released": True, "_batch": batch}
    stored = books.table("Bill").put(released)
    count_billed(books, stored, sign=-1 if credit else 1)
    if credit:
        _open_for_application(books, stored)
    return stored


def _open_for_application(books: Books, row: Row) -> None:
    """A released debit adjustment is a payment too: the same number in Check (dossier 10.7)."""
    books.table("Check").put(
        {
            "Type": DEBIT_ADJ,
            "ReferenceNbr": row["ReferenceNbr"],
            "Vendor": row["Vendor"],
            "CurrencyID": row["CurrencyID"],
            "ApplicationDate": row["Date"],
            "PaymentRef": row["VendorRef"],
            "Description": row["Description"],
            "PaymentAmount": row["_total"],
            "UnappliedBalance": row["_total"],
            "Hold": False,
            "Status": row["Status"],
            "Details": [],
            "History": [],
            "note": "",
            "custom": {},
            "_released": True,
        }
    )


def reverse(books: Books, row: Row) -> Row:
    """Makes the debit adjustment that takes a released bill back: on hold, same reference (dossier 10.7)."""
    if row["Type"] != BILL or row["Status"] not in (OPEN, CLOSED):
        raise failed(_NOT_FOR_PROCESSING, INVALID_OPERATION)
    period = row["PostPeriod"]
    if period_fault(books, period) is not None:
        period = books.period_of(books.today())
    kept = {name: value for name, value in row.items() if name not in _OWN}
    return enter_bill(
        books,
        {
            **kept,
            "Type": DEBIT_ADJ,
            "ReferenceNbr": NEW,
            "Status": ON_HOLD,
            "Hold": True,
            "PostPeriod": period,
            "Balance": row["_total"],
            "Amount": row["_total"],
            "Applications": [],
            "Details": list(copied_lines(books, row["Details"])),
            "TaxDetails": list(copied_lines(books, row["TaxDetails"])),
            "note": "",
            "_reverses": row["ReferenceNbr"],
        },
    )


_OWN = frozenset({"id", "CreatedDateTime", "LastModifiedDateTime", "_released", "_batch", "_created_at"})
"""What a reversing document does not take over."""


def approve(books: Books, row: Row) -> Row:
    """Pending Approval becomes Balanced; nothing is released by that (dossier 15.43)."""
    if row["Status"] != PENDING:
        raise failed("The Approve action is not available for the document.", INVALID_OPERATION)
    return books.table("Bill").put({**row, "Status": BALANCED})


def reject(books: Books, row: Row) -> Row:
    """Pending Approval becomes Rejected."""
    if row["Status"] != PENDING:
        raise failed("The Reject action is not available for the document.", INVALID_OPERATION)
    return books.table("Bill").put({**row, "Status": REJECTED})


def delete_bill(books: Books, row: Row) -> None:
    """Removes a bill that was not released, and its files."""
    if row["Status"] not in EDITABLE:
        raise failed(f"The document {row['ReferenceNbr']} cannot be deleted: its status is {row['Status']}.")
    if any(each["AmountPaid"] != ZERO for each in row["Applications"]):
        raise failed("The document is applied to payments and cannot be deleted.")
    books.table("Bill").drop(row)
    for owner in (row["id"], *(line["id"] for line in row["Details"])):
        if (kept := books.files.pop(owner, None)) is not None:
            books.store.remember(lambda owner=owner, kept=kept: books.files.update({owner: kept}))
