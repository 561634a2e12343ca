"""Saving invoices: `Update`, `UpdateMaster`, `UpdateExt` and writes through sets (Epicor dossier 6, 9, 17.24-40).

One save takes every marked row of a tableset, or nothing. Lines may come with the header that they belong to: they name
it by VendorNum and InvoiceNum, and their GL rows name them by the InvoiceLine that the client gave them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic import coding
from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import duplicate, rejected
from ml_connector.sandbox.epicor_kinetic.groups import enter_group, writable_group
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.headers import check_period, take_currency, usable_vendor
from ml_connector.sandbox.epicor_kinetic.invoices import (
    HEAD,
    LINE,
    drop_invoice,
    drop_line,
    invoice_of,
    parts_of,
    total_invoice,
)
from ml_connector.sandbox.epicor_kinetic.lines import (
    RECEIPT,
    check_part,
    check_tax_category,
    per,
    price_line,
    sign_of,
)
from ml_connector.sandbox.epicor_kinetic.part_saving import PartWriting
from ml_connector.sandbox.epicor_kinetic.plugs import Visit
from ml_connector.sandbox.epicor_kinetic.receipts import take_receipt
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, RowMod, day_of, marked, text
from ml_connector.sandbox.epicor_kinetic.writing import MARKS, SERVER_PART, entered, key_of
from ml_connector.sandbox.trade import rounded

LONGEST_NUMBER = 50
SERVER_HEAD = frozenset(
    {
        "Posted",
        "OpenPayable",
        "GLPosted",
        "JournalNum",
        "JournalCode",
        "LegalNumber",
        "EntryPerson",
        "ChangedBy",
        "ChangeDate",
        "CancellationInv",
        "RefCancelledby",
        "GroupID",
        "DocInvoiceAmt",
        "InvoiceAmt",
        "DocTaxAmt",
        "TaxAmt",
        "InvoiceVendorAmt",
        "DocInvoiceVariance",
        "InvoiceVariance",
        "DocInvoiceBal",
        "InvoiceBal",
        "DocUnpostedBal",
        "UnpostedBal",
        "LockStatus",
        "IsLcked",
        "PIPayment",
        "StartUp",
    }
)
"""Columns of a header that clients send back and the server ignores."""


@dataclass(slots=True)
class Save(PartWriting):
    """One save of whole invoices and of parts of them."""

    def run(self) -> list[Row]:
        """Stores all that is marked and returns the headers it is about; raises Refusal with nothing stored."""
        self.check()
        for row in marked(self.ds, HEAD, *MARKS):
            self._head(row)
        for row in marked(self.ds, LINE, *MARKS):
            self._line(row)
        for table, write in self.parts().items():
            for row in marked(self.ds, table, *MARKS):
                write(row)
        touched = {head["SysRowID"]: head for head in self.heads.values()}
        return [total_now(self.visit.books, head) for head in touched.values()]

    def _head(self, row: Row) -> None:
        if row["RowMod"] == RowMod.ADDED:
            self._add_head(row)
            return
        head = self.head_of(row)
        if row["RowMod"] == RowMod.DELETED:
            drop_invoice(self.visit.books, head)
            del self.heads[key_of(row)]
            return
        if "DebitMemo" in row and bool(row["DebitMemo"]) != bool(head.get("DebitMemo")):
            raise rejected("Debit Memo cannot be changed.", table=HEAD, field="DebitMemo")
        self._put_head(self.whole(HEAD, row, head, SERVER_HEAD), before=head)

    def _add_head(self, row: Row) -> None:
        books = self.visit.books
        group = writable_group(books, self.visit.user, row.get("GroupID"))
        vendor = self._vendor(row)
        invoice_number = text(row.get("InvoiceNum"))[:LONGEST_NUMBER].rstrip()
        if not invoice_number:
            raise rejected("Invoice number is required.", table=HEAD, field="InvoiceNum")
        if invoice_of(books, vendor["VendorNum"], invoice_number) is not None:
            raise duplicate(books.switches.duplicate_status)
        enter_group(books, self.visit.user, group)
        values = {name: value for name, value in row.items() if name not in SERVER_HEAD}
        fixed = {
            "Company": books.id,
            "VendorNum": vendor["VendorNum"],
            "VendorNumVendorID": vendor["VendorID"],
            "VendorNumName": vendor.get("Name", ""),
            "InvoiceNum": invoice_number,
            "GroupID": group["GroupID"],
            "EntryPerson": self.visit.user,
            "OpenPayable": not habits_of(books).settled_before,
            "_created_at": books.store.clock.now().isoformat(),
        }
        stored = self._put_head({**TABLES[HEAD].blank, **values, **fixed}, before=None)
        # Rows of the same save know the invoice by the number that the client wrote, however long.
        self.heads[vendor["VendorNum"], text(row.get("InvoiceNum")).lower()] = stored

    def _vendor(self, row: Row) -> Row:
        books = self.visit.books
        found = books.vendor(row["VendorNum"]) if row.get("VendorNum") else None
        if found is None and not row.get("VendorNum"):
            found = books.vendor_by_code(text(row.get("VendorNumVendorID")))
        return usable_vendor(found)

    def _put_head(self, row: Row, *, before: Row | None) -> Row:
        books = self.visit.books
        row["DocInvoiceVendorAmt"] = entered(row, before, "DocInvoiceVendorAmt", "ScrDocInvoiceVendorAmt")
        if not text(row.get("TermsCode")):
            raise rejected("Terms code is required.", table=HEAD, field="TermsCode")
        if books.table("PurTerms").get(books.id, row["TermsCode"]) is None:
            raise rejected(f"Terms code {row['TermsCode']} is not valid.", table=HEAD, field="TermsCode")
        if day_of(row.get("InvoiceDate")) is None:
            raise rejected("Invoice date is required.", table=HEAD, field="InvoiceDate")
        check_period(books, day_of(row.get("ApplyDate")))
        # Refuses what is no currency, or has no rate on the day; a rate that was entered stays.
        take_currency(books, checked := dict(row), text(row.get("CurrencyCode")))
        row["ExchangeRate"] = row.get("ExchangeRate") or checked["ExchangeRate"]
        stored = books.table(HEAD).put({**row, "ChangedBy": self.visit.user})
        self.heads[key_of(stored)] = stored
        return stored

    def _line(self, row: Row) -> None:
        head = self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            self.add_line(head, row)
            return
        before = self.stored(LINE, row)
        if row["RowMod"] == RowMod.DELETED:
            drop_line(self.visit.books, head, before)
            return
        line = self._put_line(head, self.whole(LINE, row, before, SERVER_PART), before=before)
        take_receipt(self.visit.books, line, before)
        coding.follow_amount(self.visit.books, head, line)

    def add_line(self, head: Row, row: Row) -> None:
        """Stores a new line under the next number, with its GL rows."""
        books = self.visit.books
        number = max((line["InvoiceLine"] for line in parts_of(books, LINE, head)), default=0) + 1
        self.numbers.setdefault((key_of(row), row.get("InvoiceLine", 0)), []).append(number)
        if row.get("LineType") == RECEIPT and not (row.get("PackSlip") and row.get("_billed")):
            raise rejected("Lines of receipts are made by InvoiceSelectedLines.", table=LINE, field="LineType")
        named = {"VendorNum": head["VendorNum"], "InvoiceNum": head["InvoiceNum"], "InvoiceLine": number}
        new = {**TABLES[LINE].blank, **row, **named, "Company": books.id, "DebitMemo": bool(head.get("DebitMemo"))}
        line = self._put_line(head, new, before=None)
        take_receipt(books, line)
        self.give_rows(head, line, row)

    def _put_line(self, head: Row, row: Row, *, before: Row | None) -> Row:
        books = self.visit.books
        check_part(text(row.get("PartNum")))
        if not text(row.get("PartNum")):
            raise rejected("Part is required.", table=LINE, field="PartNum")
        check_tax_category(books, text(row.get("TaxCatID")))
        if bool(row.get("PONum")) != bool(row.get("POLine") and row.get("PORelNum")):
            raise rejected("PO number, line and release are all three needed, or none.", table=LINE, field="PORelNum")
        row["LineType"] = row.get("LineType") or "M"
        _price(row, before)
        rate = head.get("ExchangeRate") or Decimal(1)
        row["ExtCost"] = rounded(row.get("DocExtCost", ZERO) * rate)
        row["UnitCost"] = rounded(row.get("DocUnitCost", ZERO) * rate)
        row["CurrencyCode"] = head["CurrencyCode"]
        return books.table(LINE).put({**row, "ChangedBy": self.visit.user})


def _price(row: Row, before: Row | None) -> None:
    """Brings quantity, price and amount of a line together; what was only half filled in is worked out."""
    row["VendorQty"] = entered(row, before, "VendorQty", "ScrVendorQty")
    row["ScrVendorQty"] = row["VendorQty"] * sign_of(row)
    row["DocUnitCost"] = row.get("DocUnitCost") or row.get("DocScrUnitCost", ZERO)
    row["DocScrUnitCost"] = row["DocUnitCost"]
    row["DocExtCost"] = entered(row, before, "DocExtCost", "ScrDocExtCost")
    if before is None and not row["DocExtCost"]:
        price_line(row)
    row["DocExtCost"] = rounded(row["DocExtCost"])
    row["ScrDocExtCost"] = row["DocExtCost"] * sign_of(row)
    if before is None and row["DocExtCost"] and not row["DocUnitCost"] and row["VendorQty"]:
        row["DocUnitCost"] = row["DocScrUnitCost"] = row["DocExtCost"] * per(row) / row["VendorQty"]


def is_taxed(books: Books, head: Row) -> bool:
    """True when a save works out the taxes (Epicor dossier 9.6)."""
    return books.switches.tax_calculated or bool(head.get("ReadyToCalc"))


def total_now(books: Books, head: Row) -> Row:
    """The header as it stands after a save, its sums brought up; those of a posted one stay."""
    current = invoice_of(books, head["VendorNum"], head["InvoiceNum"]) or head
    return current if current.get("Posted") else total_invoice(books, current, taxed=is_taxed(books, current))


def add_lines(visit: Visit, head: Row, rows: list[Row]) -> None:
    """Stores lines that the server drew up itself: those of receipts."""
    save = Save(visit, {})
    for row in rows:
        save.add_line(save.head_of(head), {**row, "_billed": True})
    total_now(visit.books, head)
