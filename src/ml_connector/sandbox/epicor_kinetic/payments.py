"""What settles invoices: payments, voids, adjustments, debit memos (Epicor dossier 11, 17.44-46)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.groups import period_of
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.invoices import HEAD
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, stamp_of, text, whole
from ml_connector.sandbox.trade import rounded

CHECK, TRANSACTION = "CheckHed", "APTran"
BANK = "OPER"
_SUMS = ("DocTranAmt", "TranAmt", "DocDiscAmt", "DiscAmt")


@dataclass(frozen=True, slots=True)
class Part:
    """How much of one invoice is settled, in its currency: money and cash discount, negative for a debit memo."""

    head: Row
    amount: Decimal
    discount: Decimal = ZERO


def open_part(head: Row, amount: Decimal | None = None, discount: Decimal = ZERO) -> Part:
    """Part of an invoice: all that is open, less the discount, where no amount is named."""
    return Part(head, head["DocInvoiceBal"] - discount if amount is None else amount, discount)


def record_payment(
    books: Books,
    parts: Sequence[Part],
    *,
    day: date,
    reference: str = "",
    posted: bool = True,
    applying: bool = False,
) -> Row:
    """Enters a payment of posted invoices of one supplier, and posts it; raises ValueError.

    An entered one moves the unposted balance only. `applying` is how a debit memo is set off: no money moves.
    """
    first = parts[0].head
    for part in parts:
        _check_payable(part)
    rate = first.get("ExchangeRate") or Decimal(1)
    total = sum((part.amount for part in parts), ZERO)
    check = books.table(CHECK).put(
        {
            "Company": books.id,
            "HeadNum": books.next_number(CHECK),
            "CheckNum": _check_number(books, reference),
            "CheckDate": stamp_of(day),
            "CheckSrc": "E",
            "ElecPayment": True,
            "Description": reference,
            "VendorNum": first["VendorNum"],
            "VendorID": first.get("VendorNumVendorID", ""),
            "Name": first.get("VendorNumName", ""),
            "CurrencyCode": first["CurrencyCode"],
            "ExchangeRate": rate,
            "BankAcctID": BANK,
            "PMUID": 1,
            "PMUIDName": "Bank transfer",
            "DocPaymentTotal": total,
            "DocCheckAmt": total,
            "CheckAmt": rounded(total * rate),
            "Posted": False,
            "Voided": False,
            "ApplyingPayment": applying,
            **period_of(day),
        }
    )
    for part in parts:
        _put_transaction(books, check, part, day)
        _move(books, part.head, part.amount + part.discount, names=("DocUnpostedBal", "UnpostedBal"))
    return post_payment(books, check) if posted else check


def _check_payable(part: Part) -> None:
    number = part.head["InvoiceNum"]
    if not part.head.get("Posted"):
        message = f"Invoice {number} is not posted: it cannot be paid."
        raise ValueError(message)
    if abs(part.amount + part.discount) > abs(part.head["DocInvoiceBal"]):
        message = f"Invoice {number} has {part.head['DocInvoiceBal']} open, less than what is to be settled."
        raise ValueError(message)


def _check_number(books: Books, reference: str) -> int:
    """The number of a check: the reference where it is a number; electronic payments start at 50 000 000."""
    return int(reference) if reference.isdecimal() and len(reference) < 10 else books.next_number("CheckNum")


def _put_transaction(books: Books, check: Row, part: Part, day: date, **more: Any) -> Row:
    head, rate = part.head, part.head.get("ExchangeRate") or Decimal(1)
    amount = part.amount + (part.discount if habits_of(books).discount_inside else ZERO)
    return books.table(TRANSACTION).put(
        {
            "Company": books.id,
            "HeadNum": check["HeadNum"],
            # 0 on payments of invoices: no key of its own (Epicor dossier 11.2).
            "APTranNo": 0,
            "InvoiceNum": head["InvoiceNum"],
            "VendorNum": head["VendorNum"],
            "VendorNumVendorID": head.get("VendorNumVendorID", ""),
            "VendorNumName": head.get("VendorNumName", ""),
            "TranType": "Pay",
            "Posted": False,
            "Voided": False,
            "TranDate": stamp_of(day),
            "CheckNum": check["CheckNum"],
            "BankAcctID": check["BankAcctID"],
            "CurrencyCode": head["CurrencyCode"],
            "DocTranAmt": amount,
            "TranAmt": rounded(amount * rate),
            "DocDiscAmt": part.discount,
            "DiscAmt": rounded(part.discount * rate),
            "DebitMemo": bool(head.get("DebitMemo")),
            "ExchangeRate": rate,
            **period_of(day),
            **more,
        }
    )


def post_payment(books: Books, check: Row) -> Row:
    """Posts an entered payment: the balances of its invoices move."""
    for row in books.table(TRANSACTION).find("HeadNum", check["HeadNum"]):
        head = books.table(HEAD).get(books.id, row["VendorNum"], row["InvoiceNum"])
        if head is not None:
            _move(books, head, _taken_off(books, row), names=("DocInvoiceBal", "InvoiceBal"))
        books.table(TRANSACTION).put({**row, "Posted": True})
    return books.table(CHECK).put({**check, "Posted": True})


def _taken_off(books: Books, row: Row) -> Decimal:
    """What a transaction takes off the balance, the discount too."""
    return row["DocTranAmt"] + (ZERO if habits_of(books).discount_inside else row["DocDiscAmt"])


def void_payment(books: Books, check: Row) -> Row:
    """Voids a payment: every row gets a twin with flipped signs, and its invoices are open again."""
    if check.get("Voided"):
        message = f"Payment {check['HeadNum']} is voided already."
        raise ValueError(message)
    today = books.store.today()
    for row in books.table(TRANSACTION).find("HeadNum", check["HeadNum"]):
        flipped = {name: -row[name] for name in _SUMS}
        twin = {name: value for name, value in row.items() if name not in ("SysRowID", "ChangeDate")}
        books.table(TRANSACTION).put(
            {**twin, **flipped, "Voided": True, "TranDate": stamp_of(today), **period_of(today)}
        )
        head = books.table(HEAD).get(books.id, row["VendorNum"], row["InvoiceNum"])
        if head is None:
            continue
        back = -_taken_off(books, row)
        moved = _move(books, head, back, names=("DocUnpostedBal", "UnpostedBal"))
        if row.get("Posted"):
            _move(books, moved, back, names=("DocInvoiceBal", "InvoiceBal"))
    return books.table(CHECK).put({**check, "Voided": True})


def adjust(books: Books, head: Row, amount: Decimal | None = None, *, day: date, why: str = "Adjustment") -> Row:
    """Takes an amount off an invoice without any payment, all that is open where none is named."""
    part = open_part(head, amount)
    _check_payable(part)
    check = {"HeadNum": 0, "CheckNum": 0, "BankAcctID": ""}
    number = books.next_number("APTranNo")
    row = _put_transaction(books, check, part, day, APTranNo=number, TranType="Adj", Posted=True, Description=why)
    moved = _move(books, head, part.amount, names=("DocUnpostedBal", "UnpostedBal"))
    _move(books, moved, part.amount, names=("DocInvoiceBal", "InvoiceBal"))
    return row


def apply_debit_memo(books: Books, memo: Row, bill: Row, amount: Decimal | None = None, *, day: date) -> Row:
    """Sets a posted debit memo off against an invoice of the same supplier, by what both have open unless told."""
    if not memo.get("DebitMemo") or memo["VendorNum"] != bill["VendorNum"]:
        message = f"{memo['InvoiceNum']} is no debit memo of the supplier of {bill['InvoiceNum']}."
        raise ValueError(message)
    common = min(bill["DocInvoiceBal"], -memo["DocInvoiceBal"]) if amount is None else amount
    return record_payment(books, [Part(bill, common), Part(memo, -common)], day=day, applying=True)


def _move(books: Books, head: Row, amount: Decimal, *, names: tuple[str, str]) -> Row:
    """Takes an amount off a balance. The invoice's ChangeDate stays where it is, most likely (Epicor dossier 17.20)."""
    current = books.table(HEAD).get(books.id, head["VendorNum"], head["InvoiceNum"]) or head
    rate = current.get("ExchangeRate") or Decimal(1)
    balance = current[names[0]] - amount
    changed = {names[0]: balance, names[1]: rounded(balance * rate)}
    if names[0] == "DocInvoiceBal":
        changed["OpenPayable"] = balance != ZERO
    return books.table(HEAD).put({**current, **changed}, touch=habits_of(books).dates_move)


def payments_of(books: Books, head: Row) -> list[Row]:
    """Every transaction of an invoice, voided ones too."""
    rows = books.table(TRANSACTION).find("InvoiceNum", head["InvoiceNum"])
    return [row for row in rows if row["VendorNum"] == head["VendorNum"]]


@operation("Erp.BO.APTranSearchSvc", "GetPaymentData")
def payment_data(visit: Visit, asked: Row) -> Outcome:
    """The transactions of an invoice and what they come to; none is no error (Epicor dossier 17.46)."""
    books = visit.books
    rows = payments_of(books, {"VendorNum": whole(asked["vendorNum"]), "InvoiceNum": text(asked["invoiceNum"])})
    paid = [row for row in rows if row["TranType"] == "Pay"]
    totals = {
        "DocCashRcv": sum((row["DocTranAmt"] for row in paid), ZERO),
        "CashRcv": sum((row["TranAmt"] for row in paid), ZERO),
        "DocDscTaken": sum((row["DocDiscAmt"] for row in paid), ZERO),
        "DscTaken": sum((row["DiscAmt"] for row in paid), ZERO),
    }
    return Outcome(returned={"APTranSearch": [{**row, "RowMod": ""} for row in rows], "PaymentTotals": [totals]})
