"""Supplier invoices: their sums, how they move from state to state, and what pays them (Visma dossier 9, 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.trade import rounded
from ml_connector.sandbox.visma_net.books import INVOICE, Books
from ml_connector.sandbox.visma_net.errors import refused
from ml_connector.sandbox.visma_net.wire import Row, day

RELEASED = frozenset({"Open", "Closed", "Voided"})
_ZERO = Decimal(0)
_TWINS = ("balance", "detailTotal", "vatTotal", "vatTaxableTotal", "vatExemptTotal", "discountTotal", "roundingDiff")


def key_of(row: Row) -> str:
    """`type/number`: numbers alone are not unique."""
    return f"{row['documentType']}/{row['referenceNumber']}"


def find_invoice(books: Books, asked: str) -> Row:
    """The document of that key, or the invoice of that number; raises LookupError."""
    table = books.table("supplierInvoice")
    row = table.get(asked) or table.get(f"{INVOICE}/{asked}")
    if row is None:
        message = f"There is no supplier invoice {asked} in company {books.company.code}."
        raise LookupError(message)
    return row


def store_invoice(books: Books, row: Row, *, touch: bool = True) -> Row:
    """Keeps a new state of a document."""
    return books.table("supplierInvoice").put(key_of(row), row, touch=touch)


def compose_line(books: Books, number: int, asked: Mapping[str, Any]) -> Row:
    """A line from what it is to hold: text, net, quantity?, unit_cost?, account?, vat?, order?, ... (see the pages)."""
    quantity = Decimal(asked.get("quantity", 1))
    unit_cost = Decimal(asked["unit_cost"]) if "unit_cost" in asked else None
    net = rounded(Decimal(asked["net"])) if "net" in asked else rounded(quantity * (unit_cost or _ZERO))
    unit_cost = rounded(net / quantity) if unit_cost is None and quantity else unit_cost
    account = books.row("account", str(asked.get("account", "6110")), "AccountNumber")
    category = books.row("vatCategory", str(asked.get("vat", "VAT24")), "TaxCategoryID")
    project = books.row("project", str(asked.get("project") or "X"), "ProjectID")
    return {
        "lineNumber": number,
        "inventoryNumber": asked.get("item"),
        "transactionDescription": asked.get("text") or account["description"],
        "quantity": quantity,
        "uom": asked.get("unit", "STK"),
        "unitCost": unit_cost,
        "unitCostInCurrency": unit_cost,
        "cost": net,
        "costInCurrency": net,
        "discountPercent": _ZERO,
        "discountAmount": _ZERO,
        "manualDiscount": False,
        "stockItem": False,
        "account": _account(account),
        "subaccount": subaccount_of(books, asked.get("segments") or {}),
        "vatCode": {"id": category["vatCategoryId"], "description": category["description"]},
        "poNumber": asked.get("order"),
        "poLineNr": int(asked["order_line"]) if asked.get("order_line") else None,
        "poReceiptNbr": asked.get("receipt"),
        "poReceiptLineNbr": int(asked["receipt_line"]) if asked.get("receipt_line") else None,
        "branchNumber": {"number": "1", "name": books.company.name},
        "project": {"id": project["projectID"], "description": project["description"]},
        "note": asked.get("note"),
    }


def subaccount_of(books: Books, chosen: Mapping[int, str]) -> Row:
    """The subaccount of those segment values; unnamed segments have their value for none."""
    segments = books.row("dimension", "SUBACCOUNT")["segments"]
    values = [
        next(
            each
            for each in segment["segmentValues"]
            if each["valueId"] == chosen.get(segment["segmentId"], "0" * segment["length"])
        )
        for segment in segments
    ]
    number = "".join(value["valueId"] for value in values)
    known = books.table("subaccount").get(number)
    if known is not None:
        return {name: value for name, value in known.items() if not name.startswith("_")}
    row = {
        "subaccountNumber": number,
        "subaccountId": len(books.table("subaccount").rows) + 1,
        "description": " / ".join(value["description"] for value in values),
        "active": True,
        "segments": [
            {
                "segmentId": segment["segmentId"],
                "segmentDescription": segment["description"],
                "segmentValue": value["valueId"],
                "segmentValueDescription": value["description"],
            }
            for segment, value in zip(segments, values, strict=True)
        ],
    }
    books.table("subaccount").put(number, row)
    return row


def with_sums(books: Books, row: Row) -> Row:
    """The document with everything that the server computes: VAT per category, totals, balance and twins."""
    nets: dict[str, Decimal] = {}
    for line in row["invoiceLines"]:
        category = line["vatCode"]["id"]
        nets[category] = nets.get(category, _ZERO) + line["cost"]
    taxes = [_tax(books, index, category, net) for index, (category, net) in enumerate(nets.items(), 1)]
    detail = sum(nets.values(), _ZERO)
    vat = sum((tax["vatAmount"] for tax in taxes), _ZERO)
    exempt = sum((tax["taxableAmount"] for tax in taxes if not tax["vatRate"]), _ZERO)
    total = detail + vat
    paid = row.get("_paid", _ZERO)
    sums = {
        "taxDetailLines": taxes,
        "detailTotal": detail,
        "vatTotal": vat,
        "vatAmount": vat,
        "vatTaxableTotal": detail - exempt,
        "vatExemptTotal": exempt,
        "discountTotal": _ZERO,
        "roundingDiff": _ZERO,
        "amount": total,
        "balance": total - paid,
    }
    return _with_twins({**row, **sums})


def _with_twins(row: Row) -> Row:
    """Plain is document currency, the twin base currency: the dossier's assumption (Visma dossier 9.3)."""
    rate = row["exchangeRate"]
    return {**row, **{f"{name}InCurrency": rounded(row[name] * rate) for name in _TWINS}}


def _tax(books: Books, record: int, category: str, net: Decimal) -> Row:
    vat = books.row("vatCategory", category)["vatCategoryLines"][0]
    percent = vat["vatRates"][-1]["vatRate"]
    return {
        "taxId": vat["vatId"],
        "recordId": record,
        "vatId": {"number": vat["vatId"], "description": vat["description"]},
        "vatRate": percent,
        "taxableAmount": net,
        "vatAmount": rounded(net * percent / 100),
    }


def _account(account: Row) -> Row:
    return {
        "type": account["type"],
        "number": account["accountCD"],
        "description": account["description"],
        "active": account["active"],
    }


def period(day_text: str) -> tuple[str, str]:
    """The two ways a period is written: MMYYYY and YYYYMM (Visma dossier 4.3)."""
    year, month = day_text[:4], day_text[5:7]
    return f"{month}{year}", f"{year}{month}"


def hold(books: Books, row: Row, *, on: bool) -> Row:
    """Puts a document on hold or takes it off; raises Refusal where it was released."""
    if row["status"] not in ("Hold", "Balanced"):
        raise refused(f"{key_of(row)} can't be updated because it is already released.")
    if not on and books.preferences.validate_totals and row.get("_control", row["amount"]) != row["amount"]:
        raise refused("The document is out of balance.")
    return store_invoice(books, {**row, "hold": on, "status": "Hold" if on else "Balanced"})


def release(books: Books, row: Row) -> Row:
    """Posts a document: it is open from then on, or closed where nothing is owed."""
    if row["status"] not in ("Balanced", "Prebooked", "Scheduled", "Printed"):
        raise refused(f"The status of {key_of(row)} is {row['status']}: it cannot be released.")
    status = "Open" if row["balance"] else "Closed"
    return store_invoice(books, {**row, "status": status, "hold": False})


def void(books: Books, row: Row) -> Row:
    """Makes a document void; raises Refusal where it is paid in part."""
    if row.get("_paid"):
        raise refused(f"{key_of(row)} is applied to payments: they must be voided first.")
    return store_invoice(books, _with_twins({**row, "status": "Voided", "balance": _ZERO}))


def set_status(books: Books, row: Row, status: str) -> Row:
    """Puts a document into a state without asking how it got there."""
    return store_invoice(books, {**row, "status": status, "hold": status == "Hold"})


def apply_amount(books: Books, row: Row, amount: Decimal, on: date) -> Row:
    """Lowers what is owed, or raises it again by a negative amount; at 0 the document is closed."""
    paid = row.get("_paid", _ZERO) + amount
    balance = row["amount"] - paid
    if balance < 0 or paid < 0:
        raise refused(f"The amount {amount} exceeds the balance of {key_of(row)}.")
    closed = period(on.isoformat())[1] if balance == 0 else None
    changed = {**row, "_paid": paid, "balance": balance, "closedFinancialPeriod": closed}
    changed["status"] = "Open" if balance else "Closed"
    return store_invoice(books, _with_twins(changed), touch=books.preferences.payment_touches_invoice)


def pay(books: Books, row: Row, *, amount: Decimal | None, on: date, reference: str) -> Row:
    """A released payment of a document, of all that is owed where no amount is named; the payment."""
    if row["status"] != "Open":
        raise refused(f"The status of {key_of(row)} is {row['status']}: it cannot be paid.")
    paid = row["balance"] if amount is None else amount
    number = str(books.next_number("supplierPayment", 700_001))
    after = apply_amount(books, row, paid, on)
    return _store_payment(books, after, "Payment", number, paid, on=on, reference=reference)


def unpay(books: Books, row: Row, *, on: date) -> Sequence[Row]:
    """Voids every payment of a document, under the numbers they had (Visma dossier 17.39); the voiding payments."""
    table = books.table("supplierPayment")
    voided: list[Row] = []
    for payment in list(table.all()):
        line = payment["paymentLines"][0]
        if (line["docType"], line["invoiceRefNbr"]) != (row["documentType"], row["referenceNumber"]):
            continue
        if payment["type"] != "Payment" or payment["status"] == "Voided":
            continue
        table.put(payment["_key"], {**payment, "status": "Voided"})
        row = apply_amount(books, row, -line["amountPaid"], on)
        number, paid = payment["refNbr"], line["amountPaid"]
        reference = payment["paymentRef"]
        voided.append(_store_payment(books, row, "VoidPayment", number, paid, on=on, reference=reference))
    if not voided:
        raise refused(f"{key_of(row)} has no payment.")
    return voided


def offset(books: Books, invoice: Row, credit_note: Row, *, amount: Decimal | None, on: date) -> Row:
    """Applies a credit note to an invoice: it closes without a payment (Visma dossier 17.39); the invoice."""
    for each in (invoice, credit_note):
        if each["status"] != "Open":
            raise refused(f"The status of {key_of(each)} is {each['status']}: nothing can be applied to it.")
    applied = min(invoice["balance"], credit_note["balance"]) if amount is None else amount
    apply_amount(books, credit_note, applied, on)
    return apply_amount(books, invoice, applied, on)


def _store_payment(books: Books, row: Row, kind: str, number: str, paid: Decimal, *, on: date, reference: str) -> Row:
    line = {
        "branch": "1",
        "batchNumber": number[-6:],
        "docType": row["documentType"],
        "invoiceRefNbr": row["referenceNumber"],
        "amountPaid": paid,
        "cashDiscountTaken": _ZERO,
        "applicationPeriod": period(on.isoformat())[0],
        "date": row["date"],
        "dueDate": row.get("dueDate"),
        "balance": row["balance"],
        "currency": row["currencyId"],
        "postPeriod": row["postPeriod"],
        "supplierRef": row.get("supplierReference"),
    }
    payment = {
        "type": kind,
        "documentType": kind,
        "refNbr": number,
        "status": "Closed",
        "hold": False,
        "released": True,
        "applicationDate": day(on),
        "applicationPeriod": period(on.isoformat())[0],
        "paymentRef": reference,
        "supplier": row["supplier"],
        "paymentMethod": "10",
        "cashAccount": "1920",
        "currency": {"id": row["currencyId"], "isBaseCurrency": row["currencyId"] == books.company.currency},
        "paymentAmount": paid,
        "appliedAmount": paid,
        "unappliedBalance": _ZERO,
        "balance": _ZERO,
        "branch": "1",
        "paymentLines": [line],
    }
    return books.table("supplierPayment").put(f"{kind}/{number}", payment)


def require_unreleased(books: Books, row: Row, body: Mapping[str, Any]) -> None:
    """Raises Refusal (400) where a document may not be changed any more (Visma dossier 17.37)."""
    only_note = books.preferences.notes_after_release and set(body) <= {"note"}
    if row["status"] in RELEASED and not only_note:
        raise refused(f"{key_of(row)} can't be updated because it is already released.")
