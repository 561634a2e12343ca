"""Outgoing payments and internal reconciliations: what makes a bill paid (B1 dossier 6.9, 6.12, 9, 14.41-44)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml_connector.sandbox.sap_business_one.books import Books, Period
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, not_supported, rejected
from ml_connector.sandbox.sap_business_one.kinds import (
    BILLS,
    CREDIT_NOTE,
    INVOICE,
    PAYMENT_FIRST_NUMBER,
    PAYMENT_SERIES,
    DocumentKind,
)
from ml_connector.sandbox.sap_business_one.lines import ZERO
from ml_connector.sandbox.sap_business_one.posting import is_foreign, local_of, open_sums, settle
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.trade import rounded

_BY_TYPE = {kind.settled_as: kind for kind in BILLS}
_MEANS = ("CashSum", "TransferSum", "BillOfExchangeAmount")
_INPUTS = frozenset(
    {
        "DocType",
        "CardCode",
        "DocDate",
        "TaxDate",
        "DueDate",
        "VatDate",
        "DocCurrency",
        "DocRate",
        "CashAccount",
        "CashSum",
        "TransferAccount",
        "TransferSum",
        "TransferDate",
        "TransferReference",
        "CheckAccount",
        "PaymentChecks",
        "BillOfExchangeAmount",
        "BankChargeAmount",
        "BPLID",
        "JournalRemarks",
        "Remarks",
        "Reference1",
        "Reference2",
        "CounterReference",
        "ProjectCode",
    }
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How much of one bill is settled: money and cash discount in the bill's currency."""

    kind: DocumentKind
    bill: Row
    amount: Decimal
    discount: Decimal = ZERO

    @property
    def sign(self) -> int:
        """Credit notes take off what is paid."""
        return -1 if self.kind is CREDIT_NOTE else 1


def create_payment(books: Books, body: Row) -> Row:
    """Records an outgoing payment and settles what it names; raises B1Error."""
    vendor = books.table("BusinessPartners").get(body.get("CardCode") or "")
    if vendor is None:
        raise rejected(f"Invalid BP code [OVPM.CardCode] , '{body.get('CardCode') or ''}'")
    given = {name: value for name, value in body.items() if name in _INPUTS and value is not None}
    row: Row = {"DocDate": books.today(), **given, "CardName": vendor.get("CardName")}
    _check_period(books, row["DocDate"])
    settlements = [_settlement(books, row, line, at) for at, line in enumerate(body.get("PaymentInvoices") or [], 1)]
    _take_currency(books, row, settlements)
    applied = sum((_in_payment_currency(books, row, each) for each in settlements), ZERO)
    means = _means(row)
    if means < applied or (not means and not settlements):
        raise rejected("Total of payment means is less than the total applied to documents [OVPM.DocTotal]")
    return _enter_payment(books, row, settlements)


def _check_period(books: Books, day: str) -> None:
    if books.period(day) is not Period.OPEN:
        raise B1Error(-4013, "Posting period locked; specify an alternative date [OVPM.DocDate]")


def _settlement(books: Books, row: Row, line: Row, at: int) -> Settlement:
    """One PaymentInvoices row; sums of credit notes are negative on the wire (B1 dossier 14.44)."""
    kind = _BY_TYPE.get(line.get("InvoiceType") or INVOICE.settled_as)
    if kind is None:
        raise rejected(f"Document type is not supported [VPM2.InvType][line: {at}] , '{line.get('InvoiceType')}'")
    bill = books.table(kind.entity_set).get(line.get("DocEntry") or 0)
    if bill is None:
        raise no_records()
    if bill["CardCode"] != row["CardCode"]:
        raise rejected(f"Document belongs to another business partner [VPM2.DocNum][line: {at}]")
    if bill["DocumentStatus"] != "bost_Open":
        raise rejected(f"Invoice is already closed or blocked [VPM2.DocNum][line: {at}] , '{bill['DocNum']}'")
    settlement = Settlement(kind, bill, *_asked_sums(bill, line))
    left = open_sums(bill)[1 if is_foreign(bill) else 0]
    if settlement.amount < 0 or settlement.amount + settlement.discount > left:
        raise rejected(f"Sum applied is greater than the balance due [VPM2.SumApplied][line: {at}]")
    return settlement


def _asked_sums(bill: Row, line: Row) -> tuple[Decimal, Decimal]:
    """Money and discount in the bill's currency; all that is open where the line names no sum."""
    foreign = is_foreign(bill)
    discount = abs(line.get("TotalDiscountFC" if foreign else "TotalDiscount") or ZERO)
    asked = line.get("AppliedFC" if foreign else "SumApplied")
    if asked is None and foreign and line.get("SumApplied") is not None:
        asked = rounded(line["SumApplied"] / bill["DocRate"])
    if asked is None:
        asked = open_sums(bill)[1 if foreign else 0] - discount
    return abs(asked), discount


def _take_currency(books: Books, row: Row, settlements: Sequence[Settlement]) -> None:
    """The payment's currency: that of the request, else that of the bills where they agree."""
    named = {each.bill["DocCurrency"] for each in settlements}
    currency = row.setdefault("DocCurrency", named.pop() if len(named) == 1 else books.currency)
    if not row.get("DocRate"):
        rate = settlements[0].bill["DocRate"] if len(settlements) == 1 else books.factor(currency, row["DocDate"])
        row["DocRate"] = ZERO if currency == books.currency else rate


def _in_payment_currency(books: Books, row: Row, each: Settlement) -> Decimal:
    amount = each.amount * each.sign
    if each.bill["DocCurrency"] == row["DocCurrency"]:
        return amount
    local = rounded(amount * each.bill["DocRate"])
    return local if row["DocCurrency"] == books.currency else rounded(local / row["DocRate"])


def _means(row: Row) -> Decimal:
    checks = sum((check.get("CheckSum") or ZERO for check in row.get("PaymentChecks") or ()), ZERO)
    return sum((row.get(name) or ZERO for name in _MEANS), checks)


def _enter_payment(books: Books, row: Row, settlements: Iterable[Settlement]) -> Row:
    entry = books.next_entry("VendorPayments")
    # The rows' DocNum is the payment's own key, not the invoice's number: a trap of the real one (B1 dossier 6.9).
    applied = [{**_apply(books, each, at), "DocNum": entry} for at, each in enumerate(settlements)]
    return books.table("VendorPayments").put(
        {
            "DocType": "rSupplier",
            "DocTypte": "rSupplier",
            "DocObjectCode": "bopot_OutgoingPayments",
            "JournalRemarks": f"Outgoing Payments - {row['CardCode']}",
            **dict.fromkeys(("TaxDate", "DueDate", "VatDate", "TransferDate"), row["DocDate"]),
            **row,
            "DocEntry": entry,
            "DocNum": books.next_number(str(PAYMENT_SERIES), PAYMENT_FIRST_NUMBER),
            "Series": PAYMENT_SERIES,
            "CurrencyIsLocal": "tYES" if row["DocCurrency"] == books.currency else "tNO",
            "LocalCurrency": "tYES" if row["DocCurrency"] == books.currency else "tNO",
            "Cancelled": "tNO",
            "AuthorizationStatus": "pasWithout",
            "PaymentInvoices": applied,
        }
    )


def _apply(books: Books, each: Settlement, at: int) -> Row:
    """Settles one bill and gives the row that says so."""
    foreign = is_foreign(each.bill)
    whole = each.amount + each.discount
    local = local_of(each.bill, whole) if foreign else whole
    discount = rounded(each.discount * each.bill["DocRate"]) if foreign else each.discount
    settle(books, each.kind, each.bill["DocEntry"], local=local, foreign=whole if foreign else ZERO)
    signed = {"SumApplied": local - discount, "AppliedFC": each.amount if foreign else ZERO, "TotalDiscount": discount}
    signed["AppliedSys"] = signed["SumApplied"]
    signed["TotalDiscountFC"] = each.discount if foreign else ZERO
    return {
        "LineNum": at,
        "DocEntry": each.bill["DocEntry"],
        "InvoiceType": each.kind.settled_as,
        "DocRate": each.bill["DocRate"] if foreign else ZERO,
        "InstallmentId": 1,
        "DiscountPercent": (each.discount * 100 / whole).quantize(Decimal("0.01")) if each.discount else ZERO,
        **{name: amount * each.sign for name, amount in signed.items()},
    }


def cancel_payment(books: Books, entry: int) -> Row:
    """Flags the payment as cancelled and opens again what it had settled (B1 dossier 14.42)."""
    table = books.table("VendorPayments")
    row = table.rows[entry]
    if row["Cancelled"] == "tYES":
        raise not_supported()
    for line in row["PaymentInvoices"]:
        kind = _BY_TYPE[line["InvoiceType"]]
        local = abs(line["SumApplied"]) + abs(line["TotalDiscount"])
        foreign = abs(line["AppliedFC"]) + abs(line["TotalDiscountFC"])
        settle(books, kind, line["DocEntry"], local=-local, foreign=-foreign)
    return table.put({**row, "Cancelled": "tYES"})


def reconcile(books: Books, kind: DocumentKind, bill: Row, *, amount: Decimal | None = None, other: Row) -> Row:
    """Settles a bill, wholly or in part, against something that is no payment of it (B1 dossier 6.12, 14.43).

    `other` is the row on the other side: SrcObjTyp, SrcObjAbs and TransId of a credit note, a payment on account or
    a journal entry. Amounts are in the bill's currency.
    """
    foreign = is_foreign(bill)
    left = open_sums(bill)[1 if foreign else 0]
    asked = left if amount is None else min(amount, left)
    local = local_of(bill, asked) if foreign else asked
    settle(books, kind, bill["DocEntry"], local=local, foreign=asked if foreign else ZERO)
    mine: Row = {"TransId": bill.get("TransNum"), "SrcObjTyp": str(kind.object_type), "SrcObjAbs": bill["DocEntry"]}
    sides = ("codCredit", "codDebit") if kind is INVOICE else ("codDebit", "codCredit")
    rows = [
        {"LineSeq": place, "ShortName": bill["CardCode"], "TransRowId": 0, "CreditOrDebit": side, **each}
        | {"ReconcileAmount": local, "CashDiscount": ZERO}
        for place, (side, each) in enumerate(zip(sides, (mine, other), strict=True))
    ]
    return books.table("InternalReconciliations").put(
        {
            "ReconNum": books.next_entry("InternalReconciliations"),
            "ReconDate": books.today(),
            "CardOrAccount": "coaCard",
            "ReconType": "rtManual",
            "Total": local,
            "InternalReconciliationRows": rows,
        }
    )
