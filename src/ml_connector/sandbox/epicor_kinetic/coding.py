"""The GL rows of lines: amounts (APInvExp) and their accounts (APInvExpTGLC), Epicor dossier 9.5.3 and 17.33-35."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import CHART, Books
from ml_connector.sandbox.epicor_kinetic.errors import rejected
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.headers import input_sign
from ml_connector.sandbox.epicor_kinetic.invoices import ACCOUNT, AMOUNT, LINE
from ml_connector.sandbox.epicor_kinetic.lines import header_for, sign_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import (
    INVOICE_SERVICE,
    INVOICE_TABLES,
    ZERO,
    edited,
    new_row,
    number,
    opened,
    text,
    whole,
)
from ml_connector.sandbox.trade import rounded

MAIN_BOOK = ""
OTHER_BOOK = "LOCAL"
_SEGMENT_COLUMNS = tuple(f"SegValue{place}" for place in range(1, 21))
CODED = ("COACode", "GLAccount", *_SEGMENT_COLUMNS)
"""What clients write in an account row."""


@operation(INVOICE_SERVICE, "GetNewAPInvExp")
def new_amount(visit: Visit, asked: Row) -> Outcome:
    """Another amount of a line, with what the line's other amounts leave."""
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    head = header_for(visit.books, ds, whole(asked["vendorNum"]), text(asked["invoiceNum"]))
    line = _line_for(visit.books, ds, head, whole(asked["invoiceLine"]))
    left = line.get("DocExtCost", ZERO) - _amounts_of(visit.books, ds, head, line["InvoiceLine"])
    ds[AMOUNT].append(amount_row(visit.books, head, line, left))
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "GetNewAPInvExpTGLC")
def new_account(visit: Visit, asked: Row) -> Outcome:
    """An account row for an amount."""
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    head = header_for(visit.books, ds, whole(asked["vendorNum"]), text(asked["invoiceNum"]))
    line = _line_for(visit.books, ds, head, whole(asked["invoiceLine"]))
    ds[ACCOUNT].append(account_row(visit.books, head, line, sequence=whole(asked["invExpSeq"])))
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeExpLineAmt")
def change_amount(visit: Visit, asked: Row) -> Outcome:
    """The amount of a GL row, positive for a debit memo too."""
    ds, amount = opened(tableset(asked["ds"]), INVOICE_TABLES), number(asked["ProposedAmt"])
    for row in edited(ds, AMOUNT):
        signed = amount * input_sign(visit.books, row)
        row |= {"DocScrExpAmt": signed * sign_of(row), "DocExpAmt": signed}
    return Outcome(parameters={"ds": ds})


def _line_for(books: Books, ds: Tableset, head: Row, line: int) -> Row:
    """A line by its number: in the tableset the client's provisional one, else the stored one; raises Refusal."""
    for row in ds.get(LINE) or ():
        if row.get("InvoiceLine") == line and row.get("VendorNum") == head["VendorNum"]:
            return row
    found = books.table(LINE).get(books.id, head["VendorNum"], head["InvoiceNum"], line)
    if found is None:
        raise rejected(f"Invoice line {line} is not valid.", table=LINE, field="InvoiceLine")
    return found


def _amounts_of(books: Books, ds: Tableset, head: Row, line: int) -> Decimal:
    rows = [row for row in ds.get(AMOUNT) or () if row.get("InvoiceLine") == line]
    rows = rows or books.table(AMOUNT).below(books.id, head["VendorNum"], head["InvoiceNum"], line)
    return sum((row.get("DocExpAmt", ZERO) for row in rows), ZERO)


def amount_row(books: Books, head: Row, line: Row, amount: Decimal) -> Row:
    """An amount row of a line, not numbered yet."""
    return new_row(
        books,
        AMOUNT,
        **_place(head, line),
        DocExpAmt=amount,
        DocScrExpAmt=amount * sign_of(line),
        COACode=CHART,
        CurrencyCode=head.get("CurrencyCode", ""),
        DebitMemo=bool(head.get("DebitMemo")),
        GroupID=head.get("GroupID", ""),
    )


def account_row(books: Books, head: Row, line: Row, *, sequence: int, stored: str = "", book: str = MAIN_BOOK) -> Row:
    """An account row of an amount; `stored` is the account in its stored form, empty for none."""
    return new_row(
        books,
        ACCOUNT,
        **_place(head, line),
        InvExpSeq=sequence,
        TGLCTranNum=1 if book == MAIN_BOOK else 2,
        GLAcctContext="AP Expense",
        BookID=book,
        RecordType="A",
        UserCanModify=True,
        GroupID=head.get("GroupID", ""),
        COACode=CHART,
        **coded(stored),
    )


def coded(stored: str) -> Row:
    """The account columns of a stored form."""
    values = stored.split("|") if stored else []
    return {"GLAccount": stored, **{f"SegValue{place}": value for place, value in enumerate(values, 1)}}


def _place(head: Row, line: Row) -> Row:
    return {
        "VendorNum": head["VendorNum"],
        "InvoiceNum": head["InvoiceNum"],
        "InvoiceLine": line["InvoiceLine"],
    }


def give_gl_rows(books: Books, head: Row, line: Row, *, stored: str) -> None:
    """The server's own GL rows of a line that was just stored: the whole amount, and an account or an empty one."""
    put_amount(books, head, {**amount_row(books, head, line, line.get("DocExtCost", ZERO)), "InvExpSeq": 1})
    give_account_rows(books, head, line, sequence=1, stored=stored)


def give_account_rows(books: Books, head: Row, line: Row, *, sequence: int, stored: str = "") -> None:
    """The server's own account rows of an amount: one, and one for the other book where there is one."""
    table = books.table(ACCOUNT)
    table.put(account_row(books, head, line, sequence=sequence, stored=stored))
    if habits_of(books).other_book:
        other = account_row(books, head, line, sequence=sequence, book=OTHER_BOOK)
        table.put({**other, "UserCanModify": False})


def put_amount(books: Books, head: Row, row: Row) -> Row:
    """Stores an amount with its base-currency twin."""
    rate = head.get("ExchangeRate") or Decimal(1)
    return books.table(AMOUNT).put({**row, "ExpAmt": rounded(row.get("DocExpAmt", ZERO) * rate)})


def follow_amount(books: Books, head: Row, line: Row) -> None:
    """A line's only GL amount follows the line."""
    rows = books.table(AMOUNT).below(books.id, head["VendorNum"], head["InvoiceNum"], line["InvoiceLine"])
    amount = line.get("DocExtCost", ZERO)
    if len(rows) == 1 and rows[0].get("DocExpAmt") != amount:
        put_amount(books, head, {**rows[0], "DocExpAmt": amount, "DocScrExpAmt": amount * sign_of(line)})


def order_account(books: Books, line: Row) -> str:
    """The account that the release of the billed order brings; empty where there is none (Epicor dossier 12)."""
    below = (books.id, line.get("PONum", 0), line.get("POLine", 0), line.get("PORelNum", 0))
    rows = books.table("PORelTGLC").below(*below) if line.get("PONum") else []
    return next((row.get("GLAccount", "") for row in rows if row.get("IsMainBook", True)), "")


def supplier_account(books: Books) -> str:
    """The default account that `UpdateExtCreateLineGL` brings: the company's, else the first of the chart."""
    if books.switches.default_account:
        return books.switches.default_account
    return next((row["GLAccount1"] for row in books.table("GLAccount").all() if row.get("Active")), "")


def check_account(books: Books, row: Row, day: str) -> None:
    """Raises Refusal for an unusable account where the company is strict (Epicor dossier 17.35)."""
    stored = text(row.get("GLAccount"))
    fault = books.account_fault(stored, day) if stored and books.switches.strict_accounts else ""
    if fault:
        raise rejected(fault, table=ACCOUNT, field="GLAccount")


def coding_fault(books: Books, row: Row, day: str) -> str:
    """Why an account row cannot be posted; empty when it can."""
    stored = text(row.get("GLAccount"))
    if not stored:
        return "GL Account is missing."
    fault = books.account_fault(stored, day)
    if fault:
        return fault
    for place, value in enumerate(stored.split("|"), 1):
        if text(row.get(f"SegValue{place}")) != value:
            return f"Segment {place} of GL Account {stored} does not agree with its value."
    return _dynamic_fault(books, row, len(stored.split("|")))


def _dynamic_fault(books: Books, row: Row, stored: int) -> str:
    for place in range(stored + 1, 21):
        code = text(row.get(f"SegValue{place}"))
        if not code:
            continue
        value = books.segment_value(place, code)
        if value is None or not value.get("ActiveFlag", False):
            return f"Segment value {code} of segment {place} is not valid."
    return ""
