"""Payments (form AP302000): entered, applied to bills, released and voided (Acumatica dossier 9.6, 11, 15.44).

The labels of their types differ by release: `Payment` or `Check`, see `Switches.payment_label`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica.applications import (
    adjusts,
    apply_released,
    find_document,
    list_application,
    unapply,
    unlist_application,
)
from ml_connector.sandbox.acumatica.bills import NEW, ON_HOLD, OPEN, period_fault
from ml_connector.sandbox.acumatica.books import CASH_ACCOUNT, Books
from ml_connector.sandbox.acumatica.coding import Faults, empty, pick, text, unknown
from ml_connector.sandbox.acumatica.errors import INVALID_OPERATION, Invalid, Refusal, failed
from ml_connector.sandbox.acumatica.journals import enter_payment_journal
from ml_connector.sandbox.acumatica.plugs import MISSING, Body, LongRun, Visit
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)
BALANCED, CLOSED, VOIDED = "Balanced", "Closed", "Voided"
DEBIT_ADJ, PREPAYMENT = "Debit Adj.", "Prepayment"
_CODES = {"CHK": "Payment", "PPM": PREPAYMENT, "REF": "Refund", "ADR": DEBIT_ADJ}
_OLDER = {"Payment": "Check", "Refund": "Vendor Refund", "Voided Payment": "Voided Check"}
_HEAD = ("ApplicationDate", "CashAccount", "CurrencyID", "Description", "PaymentMethod", "PaymentRef", "Vendor")


def label(books: Books, kind: str) -> str:
    """The label of a type in this build."""
    return _OLDER.get(kind, kind) if books.switches.payment_label == "Check" else kind


def known_type(books: Books, asked: str | None) -> str | None:
    """The label for what a client sends: either build's label, or the code; None for what is in no list."""
    if asked is None:
        return label(books, "Payment")
    known = {name.lower(): kind for code, kind in _CODES.items() for name in (code, kind, _OLDER.get(kind, kind))}
    kind = known.get(asked.strip().lower())
    return None if kind is None else label(books, kind)


def put_payment(visit: Visit, found: Row | None, body: Body) -> Row:
    """Inserts a payment or changes one that is not released; returns it as stored. Raises Invalid and Refusal."""
    books = visit.books
    if found is None and body.get("ReferenceNbr"):
        found = books.table("Check").get(known_type(books, body.get("Type")), body.get("ReferenceNbr"))
    if found is not None and (found["Status"] in (CLOSED, VOIDED) or _is_final(found)):
        raise Invalid(found, {}, error=f"The document cannot be changed: its status is {found['Status']}.")
    return enter_payment(books, _Drawing(visit, found, body).finish())


def _is_final(found: Row) -> bool:
    """A released payment is not changed here; a debit adjustment waits to be applied."""
    return bool(found.get("_released")) and found["Type"] != DEBIT_ADJ


def enter_payment(books: Books, row: Row) -> Row:
    """Stores a drawn payment; its applications show on the bills (dossier U20)."""
    if row["ReferenceNbr"] == NEW:
        row = {**row, "ReferenceNbr": books.next_number("Check")}
    table = books.table("Check")
    before = table.get(row["Type"], row["ReferenceNbr"])
    stored = table.put(row)
    for line in (before or {}).get("Details", ()):
        unlist_application(books, stored, line["DocType"], line["ReferenceNbr"])
    for line in stored["Details"]:
        list_application(books, stored, line["DocType"], line["ReferenceNbr"], line["AmountPaid"])
    return stored


@dataclass(slots=True)
class _Drawing:
    """A payment while it is being drawn up."""

    visit: Visit
    found: Row | None
    body: Body
    row: Row = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)

    def finish(self) -> Row:
        """The payment as it is to be stored; raises Invalid with all faults at once."""
        self.faults = {path: fault for path, fault in self.body.faults.items() if "/" not in path}
        self.row = {**(self.found or self._blank())}
        if self.body.note is not MISSING:
            self.row["note"] = self.body.note
        if self.row["Type"] != DEBIT_ADJ:
            self._head()
        self._lines()
        self._amounts()
        if self.faults:
            raise Invalid(self.row, self.faults)
        return self.row

    def _blank(self) -> Row:
        asked = self.body.get("Type")
        kind = known_type(self.visit.books, asked)
        if kind in (None, DEBIT_ADJ):
            self.faults["Type"] = f"'{asked}' is not in the list of allowed values of 'Type'."
        return {
            "Type": kind or asked,
            "ReferenceNbr": NEW,
            "Status": ON_HOLD,
            "Hold": True,
            "Details": [],
            "History": [],
            "note": "",
            "custom": dict(self.body.custom),
        }

    def _head(self) -> None:
        books, row, faults = self.visit.books, self.row, self.faults
        for name in _HEAD:
            if name in self.body.values:
                value = self.body.values[name]
                row[name] = text(value) if isinstance(value, str) else value
        vendor: Row = {}
        if row.get("Vendor"):
            vendor = pick(books, "Vendor", row["Vendor"], path="Vendor", faults=faults) or {}
        else:
            faults["Vendor"] = empty("Vendor")
        row["Vendor"] = vendor.get("VendorID", row.get("Vendor"))
        row["CurrencyID"] = row.get("CurrencyID") or vendor.get("CurrencyID") or books.currency
        if books.table("Currency").get(row["CurrencyID"]) is None:
            faults["CurrencyID"] = unknown("Currency", row["CurrencyID"])
        row["CashAccount"] = row.get("CashAccount") or vendor.get("CashAccount") or CASH_ACCOUNT
        row["PaymentMethod"] = row.get("PaymentMethod") or vendor.get("PaymentMethod")
        if row["PaymentMethod"]:
            pick(books, "PaymentMethod", row["PaymentMethod"], path="PaymentMethod", faults=faults)
        row["ApplicationDate"] = row.get("ApplicationDate") or self.visit.today
        if (fault := period_fault(books, books.period_of(row["ApplicationDate"]))) is not None:
            faults["ApplicationDate"] = fault

    def _lines(self) -> None:
        """Documents to apply: an element with an id, or of a document already there, changes that row."""
        known = {self.visit.session.line_id(line["id"]): line["id"] for line in self.row["Details"]}
        lines = {line["id"]: line for line in self.row["Details"]}
        for place, body in enumerate(self.body.lists.get("Details", ())):
            before = lines.get(known.get((body.id or "").lower(), "")) or self._same_document(lines.values(), body)
            if body.delete:
                if before is not None:
                    del lines[before["id"]]
                continue
            line = self._line(before or {}, body, path=f"Details/{place}")
            lines[line["id"]] = line
        self.row["Details"] = list(lines.values())

    def _same_document(self, lines: Any, body: Body) -> Row | None:
        wanted = (body.get("DocType"), body.get("ReferenceNbr"))
        return next((line for line in lines if (line["DocType"], line["ReferenceNbr"]) == wanted), None)

    def _line(self, before: Row, body: Body, *, path: str) -> Row:
        books = self.visit.books
        self.faults |= {f"{path}/{name}": fault for name, fault in body.faults.items()}
        kind = body.get("DocType") or before.get("DocType") or "Bill"
        number = body.get("ReferenceNbr") or before.get("ReferenceNbr")
        document = find_document(books, kind, number)
        if document is None or not self._takes(document):
            self.faults[f"{path}/ReferenceNbr"] = "'Reference Nbr.' cannot be found in the system."
            document = {}
        open_sum = document.get("Balance", ZERO)
        amount = body.get("AmountPaid", before.get("AmountPaid"))
        amount = open_sum if amount is None else rounded(amount)
        if document and abs(amount) > open_sum:
            self.faults[f"{path}/AmountPaid"] = f"The amount must be less than or equal to {open_sum}."
        return {
            "id": before.get("id") or books.store.new_id(),
            "DocType": document.get("Type", kind),
            "ReferenceNbr": document.get("ReferenceNbr", number),
            "AmountPaid": amount,
            "Balance": open_sum - amount,
            "CashDiscountBalance": ZERO,
            "DocLineNbr": 0,
            "custom": {},
            "_discount": before.get("_discount", ZERO),
        }

    def _takes(self, document: Row) -> bool:
        """An open document of the vendor, of a kind that fits: refunds take debit adjustments, they take none."""
        if document["Vendor"] != self.row["Vendor"] or document["Status"] != OPEN:
            return False
        if document["Type"] == DEBIT_ADJ:
            return self.row["Type"] != DEBIT_ADJ
        return not is_refund(self.row)

    def _amounts(self) -> None:
        """A debit adjustment among the bills of a payment takes away from it."""
        row = self.row
        takes_off = DEBIT_ADJ if not is_refund(row) else ""
        signs = [-1 if line["DocType"] == takes_off else 1 for line in row["Details"]]
        applied = sum((line["AmountPaid"] * sign for line, sign in zip(row["Details"], signs, strict=True)), ZERO)
        if row["Type"] == DEBIT_ADJ:
            # What was refunded is gone from it too.
            left = (find_document(self.visit.books, DEBIT_ADJ, row["ReferenceNbr"]) or {}).get("Balance", ZERO)
        else:
            asked = self.body.get("PaymentAmount", row.get("PaymentAmount"))
            left = row["PaymentAmount"] = applied if asked is None else rounded(asked)
        row["UnappliedBalance"] = left - applied
        if row["UnappliedBalance"] < 0:
            self.faults["PaymentAmount"] = "The document is out of balance."
        if row["Type"] == DEBIT_ADJ:
            return
        hold = self.body.get("Hold")
        hold = row["Hold"] if hold is None else bool(hold)
        row["Hold"], row["Status"] = hold, ON_HOLD if hold else BALANCED


def act_on_payment(visit: Visit, action: str, row: Row) -> LongRun | None:
    """Runs an action. Raises LookupError for one nobody has."""
    if action in ("ReleaseCheck", "Release"):
        if row["Status"] not in (BALANCED, OPEN) or not (row["Details"] or row["Status"] == BALANCED):
            raise failed("Document Status is invalid for processing.", INVALID_OPERATION)
        trouble = _trouble(visit.books, row)
        return LongRun(row["id"], trouble) if trouble else LongRun(release_payment(visit.books, row)["id"])
    if action == "VoidCheck":
        return LongRun(void_payment(visit.books, row)["id"])
    raise LookupError(action)


def _trouble(books: Books, row: Row) -> Refusal | None:
    """Why a payment cannot be released although it looks ready: its bills were paid meanwhile."""
    for line in row["Details"]:
        document = find_document(books, line["DocType"], line["ReferenceNbr"])
        if document is None or document["Balance"] < line["AmountPaid"] + line["_discount"]:
            return failed(f"The document {line['ReferenceNbr']} has a smaller balance than the application.")
    return None


def release_payment(books: Books, row: Row) -> Row:
    """Posts a payment: what it applies moves from Details to History, and the bills' balances fall."""
    if not row.get("_released"):
        enter_payment_journal(books, row, day=row["ApplicationDate"])
    history = [*row["History"], *(apply_released(books, line) for line in row["Details"])]
    status = OPEN if row["UnappliedBalance"] else CLOSED
    released = {**row, "Details": [], "History": history, "Status": status, "Hold": False, "_released": True}
    stored = books.table("Check").put(released)
    for line in row["Details"]:
        list_application(books, stored, line["DocType"], line["ReferenceNbr"], line["AmountPaid"])
    adjusts(books, stored)
    return stored


def is_refund(row: Row) -> bool:
    """True for what the vendor pays back: it is applied to debit adjustments."""
    return row["Type"] in ("Refund", _OLDER["Refund"])


def void_payment(books: Books, row: Row, *, leaves_rows: bool = False) -> Row:
    """Voids a released payment: a second document with negative sums, and the bills are open again (15.44).

    `leaves_rows` keeps the rows on the bills' Applications with status Voided (UNCONFIRMED which is true).
    """
    if not row.get("_released") or row["Status"] == VOIDED or row["Type"] == DEBIT_ADJ:
        raise failed("The Void action is not available for the document.", INVALID_OPERATION)
    kind = label(books, "Voided Refund" if is_refund(row) else "Voided Payment")
    voided = books.table("Check").put({**row, "Status": VOIDED, "UnappliedBalance": ZERO})
    for line in row["History"]:
        unapply(books, voided, line, leaves_row=leaves_rows)
    kept = {name: value for name, value in row.items() if name not in ("id", "CreatedDateTime", "LastModifiedDateTime")}
    opposite: Row = {
        **kept,
        "Type": kind,
        "PaymentAmount": -row["PaymentAmount"],
        "UnappliedBalance": ZERO,
        "Status": CLOSED,
        "ApplicationDate": books.today(),
        "History": [_negated(books, line) for line in row["History"]],
    }
    enter_payment_journal(books, opposite, day=opposite["ApplicationDate"])
    return books.table("Check").put(opposite)


def _negated(books: Books, line: Row) -> Row:
    negative = {name: -line[name] for name in ("AmountPaid", "CashDiscountTaken")}
    return {**line, "id": books.store.new_id(), **negative, "Balance": line["Balance"] + line["AmountPaid"]}


def delete_payment(books: Books, row: Row) -> None:
    """Removes a payment that was not released."""
    if row.get("_released"):
        raise failed(f"The document {row['ReferenceNbr']} cannot be deleted: its status is {row['Status']}.")
    for line in row["Details"]:
        unlist_application(books, row, line["DocType"], line["ReferenceNbr"])
    books.table("Check").drop(row)
