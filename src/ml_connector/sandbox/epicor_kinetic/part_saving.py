"""Saving what hangs on lines and headers: GL rows, taxes, links to files (Epicor dossier 9.5.3, 17.33-35)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ml_connector.sandbox.epicor_kinetic import coding
from ml_connector.sandbox.epicor_kinetic.errors import duplicate, rejected
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.invoices import ACCOUNT, AMOUNT, LINE, LINK, TAX, parts_of
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row
from ml_connector.sandbox.epicor_kinetic.tablesets import RowMod, marked, text
from ml_connector.sandbox.epicor_kinetic.writing import SERVER_PART, Writing, entered, key_of


@dataclass(slots=True)
class PartWriting(Writing):
    """A save, as far as the rows below lines and headers go."""

    def parts(self) -> dict[str, Callable[[Row], None]]:
        return {
            AMOUNT: self._amount,
            ACCOUNT: self._account,
            TAX: lambda row: self._plain(TAX, row),
            LINK: self._link,
        }

    def give_rows(self, head: Row, line: Row, row: Row) -> None:
        """The GL rows of a new line: the server's, or those that came along where it keeps them (dossier 9.5.3)."""
        books = self.visit.books
        if self.partial:
            made = bool(row.get("UpdateExtCreateLineGL"))
            coding.give_gl_rows(books, head, line, stored=coding.supplier_account(books) if made else "")
            return
        own = self.came_along(AMOUNT, row)
        if books.switches.coding == "kept" and own:
            for place, amount in enumerate(own, 1):
                self._keep_amount(head, line, row, amount=amount, place=place)
            return
        default = coding.order_account(books, line) or books.switches.default_account
        coding.give_gl_rows(books, head, line, stored=default)

    def came_along(self, table: str, line: Row) -> list[Row]:
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
        amount["DocExpAmt"] = entered({**amount, "DebitMemo": head.get("DebitMemo")}, None, "DocExpAmt", "DocScrExpAmt")
        coding.put_amount(books, head, amount)
        sent = amount_number(row, self.came_along(AMOUNT, row), place)
        accounts = [each for each in self.came_along(ACCOUNT, row) if each.get("InvExpSeq", 0) == sent]
        for account in accounts[:1]:
            self._put_account({**TABLES[ACCOUNT].blank, **account, **named, "InvExpSeq": place}, head)
        if not accounts:
            coding.give_account_rows(books, head, line, sequence=place)

    def _of_new_line(self, row: Row) -> bool:
        return row["RowMod"] == RowMod.ADDED and (key_of(row), row.get("InvoiceLine", 0)) in self.numbers

    def _amount(self, row: Row) -> None:
        if self._of_new_line(row):
            return
        books, head = self.visit.books, self.head_of(row)
        if row["RowMod"] == RowMod.ADDED:
            self._add_amount(head, row)
            return
        before = self.stored(AMOUNT, row)
        if row["RowMod"] == RowMod.DELETED:
            for account in books.table(ACCOUNT).below(*[before[name] for name in books.table(AMOUNT).keys]):
                books.table(ACCOUNT).drop(account)
            books.table(AMOUNT).drop(before)
            return
        changed = self.whole(AMOUNT, row, before, SERVER_PART)
        changed["DocExpAmt"] = entered(changed, before, "DocExpAmt", "DocScrExpAmt")
        coding.put_amount(books, head, changed)

    def _add_amount(self, head: Row, row: Row) -> None:
        """Another amount of a stored line; the server makes its account row."""
        books = self.visit.books
        line = self.stored(LINE, {**row, "InvoiceLine": row.get("InvoiceLine", 0)})
        rows = books.table(AMOUNT).below(books.id, head["VendorNum"], head["InvoiceNum"], line["InvoiceLine"])
        number = max((each["InvExpSeq"] for each in rows), default=0) + 1
        self.amounts[key_of(row), line["InvoiceLine"], row.get("InvExpSeq", 0)] = number
        new = {**TABLES[AMOUNT].blank, **row, "Company": books.id, "InvExpSeq": number}
        new["DocExpAmt"] = entered({**new, "DebitMemo": head.get("DebitMemo")}, None, "DocExpAmt", "DocScrExpAmt")
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
        before = self.stored(ACCOUNT, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(ACCOUNT).drop(before)
            return
        if not before.get("UserCanModify"):
            raise rejected("The GL account of this row cannot be changed.", table=ACCOUNT, field="GLAccount")
        if self.partial:
            # Written through a set or UpdateExt, the account is lost (Epicor dossier 9.5.3, 17.34).
            row = {name: value for name, value in row.items() if name not in coding.CODED}
        fixed = {name: before.get(name) for name in ("RecordType", "BookID", "UserCanModify", "TGLCTranNum")}
        self._put_account({**self.whole(ACCOUNT, row, before, SERVER_PART), **fixed, "IsModifiedByUser": True}, head)

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
        before = self.stored(table, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(table).drop(before)
            return
        books.table(table).put({**self.whole(table, row, before, SERVER_PART), "Manual": bool(row.get("Manual"))})

    def _link(self, row: Row) -> None:
        """The link to a file, which posted invoices may get too; whether they really may is not known."""
        books, head = self.visit.books, self.head_of(row, linked=not habits_of(self.visit.books).files_early)
        if row["RowMod"] == RowMod.ADDED:
            links = parts_of(books, LINK, head)
            number = max((link["DrawingSeq"] for link in links), default=0) + 1
            named = {"Company": books.id, "InvoiceNum": head["InvoiceNum"], "DrawingSeq": number}
            new = {**TABLES[LINK].blank, **row, **named, "ForeignSysRowID": head["SysRowID"]}
            if not text(new.get("FileName")):
                raise rejected("File name is required.", table=LINK, field="FileName")
            books.table(LINK).put({**new, "XFileRefNum": new.get("XFileRefNum") or books.next_number("XFileRef")})
            return
        before = self.stored(LINK, row)
        if row["RowMod"] == RowMod.DELETED:
            books.table(LINK).drop(before)
        else:
            books.table(LINK).put(self.whole(LINK, row, before, SERVER_PART))


def amount_number(line: Row, rows: list[Row], place: int) -> int:
    """The client's number of the amount at that place; raises Refusal where several amounts of a line share one."""
    numbers = [row.get("InvExpSeq", 0) for row in rows]
    if len(set(numbers)) < len(numbers):
        raise rejected(f"The GL amounts of line {line.get('InvoiceLine')} have one number.", table=AMOUNT)
    return numbers[place - 1]
