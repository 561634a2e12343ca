"""What payments do to the documents they are applied to: rows of Applications, balances, Closed and Open again."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.schema import Row

ZERO = Decimal(0)
OPEN, CLOSED, VOIDED = "Open", "Closed", "Voided"
DEBIT_ADJ = "Debit Adj."


def find_document(books: Books, kind: str, number: str | None) -> Row | None:
    """The bill or adjustment of that type and number."""
    return books.table("Bill").get(kind, number)


def list_application(books: Books, payment: Row, kind: str, number: str, amount: Decimal) -> None:
    """Puts the payment's row on a document, or brings the one that is there up to date; stamps the document."""
    bill = find_document(books, kind, number)
    if bill is None:
        return
    before = next((row for row in bill["Applications"] if _is_of(row, payment)), None)
    row = {
        "id": before["id"] if before else books.store.new_id(),
        "DocType": payment["Type"],
        "ReferenceNbr": payment["ReferenceNbr"],
        "AmountPaid": amount,
        "Balance": payment["UnappliedBalance"],
        "Status": payment["Status"],
        "custom": {},
    }
    if before is not None and payment.get("_released"):
        # A debit adjustment may be applied to one bill several times.
        row["AmountPaid"] = _applied(payment, kind, number)
    others = [each for each in bill["Applications"] if not _is_of(each, payment)]
    books.table("Bill").put({**bill, "Applications": [*others, row]}, touch=books.switches.payments_touch_bills)


def _applied(payment: Row, kind: str, number: str) -> Decimal:
    lines = (*payment["History"], *payment["Details"])
    return sum(
        (line["AmountPaid"] for line in lines if (line["DocType"], line["ReferenceNbr"]) == (kind, number)), ZERO
    )


def unlist_application(books: Books, payment: Row, kind: str, number: str) -> None:
    """Takes the payment's row off a document; what was released of it stays."""
    bill = find_document(books, kind, number)
    if bill is None:
        return
    released = _applied({**payment, "Details": []}, kind, number)
    if released:
        list_application(books, payment, kind, number, released)
        return
    kept = [each for each in bill["Applications"] if not _is_of(each, payment)]
    books.table("Bill").put({**bill, "Applications": kept}, touch=books.switches.payments_touch_bills)


def _is_of(row: Row, payment: Row) -> bool:
    return (row["DocType"], row["ReferenceNbr"]) == (payment["Type"], payment["ReferenceNbr"])


def apply_released(books: Books, line: Row) -> Row:
    """Lowers a document's balance by a released application and returns its row of History."""
    bill = find_document(books, line["DocType"], line["ReferenceNbr"])
    discount: Decimal = line.get("_discount", ZERO)
    balance = ZERO
    if bill is not None:
        balance = bill["Balance"] - line["AmountPaid"] - discount
        _put_balance(books, bill, balance)
    return {
        "id": books.store.new_id(),
        "DocType": line["DocType"],
        "ReferenceNbr": line["ReferenceNbr"],
        "VendorRef": None if bill is None else bill["VendorRef"],
        "AmountPaid": line["AmountPaid"],
        "Balance": balance,
        "CashDiscountBalance": ZERO,
        "CashDiscountTaken": discount,
        "custom": {},
    }


def unapply(books: Books, payment: Row, line: Row, *, leaves_row: bool = False) -> None:
    """Gives a document back what a voided payment had taken."""
    bill = find_document(books, line["DocType"], line["ReferenceNbr"])
    if bill is None:
        return
    bill = _put_balance(books, bill, bill["Balance"] + line["AmountPaid"] + line["CashDiscountTaken"])
    rows = bill["Applications"]
    if leaves_row:
        rows = [{**row, "Status": VOIDED} if _is_of(row, payment) else row for row in rows]
    else:
        rows = [row for row in rows if not _is_of(row, payment)]
    books.table("Bill").put({**bill, "Applications": rows}, touch=books.switches.payments_touch_bills)


def _put_balance(books: Books, bill: Row, balance: Decimal) -> Row:
    """Closed at nothing, else Open. A debit adjustment keeps step with its other half, the payment."""
    status = OPEN if balance else CLOSED
    stored = books.table("Bill").put(
        {**bill, "Balance": balance, "Status": status}, touch=books.switches.payments_touch_bills
    )
    if bill["Type"] == DEBIT_ADJ:
        half = books.table("Check").get(DEBIT_ADJ, bill["ReferenceNbr"])
        if half is not None:
            planned = sum((line["AmountPaid"] for line in half["Details"]), ZERO)
            books.table("Check").put({**half, "UnappliedBalance": balance - planned, "Status": status})
    return stored


def adjusts(books: Books, payment: Row) -> None:
    """A debit adjustment that was applied has less left as a document too."""
    if payment["Type"] == DEBIT_ADJ:
        document = find_document(books, DEBIT_ADJ, payment["ReferenceNbr"])
        if document is not None:
            status, left = payment["Status"], payment["UnappliedBalance"]
            books.table("Bill").put(
                {**document, "Balance": left, "Status": status}, touch=books.switches.payments_touch_bills
            )
