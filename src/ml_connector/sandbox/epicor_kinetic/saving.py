"""Saving invoices: `Update`, `UpdateMaster`, `UpdateExt`, `UpdateMasterExt` and writes through sets (dossier 6, 9, 17.24-40).

One save takes every marked row of a tableset, or nothing. Lines may come with the header that they belong to: they name
it by VendorNum and InvoiceNum, and their GL rows name them by the InvoiceLine that the client gave them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic import coding
from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import duplicate, no_record, rejected, stale
from ml_connector.sandbox.epicor_kinetic.groups import enter_group, writable_group
from ml_connector.sandbox.epicor_kinetic.headers import check_period, take_currency, usable_vendor
from ml_connector.sandbox.epicor_kinetic.invoices import (
    ACCOUNT,
    AMOUNT,
    CHILDREN,
    HEAD,
    LINE,
    LINK,
    TAX,
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
from ml_connector.sandbox.epicor_kinetic.plugs import Visit
from ml_connector.sandbox.epicor_kinetic.receipts import take_receipt
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, RowMod, day_of, marked, text
from ml_connector.sandbox.trade import rounded

LONGEST_NUMBER = 50
_MARKS = (RowMod.ADDED, RowMod.UPDATED, RowMod.DELETED)
_SERVER_HEAD = frozenset(
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
_SERVER_PART = frozenset({"ChangedBy", "ChangeDate", "Posted", "DebitMemo", "TotalTax", "DocTotalTax", "GroupID"})

Key = tuple[int, str]


def key_of(row: Row) -> Key:
    """What rows of a tableset name their invoice by."""
    return (row.get("VendorNum", 0), text(row.get("InvoiceNum")).lower())


@dataclass(slots=True)
class Save:
    """One save while it is made."""

    visit: Visit
    ds: Tableset
    partial: bool = False
    """Rows are partial, and the server draws the whole ones up itself (UpdateExt, writes through sets)."""
    heads: dict[Key, Row] = field(default_factory=dict)
    """The invoices that were touched, as they stand."""
    numbers: dict[tuple[Key, int], list[int]] = field(default_factory=dict)
    """The client's line numbers of new lines and what became of them."""
    amounts: dict[tuple[Key, int, int], int] = field(default_factory=dict)
    """The client's numbers of new amounts, by the stored line: the stored number."""

    def run(self) -> list[Row]:
        """Stores all that is marked and returns the headers it is about; raises Refusal with nothing stored."""
        self._check()
        for row in marked(self.ds, HEAD, *_MARKS):
            self._head(row)
        for row in marked(self.ds, LINE, *_MARKS):
            self._line(row)
        for table, write in self._parts().items():
            for row in marked(self.ds, table, *_MARKS):
                write(row)
        for key, head in self.heads.items():
            self.heads[key] = total_invoice(self.visit.books, head, taxed=is_taxed(self.visit.books, head))
        return list(self.heads.values())

    def _parts(self) -> dict[str, Callable[[Row], None]]:
        return {
            AMOUNT: self._amount,
            ACCOUNT: self._account,
            TAX: lambda row: self._plain(TAX, row),
            LINK: self._link,
        }

    def _check(self) -> None:
        """Looks at every marked row before anything is written: rows that are changed must be the last state of them."""
        for table in (HEAD, *CHILDREN):
            for row in marked(self.ds, table, RowMod.UPDATED, RowMod.DELETED):
                self._fresh(table, row)

    def _fresh(self, table: str, row: Row) -> Row:
        books = self.visit.books
        key = [row.get(name, TABLES[table].blank[name]) for name in books.table(table).keys[1:]]
        stored = books.table(table).get(books.id, *key)
        if stored is None:
            raise no_record()
        if not self.partial and row.get("SysRevID") != stored["SysRevID"]:
            raise stale(books.switches.stale_status)
        return stored

    def _stored(self, table: str, row: Row) -> Row:
        """The row as it stands now: this save may have written it already."""
        books = self.visit.books
        found = books.table(table).get(books.id, *[row.get(name) for name in books.table(table).keys[1:]])
        if found is None:
            raise no_record()
        return found

    def _whole(self, table: str, row: Row, before: Row, owned: frozenset[str]) -> Row:
        """The row to store: what is missing in it is blank, but where rows are partial (Epicor dossier 17.26)."""
        blank = TABLES[table].blank
        sent = {name: value for name, value in row.items() if name not in owned}
        if self.partial:
            return {**before, **sent}
        kept = {name: value for name, value in before.items() if name in owned or name.startswith("_")}
        named = ("Company", "SysRowID", *self.visit.books.table(table).keys)
        return {**blank, **sent, **kept, **{name: before[name] for name in named if name in before}}

    # --- Headers ----------------------------------------------------------------------------------------------

    def head_of(self, row: Row, *, linked: bool = False) -> Row:
        """The invoice of a row, which may be written now; raises Refusal. A file may be linked to a posted one, too."""
        key = key_of(row)
        if key not in self.heads:
            head = invoice_of(self.visit.books, *key)
            if head is None:
                raise rejected("The invoice of the row is not valid.", table=HEAD, field="InvoiceNum")
            if not linked:
                self._check_writable(head)
            elif head.get("Posted"):
                return head
            self.heads[key] = head
        return self.heads[key]

    def _check_writable(self, head: Row) -> None:
        if head.get("Posted"):
            raise rejected(f"Invoice {head['InvoiceNum']} is posted and cannot be changed.", table=HEAD)
        group = writable_group(self.visit.books, self.visit.user, head["GroupID"])
        enter_group(self.visit.books, self.visit.user, group)

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
        self._put_head(self._whole(HEAD, row, head, _SERVER_HEAD), before=head)

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
        values = {name: value for name, value in row.items() if name not in _SERVER_HEAD}
        fixed = {
            "Company": books.id,
            "VendorNum": vendor["VendorNum"],
            "VendorNumVendorID": vendor["VendorID"],
            "VendorNumName": vendor.get("Name", ""),
            "InvoiceNum": invoice_number,
            "GroupID": group["GroupID"],
            "EntryPerson": self.visit.user,
            "OpenPayable": True,
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
        row["DocInvoiceVendorAmt"] = _entered(row, before, "DocInvoiceVendorAmt", "ScrDocInvoiceVendorAmt")
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

    # --- Lines ------------------------------------------------------------------------------------------------

    def _line(self, row: Row) -> None:
        head = self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            self.add_line(head, row)
            return
        before = self._stored(LINE, row)
        if row["RowMod"] == RowMod.DELETED:
            drop_line(self.visit.books, head, before)
            return
        line = self._put_line(head, self._whole(LINE, row, before, _SERVER_PART), before=before)
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
        self._give_gl_rows(head, line, row)

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

    def _give_gl_rows(self, head: Row, line: Row, row: Row) -> None:
        """The GL rows of a new line: the server's, or those that came along where it keeps them (dossier 9.5.3)."""
        books = self.visit.books
        if self.partial:
            made = bool(row.get("UpdateExtCreateLineGL"))
            coding.give_gl_rows(books, head, line, stored=coding.supplier_account(books) if made else "")
            return
        own = self._came_along(AMOUNT, row)
        if books.switches.coding == "kept" and own:
            for place, amount in enumerate(own, 1):
                self._keep_amount(head, line, row, amount=amount, place=place)
            return
        default = coding.order_account(books, line) or books.switches.default_account
        coding.give_gl_rows(books, head, line, stored=default)

    def _came_along(self, table: str, line: Row) -> list[Row]:
        """The new rows of a table that name a new line by the client's number of it."""
        wanted = (key_of(line), line.get("InvoiceLine", 0))
        rows = marked(self.ds, table, RowMod.ADDED)
        return [row for row in rows if (key_of(row), row.get("InvoiceLine", 0)) == wanted]

    def _keep_amount(self, head: Row, line: Row, row: Row, *, amount: Row, place: int) -> None:
        books = self.visit.books
        if len(self.numbers[key_of(row), row.get("InvoiceLine", 0)]) > 1:
            raise rejected("Several new lines have one number: their GL rows are not clear.", table=AMOUNT)
        named = {"Company": books.id, "InvoiceNum": head["InvoiceNum"], "InvoiceLine": line["InvoiceLine"]}
        amount = {**TABLES[AMOUNT].blank, **amount, **named, "InvExpSeq": place}
        amount["DocExpAmt"] = _entered(
            {**amount, "DebitMemo": head.get("DebitMemo")}, None, "DocExpAmt", "DocScrExpAmt"
        )
        coding.put_amount(books, head, amount)
        sent = amount_number(row, self._came_along(AMOUNT, row), place)
        accounts = [each for each in self._came_along(ACCOUNT, row) if each.get("InvExpSeq", 0) == sent]
        for account in accounts[:1]:
            self._put_account({**TABLES[ACCOUNT].blank, **account, **named, "InvExpSeq": place}, head)
        if not accounts:
            coding.give_account_rows(books, head, line, sequence=place)

    # --- GL rows, taxes, files --------------------------------------------------------------------------------

    def _of_new_line(self, row: Row) -> bool:
        return row["RowMod"] == RowMod.ADDED and (key_of(row), row.get("InvoiceLine", 0)) in self.numbers

    def _amount(self, row: Row) -> None:
        if self._of_new_line(row):
            return
        books, head = self.visit.books, self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            self._add_amount(head, row)
            return
        before = self._stored(AMOUNT, row)
        if row["RowMod"] == RowMod.DELETED:
            for account in books.table(ACCOUNT).below(*[before[name] for name in books.table(AMOUNT).keys]):
                books.table(ACCOUNT).drop(account)
            books.table(AMOUNT).drop(before)
            return
        changed = self._whole(AMOUNT, row, before, _SERVER_PART)
        changed["DocExpAmt"] = _entered(changed, before, "DocExpAmt", "DocScrExpAmt")
        coding.put_amount(books, head, changed)

    def _add_amount(self, head: Row, row: Row) -> None:
        """Another amount of a stored line; the server makes its account row."""
        books = self.visit.books
        line = self._stored(LINE, {**row, "InvoiceLine": row.get("InvoiceLine", 0)})
        rows = books.table(AMOUNT).below(books.id, head["VendorNum"], head["InvoiceNum"], line["InvoiceLine"])
        number = max((each["InvExpSeq"] for each in rows), default=0) + 1
        self.amounts[key_of(row), line["InvoiceLine"], row.get("InvExpSeq", 0)] = number
        new = {**TABLES[AMOUNT].blank, **row, "Company": books.id, "InvExpSeq": number}
        new["DocExpAmt"] = _entered({**new, "DebitMemo": head.get("DebitMemo")}, None, "DocExpAmt", "DocScrExpAmt")
        coding.put_amount(books, head, new)
        if books.switches.coding != "kept" or self.partial:
            coding.give_account_rows(books, head, line, sequence=number)

    def _account(self, row: Row) -> None:
        if self._of_new_line(row):
            return
        books, head = self.visit.books, self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            self._add_account(head, row)
            return
        before = self._stored(ACCOUNT, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(ACCOUNT).drop(before)
            return
        if not before.get("UserCanModify"):
            raise rejected("The GL account of this row cannot be changed.", table=ACCOUNT, field="GLAccount")
        if self.partial:
            # Written through a set or UpdateExt, the account is lost (Epicor dossier 9.5.3, 17.34).
            row = {name: value for name, value in row.items() if name not in coding.CODED}
        fixed = {name: before.get(name) for name in ("RecordType", "BookID", "UserCanModify", "TGLCTranNum")}
        self._put_account({**self._whole(ACCOUNT, row, before, _SERVER_PART), **fixed, "IsModifiedByUser": True}, head)

    def _add_account(self, head: Row, row: Row) -> None:
        """An account row for an amount that has none: the server's own ones of this save stay."""
        books = self.visit.books
        given = row.get("InvExpSeq", 0)
        number = self.amounts.get((key_of(row), row.get("InvoiceLine", 0), given))
        if number is not None and books.switches.coding != "kept":
            return
        place = (books.id, head["VendorNum"], head["InvoiceNum"], row.get("InvoiceLine", 0), number or given)
        if books.table(AMOUNT).get(*place) is None:
            raise rejected("The GL amount of the account row is not valid.", table=ACCOUNT, field="InvExpSeq")
        if any(each.get("BookID", "") == text(row.get("BookID")) for each in books.table(ACCOUNT).below(*place)):
            raise duplicate(books.switches.duplicate_status)
        blank = {} if not self.partial else dict.fromkeys(coding.CODED[1:], "")
        self._put_account({**TABLES[ACCOUNT].blank, **row, **blank, "InvExpSeq": place[-1]}, head)

    def _put_account(self, row: Row, head: Row) -> None:
        books = self.visit.books
        coding.check_account(books, row, text(head.get("ApplyDate")))
        named = {"Company": books.id, "VendorNum": head["VendorNum"], "InvoiceNum": head["InvoiceNum"]}
        identity = row.get("SysRowID") or ""
        if identity in ("", TABLES[ACCOUNT].blank["SysRowID"]):
            identity = books.store.new_id()
        books.table(ACCOUNT).put({**row, **named, "SysRowID": identity})

    def _plain(self, table: str, row: Row) -> None:
        """A tax row: one that somebody writes is theirs from then on (Epicor dossier 9.6)."""
        books, head = self.visit.books, self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            named = {"Company": books.id, "InvoiceNum": head["InvoiceNum"], "Manual": True}
            new = {**TABLES[table].blank, **row, **named}
            if books.table(table).get(*[new[name] for name in books.table(table).keys]) is not None:
                raise duplicate(books.switches.duplicate_status)
            books.table(table).put(new)
            return
        before = self._stored(table, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(table).drop(before)
            return
        books.table(table).put({**self._whole(table, row, before, _SERVER_PART), "Manual": bool(row.get("Manual"))})

    def _link(self, row: Row) -> None:
        """The link to a file, which posted invoices may get too; whether they really may is not known."""
        books, head = self.visit.books, self.head_of(row, linked=True)
        if row["RowMod"] == RowMod.ADDED:
            links = parts_of(books, LINK, head)
            number = max((link["DrawingSeq"] for link in links), default=0) + 1
            named = {"Company": books.id, "InvoiceNum": head["InvoiceNum"], "DrawingSeq": number}
            new = {**TABLES[LINK].blank, **row, **named, "ForeignSysRowID": head["SysRowID"]}
            if not text(new.get("FileName")):
                raise rejected("File name is required.", table=LINK, field="FileName")
            books.table(LINK).put({**new, "XFileRefNum": new.get("XFileRefNum") or books.next_number("XFileRef")})
            return
        before = self._stored(LINK, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(LINK).drop(before)
        else:
            books.table(LINK).put(self._whole(LINK, row, before, _SERVER_PART))


def amount_number(line: Row, rows: list[Row], place: int) -> int:
    """The client's number of the amount at that place; raises Refusal where several amounts of a line share one."""
    numbers = [row.get("InvExpSeq", 0) for row in rows]
    if len(set(numbers)) < len(numbers):
        raise rejected(f"The GL amounts of line {line.get('InvoiceLine')} have one number.", table=AMOUNT)
    return numbers[place - 1]


def _entered(row: Row, before: Row | None, signed: str, shown: str) -> Decimal:
    """An amount that has a signless twin for the screen: whichever of the two was changed counts."""
    amount, twin = row.get(signed, ZERO), row.get(shown, ZERO)
    meant = twin * sign_of(row)
    if amount == meant or not twin and before is None:
        return amount
    changed = amount != (before or {}).get(signed, ZERO)
    return amount if changed else meant


def _price(row: Row, before: Row | None) -> None:
    """Brings quantity, price and amount of a line together; what was only half filled in is worked out."""
    row["VendorQty"] = _entered(row, before, "VendorQty", "ScrVendorQty")
    row["ScrVendorQty"] = row["VendorQty"] * sign_of(row)
    row["DocUnitCost"] = row.get("DocUnitCost") or row.get("DocScrUnitCost", ZERO)
    row["DocScrUnitCost"] = row["DocUnitCost"]
    row["DocExtCost"] = _entered(row, before, "DocExtCost", "ScrDocExtCost")
    if before is None and not row["DocExtCost"]:
        price_line(row)
    row["DocExtCost"] = rounded(row["DocExtCost"])
    row["ScrDocExtCost"] = row["DocExtCost"] * sign_of(row)
    if before is None and row["DocExtCost"] and not row["DocUnitCost"] and row["VendorQty"]:
        row["DocUnitCost"] = row["DocScrUnitCost"] = row["DocExtCost"] * per(row) / row["VendorQty"]


def is_taxed(books: Books, head: Row) -> bool:
    """True when a save works out the taxes (Epicor dossier 9.6)."""
    return books.switches.tax_calculated or bool(head.get("ReadyToCalc"))


def add_lines(visit: Visit, head: Row, rows: list[Row]) -> None:
    """Stores lines that the server drew up itself: those of receipts."""
    save = Save(visit, {})
    for row in rows:
        save.add_line(save.head_of(head), {**row, "_billed": True})
    for key, each in save.heads.items():
        save.heads[key] = total_invoice(visit.books, each, taxed=is_taxed(visit.books, each))
