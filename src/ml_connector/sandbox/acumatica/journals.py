"""Journal entries: what released bills and payments post, and those that are keyed in (form GL301000)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.acumatica.books import EMPTY_SUBACCOUNT, PAYABLES_ACCOUNT, TAX_ACCOUNT, Books
from ml_connector.sandbox.acumatica.schema import Row

ZERO = Decimal(0)
CREDITS = ("Debit Adj.",)
"""Documents that take away from what is owed."""


def enter_bill_journal(books: Books, bill: Row) -> str:
    """The batch of a released bill; returns its number."""
    debit, credit = ("CreditAmount", "DebitAmount") if bill["Type"] in CREDITS else ("DebitAmount", "CreditAmount")
    vendor = books.table("Vendor").get(bill["Vendor"]) or {}
    payable = vendor.get("APAccount") or PAYABLES_ACCOUNT
    lines: list[Row] = [{"Account": payable, "Subaccount": vendor.get("APSubaccount"), credit: bill["_total"]}]
    for line in bill["Details"]:
        coding = {name: line.get(name) for name in ("Account", "Subaccount", "Project", "ProjectTask", "CostCode")}
        told = {"TransactionDescription": line.get("TransactionDescription"), "BranchID": line.get("Branch")}
        lines.append({**coding, **told, debit: line["ExtendedCost"]})
    for tax in bill["TaxDetails"]:
        known = books.table("Tax").get(tax["TaxID"]) or {}
        account, subaccount = known.get("TaxClaimableAccount"), known.get("TaxClaimableSubaccount")
        lines.append({"Account": account or TAX_ACCOUNT, "Subaccount": subaccount, debit: tax["TaxAmount"]})
    return enter_journal(books, bill, lines, day=bill["Date"], period=bill["PostPeriod"])


def enter_payment_journal(books: Books, payment: Row, *, day: date) -> str:
    """The batch of a released payment; what is voided, and what comes back, has negative sums."""
    vendor = books.table("Vendor").get(payment["Vendor"]) or {}
    amount = -payment["PaymentAmount"] if "Refund" in payment["Type"] else payment["PaymentAmount"]
    lines: list[Row] = [
        {"Account": vendor.get("APAccount") or PAYABLES_ACCOUNT, "DebitAmount": amount},
        {"Account": payment["CashAccount"], "CreditAmount": amount},
    ]
    return enter_journal(books, payment, lines, day=day, period=books.period_of(day))


def enter_journal(books: Books, source: Row, lines: list[Row], *, day: date, period: str) -> str:
    """Posts a batch of accounts payable and returns its number."""
    number = books.next_number("JournalTransaction", digits=8)
    books.table("JournalTransaction").put(
        {
            "Module": "AP",
            "BatchNbr": number,
            "LedgerID": "ACTUAL",
            "BranchID": source.get("BranchID"),
            "PostPeriod": period,
            "TransactionDate": day,
            "Status": "Posted",
            "Hold": False,
            "CurrencyID": source["CurrencyID"],
            "Description": source.get("Description"),
            "Details": list(_numbered(books, source, lines)),
            "custom": {},
        }
    )
    return number


def _numbered(books: Books, source: Row, lines: list[Row]) -> Iterator[Row]:
    for place, line in enumerate(lines, 1):
        account = books.table("Account").get(line["Account"]) or {}
        yield {
            "id": books.store.new_id(),
            "LineNbr": place,
            "DebitAmount": ZERO,
            "CreditAmount": ZERO,
            "ReferenceNbr": source["ReferenceNbr"],
            "VendorOrCustomer": source["Vendor"],
            "BranchID": source.get("BranchID"),
            "Description": account.get("Description"),
            "Qty": ZERO,
            "custom": {},
            **line,
            "Subaccount": line.get("Subaccount") or EMPTY_SUBACCOUNT,
        }
