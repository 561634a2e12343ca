"""Bills and adjustments as PUT enters and changes them (form AP301000; Acumatica dossier 5, 9.1, 10, 15.28-38)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ml_connector.sandbox.acumatica.bill_lines import ZERO, draw_lines
from ml_connector.sandbox.acumatica.books import BRANCH, CASH_ACCOUNT, Books, Period
from ml_connector.sandbox.acumatica.coding import (
    Faults,
    empty,
    pick,
    pick_branch,
    pick_project,
    text,
    unknown,
    vendor_fault,
)
from ml_connector.sandbox.acumatica.errors import Invalid, outcome_has_errors
from ml_connector.sandbox.acumatica.plugs import MISSING, Body, Visit
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.acumatica.taxes import computed_taxes, given_taxes

BILL = "Bill"
DEBIT_ADJ = "Debit Adj."
ON_HOLD, BALANCED, PENDING, REJECTED = "On Hold", "Balanced", "Pending Approval", "Rejected"
OPEN, CLOSED = "Open", "Closed"
NEW = "<NEW>"
"""The number of what is not saved."""
ZONE = "CurrentDocument.TaxZoneID"
REFERENCE_LENGTH = 40
_SETTABLE = (
    "ApprovedForPayment",
    "BranchID",
    "CashAccount",
    "CurrencyID",
    "Date",
    "Description",
    "DueDate",
    "IsTaxValid",
    "LocationID",
    "PostPeriod",
    "Project",
    "Terms",
    "Vendor",
    "VendorRef",
)


def put_bill(visit: Visit, found: Row | None, body: Body) -> Row:
    """Inserts a bill or changes one that is not released; returns it as stored. Raises Invalid and Refusal."""
    books = visit.books
    if found is not None and found["Status"] not in (ON_HOLD, BALANCED) and not _reopens(found, body):
        return _annotated(books, found, body)
    return enter_bill(books, _Drawing(visit, found, body).finish())


def enter_bill(books: Books, row: Row) -> Row:
    """Stores a drawn bill, with the next number where it has none."""
    if row["ReferenceNbr"] == NEW:
        number = books.next_number(DEBIT_ADJ if row["Type"] == DEBIT_ADJ else BILL)
        row = {**row, "ReferenceNbr": number, "_created_at": books.store.clock.now().isoformat()}
    return books.table("Bill").put(row)


def _reopens(found: Row, body: Body) -> bool:
    """Back to hold: what waits for approval, or was rejected, can be changed by that only."""
    return found["Status"] in (PENDING, REJECTED) and body.get("Hold") is True


def _annotated(books: Books, found: Row, body: Body) -> Row:
    """A bill that is not editable takes a note and nothing else; the same values again change nothing (15.38)."""
    faults: Faults = {
        name: f"The document {found['ReferenceNbr']} cannot be changed: its status is {found['Status']}."
        for name in (*_SETTABLE, "Amount", "Hold")
        if name in body.values and _differs(found, name, body.values[name])
    }
    if faults or body.custom or any(_touches(lines) for lines in body.lists.values()):
        text = f"The document cannot be changed: its status is {found['Status']}."
        raise Invalid(found, faults, error=text)
    if body.note is MISSING:
        return found
    return books.table("Bill").put({**found, "note": body.note})


def _differs(found: Row, name: str, value: Any) -> bool:
    now = found.get(name)
    if isinstance(value, str) and isinstance(now, str):
        return value.strip().lower() != now.strip().lower()
    return (value or None) != (now or None)


def _touches(lines: tuple[Body, ...]) -> bool:
    return any(line.values or line.delete or line.id is None for line in lines)


@dataclass(slots=True)
class _Drawing:
    """A bill while it is being drawn up: `row` grows, `faults` are gathered."""

    visit: Visit
    found: Row | None
    body: Body
    row: Row = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)

    def finish(self) -> Row:
        """The bill as it is to be stored; raises Invalid with all faults at once, or Refusal for a duplicate."""
        self.faults = {path: fault for path, fault in self.body.faults.items() if "/" not in path}
        before = self.found or {}
        self.row = {**(self.found or self._blank()), "custom": {**before.get("custom", {}), **self.body.custom}}
        if self.body.note is not MISSING:
            self.row["note"] = self.body.note
        self._vendor()
        self._head()
        self._days()
        self._reference()
        lines = self.body.lists.get("Details", ())
        self.row["Details"] = draw_lines(self.visit, self.row, before.get("Details", []), lines, self.faults)
        self._taxes()
        self._totals()
        self._status()
        if not self.faults:
            self._refuse_duplicate()
        if self.faults:
            raise Invalid(self.row, self.faults)
        return self.row

    @property
    def _books(self) -> Books:
        return self.visit.books

    def _blank(self) -> Row:
        return {
            "Type": self.body.get("Type") or BILL,
            "ReferenceNbr": NEW,
            "Status": ON_HOLD,
            "Hold": True,
            "ApprovedForPayment": False,
            "LocationID": "MAIN",
            "Details": [],
            "TaxDetails": [],
            "Applications": [],
            "note": "",
        }

    def _asked(self, name: str, default: Any = None) -> Any:
        """The value as sent, else as it was, else the default; texts without blanks at their end."""
        value = self.body.values[name] if name in self.body.values else self.row.get(name, default)
        if value is None and name not in self.body.values:
            value = default
        return text(value) if isinstance(value, str) else value

    def _vendor(self) -> None:
        """The vendor, and at first or when it changes what it brings along."""
        code = self._asked("Vendor")
        if not code:
            self.faults["Vendor"] = empty("Vendor")
            self.row["Vendor"] = None
            self._bring({})
            return
        vendor = pick(self._books, "Vendor", code, path="Vendor", faults=self.faults)
        if vendor is not None and (fault := vendor_fault(vendor)) is not None:
            self.faults["Vendor"] = fault
        known = code if vendor is None else vendor["VendorID"]
        if self.row.get("Vendor") != known:
            self._bring(vendor or {})
        self.row["Vendor"] = known

    def _bring(self, vendor: Row) -> None:
        self.row["CurrencyID"] = vendor.get("CurrencyID") or self._books.currency
        self.row["Terms"] = vendor.get("Terms")
        self.row["CashAccount"] = vendor.get("CashAccount") or CASH_ACCOUNT
        self.row["_override"] = vendor.get("EnableCurrencyOverride") is not False
        self.row["_vendor_currency"] = vendor.get("CurrencyID")
        self.row["_subaccount"] = vendor.get("_ExpenseSubaccount") or vendor.get("APSubaccount")
        if ZONE not in self.body.custom:
            self.row["custom"][ZONE] = vendor.get("TaxZone")

    def _head(self) -> None:
        row, faults, books = self.row, self.faults, self._books
        row["Description"] = self._asked("Description")
        row["ApprovedForPayment"] = bool(self._asked("ApprovedForPayment"))
        row["IsTaxValid"] = self._asked("IsTaxValid")
        branch = self._asked("BranchID") or self._branch()
        row["BranchID"] = pick_branch(branch, path="BranchID", faults=faults)
        row["Project"] = pick_project(books, self._asked("Project"), path="Project", faults=faults)
        row["CashAccount"] = cash = self._asked("CashAccount")
        if cash:
            pick(books, "Account", cash, path="CashAccount", faults=faults)
        row["LocationID"] = location = self._asked("LocationID") or "MAIN"
        if location != "MAIN":
            faults["LocationID"] = "'Location' cannot be found in the system."
        zone = row["custom"].get(ZONE)
        if zone and books.table("TaxZone").get(zone) is None:
            raise Invalid(row, {}, error="'Vendor Tax Zone' cannot be found in the system.")

    def _branch(self) -> str:
        """PX-CbApiBranch names it or its code (UNCONFIRMED which, dossier U12), else the session's."""
        asked = self.visit.branch
        if asked is not None and asked.strip().upper() not in (BRANCH, "WAREHOUSE"):
            ledger = self._books.table("Ledger").get("ACTUAL") or {}
            named = (each["BranchID"] for each in ledger.get("Branches", ()) if each["BranchName"] == asked)
            asked = next(named, asked)
        return asked or self.visit.session.branch or BRANCH

    def _days(self) -> None:
        row, body, books = self.row, self.body, self._books
        day: date = self._asked("Date") or self.visit.today
        moved = day != row.get("Date")
        row["Date"] = day
        if body.get("PostPeriod") or moved or "PostPeriod" not in row:
            row["PostPeriod"] = text(body.get("PostPeriod")) or books.period_of(day)
        if (fault := period_fault(books, row["PostPeriod"])) is not None:
            self.faults["PostPeriod"] = fault
        terms = self._asked("Terms")
        if terms:
            known = pick(books, "CreditTerms", terms, path="Terms", faults=self.faults)
            terms = terms if known is None else known["TermsID"]
        if body.get("DueDate") is not None:
            row["DueDate"] = body.values["DueDate"]
        elif moved or terms != row.get("Terms") or row.get("DueDate") is None:
            row["DueDate"] = books.due_date(terms, day)
        row["Terms"] = terms
        self._currency(day)

    def _currency(self, day: date) -> None:
        row, books = self.row, self._books
        code = self._asked("CurrencyID") or books.currency
        currency = books.table("Currency").get(code)
        row["CurrencyID"] = code if currency is None else currency["CurrencyID"]
        if currency is None or not currency["Active"]:
            self.faults["CurrencyID"] = unknown("Currency", code)
        elif not row["_override"] and row["_vendor_currency"] not in (None, row["CurrencyID"]):
            self.faults["CurrencyID"] = (
                f"The currency of the vendor is {row['_vendor_currency']} and cannot be changed."
            )
        elif books.rate(row["CurrencyID"], day) is None:
            self.faults["CurrencyID"] = f"The currency rate is not defined for {row['CurrencyID']} on {day}."

    def _reference(self) -> None:
        reference = self._asked("VendorRef")
        self.row["VendorRef"] = reference
        if reference is None and self.row["Type"] == BILL and self._books.switches.require_vendor_ref:
            self.faults["VendorRef"] = empty("Vendor Ref.")
        elif reference is not None and len(reference) > REFERENCE_LENGTH:
            self.faults["VendorRef"] = f"The text is longer than {REFERENCE_LENGTH} characters."

    def _taxes(self) -> None:
        row, before = self.row, self.row["TaxDetails"]
        if row["IsTaxValid"]:
            if "TaxDetails" in self.body.lists:
                sent = self.body.lists["TaxDetails"]
                row["TaxDetails"] = given_taxes(self._books, sent, day=row["Date"], before=before, faults=self.faults)
            return
        zone = row["custom"].get(ZONE)
        row["TaxDetails"] = computed_taxes(self._books, row["Details"], zone=zone, day=row["Date"], before=before)

    def _totals(self) -> None:
        """Amount is what was entered where totals are validated, else what is computed (dossier 10.1)."""
        row = self.row
        row["_net"] = sum((line["ExtendedCost"] for line in row["Details"]), ZERO)
        row["TaxTotal"] = sum((tax["TaxAmount"] for tax in row["TaxDetails"]), ZERO)
        row["Balance"] = row["_total"] = row["_net"] + row["TaxTotal"]
        row["Amount"] = (self._asked("Amount") or ZERO) if self._books.switches.validate_totals else row["_total"]

    def _status(self) -> None:
        """Hold is taken away by PUT; with an approval map a new document is on hold at first (dossier 10.1)."""
        books, row = self._books, self.row
        default = row["Hold"] if self.found is not None else books.switches.hold_on_entry
        hold = self.body.get("Hold")
        hold = default if hold is None else bool(hold)
        approved = self.found is not None and self.found["Status"] == BALANCED
        if hold or (self.found is None and books.switches.approval):
            row["Status"] = ON_HOLD
        else:
            row["Status"] = PENDING if books.switches.approval and not approved else BALANCED
        row["Hold"] = row["Status"] == ON_HOLD
        if not row["Hold"] and row["Amount"] != row["_total"]:
            self.faults["Amount"] = "The document is out of balance."

    def _refuse_duplicate(self) -> None:
        """One vendor's reference on two documents of type Bill (dossier 10.6, U6)."""
        row, books = self.row, self._books
        reference, before = row["VendorRef"], self.found or {}
        if not books.switches.duplicates or row["Type"] != BILL or reference is None:
            return
        if (before.get("VendorRef"), before.get("Vendor")) == (reference, row["Vendor"]):
            return
        for other in books.table("Bill").find("VendorRef", reference):
            if other["Vendor"] == row["Vendor"] and other["Type"] == BILL and other["id"] != row.get("id"):
                self._duplicate(other)

    def _duplicate(self, other: Row) -> None:
        fault = (
            "Document with this Vendor Ref. already exists for this Vendor - see document with reference number "
            f"'{other['ReferenceNbr']}' dated '{other['Date']:%m/%d/%Y}'."
        )
        if self._books.switches.duplicate_status == 422:
            self.faults["VendorRef"] = fault
        else:
            raise outcome_has_errors(fault)


def period_fault(books: Books, period: str) -> str | None:
    """Why a financial period cannot be posted to, None where it can (dossier 15.32)."""
    state = books.period(period)
    if state is Period.OPEN:
        return None
    word = "not defined" if state is Period.MISSING else state.value.lower()
    return f"The {period[:2]}-{period[2:]} financial period is {word} in the {books.company.name} company."
