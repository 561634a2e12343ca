"""A supplier's invoice as the Basware Network takes it, v1 as published (Basware dossier 9.2). Pure: no I/O, no clock.

What v1 has no field for is left out: accounts, tax codes, receipts, posting dates. They are in the ERP already, or
come with the order.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.basware.codes import cut, exact
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import MappingRules
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.money import add_up, write_json
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import Admission, InvoiceLine, InvoiceTax, SupplierInvoice

INVOICES_PATH: Final = "/v1/invoices"
"""UNCONFIRMED (U23): where an invoice is sent to and read from, its bumId behind it."""
FILES_PATH: Final = "/v2/files"
"""UNCONFIRMED (U24): where a file is put before the invoice that refers to it."""
NOTIFICATIONS_PATH: Final = "/v2/notifications"

CREDIT_SIGN: Final = Decimal(-1)
"""UNCONFIRMED: v1 has no document type, so a credit note is an invoice whose sums are negative."""
PAYMENT_MEANS: Final = "31"
"""UN/ECE 4461: a transfer, as in the dossier's example. What is really paid by is the ERP's business."""
TEXT_LENGTH: Final = 250
"""Of texts for people: what the accounting document holds of them (dossier 3.4, 3.6)."""

_LENGTHS: Final = {
    "number": 100,
    "supplier number": 25,
    "currency": 3,
    "payment reference": 50,
    "bank account": 50,
    "order number": 100,
    "order line": 50,
}
"""Of what identifies something: the accounting document's fields again (dossier 3.4 to 3.6, 6.1). Never cut."""

_IDS: Final = uuid.UUID("5a3c2f7e-6a0b-4d51-9c1e-2f1f0e6b7d44")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_UNFIT_FOR_NAME: Final = re.compile(r"[^A-Za-z0-9._ -]+")


@dataclass(frozen=True, slots=True)
class Buyer:
    """The receiver as the network knows it."""

    name: str
    endpoint: str
    scheme: str = ""
    reference: str = ""


def admission_of(key: str) -> Admission:
    """The document's id and the token that makes a repetition recognisable: always the same for the same key."""
    return Admission(id=str(uuid.uuid5(_IDS, f"document/{key}")), token=str(uuid.uuid5(_IDS, f"token/{key}")))


def invoice_objection(invoice: SupplierInvoice, rules: MappingRules) -> Finding | None:
    """What keeps an invoice from being sent, None for nothing. Nothing is completed by guess, no identity cut."""
    if not invoice.reference:
        return _objection("the supplier's invoice number is missing")
    if invoice.invoice_date is None:
        return _objection("the invoice date is missing")
    return _length_objection(invoice) or _sums_objection(invoice, rules.tolerance.get(invoice.currency, Decimal(0)))


def _objection(words: str) -> Finding:
    """A reason of its own: the ones of coded invoices tell the clerk to correct them in the payables system."""
    return Finding(Reason.CANNOT_ENTER, words)


def _length_objection(invoice: SupplierInvoice) -> Finding | None:
    try:
        for what, value in _identities(invoice):
            exact(value, _LENGTHS[what], what=what, of=invoice.key)
    except Refused as error:
        return _objection(error.findings[0].subject)
    return None


def _identities(invoice: SupplierInvoice) -> Iterator[tuple[str, str]]:
    yield "number", invoice.reference
    yield "supplier number", invoice.vendor_number
    yield "currency", invoice.currency
    optional = [("payment reference", invoice.payment_reference)]
    optional += [("order number", line.order_number) for line in invoice.lines]
    optional += [("order line", line.order_line) for line in invoice.lines]
    yield from ((what, value) for what, value in optional if value)


def _sums_objection(invoice: SupplierInvoice, tolerance: Decimal) -> Finding | None:
    if not invoice.lines:
        return _objection(f"{invoice.key} has no lines")
    lines = add_up(line.net for line in invoice.lines)
    if abs(lines - invoice.net) > tolerance:
        return _objection(f"the lines come to {lines}, the net sum is {invoice.net}")
    if abs(invoice.net + invoice.tax - invoice.gross) > tolerance:
        said = f"net {invoice.net} and tax {invoice.tax} do not make {invoice.gross}"
        return _objection(said)
    try:
        write_json(_sums(invoice) | {"invoiceLine": _lines(invoice)})
    except ValueError as error:  # a sum with more digits than JSON carries
        return _objection(str(error))
    return None


def invoice_body(
    invoice: SupplierInvoice, *, buyer: Buyer, admission: Admission, file_refs: Sequence[str]
) -> dict[str, Any]:
    """What is sent. The invoice has met no objection."""
    body: dict[str, Any] = {"clientToken": admission.token, "data": _data(invoice, buyer)}
    return body | ({"fileRefs": [{"refId": ref} for ref in file_refs]} if file_refs else {})


def _data(invoice: SupplierInvoice, buyer: Buyer) -> dict[str, Any]:
    orders = invoice.order_numbers
    reference = buyer.reference or invoice.buyer_reference
    return {
        "id": invoice.reference,
        "issueDate": str(invoice.invoice_date),
        "documentCurrencyCode": invoice.currency,
        **_given("note", cut(invoice.description, TEXT_LENGTH)),
        # One order: the whole invoice's; several: only the lines can say which.
        **({"orderReference": {"id": orders[0]}} if len(orders) == 1 else {}),
        **({"billingReference": {"id": invoice.original}} if invoice.original else {}),
        # The ERP's own document, for whoever compares the two.
        "additionalDocumentReference": {"id": invoice.key},
        "accountingSupplierParty": _supplier(invoice),
        "accountingCustomerParty": _customer(buyer),
        "paymentMeans": _payment_means(invoice),
        **({"paymentTerms": {"note": cut(invoice.payment_term, TEXT_LENGTH)}} if invoice.payment_term else {}),
        **_sums(invoice),
        **({"buyerReference": {"id": reference}} if reference else {}),
        "invoiceLine": _lines(invoice),
    }


def _given(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _supplier(invoice: SupplierInvoice) -> dict[str, Any]:
    return {
        "partyName": cut(invoice.vendor_name or invoice.vendor_number, TEXT_LENGTH),
        # Our own number of it: the vendor code that the suppliers were imported under.
        "partyIdentification": [{"id": invoice.vendor_number}],
    }


def _customer(buyer: Buyer) -> dict[str, Any]:
    endpoint = {"id": buyer.endpoint, **_given("schemeId", buyer.scheme)}
    return {"partyName": cut(buyer.name, TEXT_LENGTH), "endpoint": endpoint}


def _payment_means(invoice: SupplierInvoice) -> dict[str, Any]:
    means: dict[str, Any] = {"paymentMeansCode": PAYMENT_MEANS}
    if invoice.due_date is not None:
        means["paymentDueDate"] = invoice.due_date.isoformat()
    if invoice.payment_reference:
        means["paymentIdentifier"] = {"id": invoice.payment_reference}
    account = "".join(invoice.bank_account.split())
    # A text that is no account would only keep the whole invoice from its way: payment stays with the ERP.
    if account and len(account) <= _LENGTHS["bank account"]:
        scheme = "IBAN" if is_iban(account) else "BBAN"
        means["financialAccount"] = [{"ids": [{"id": account.upper(), "schemeId": scheme}]}]
    return means


def is_iban(account: str) -> bool:
    """True where the text is an IBAN, check digits included."""
    text = account.upper()
    if not _IBAN.fullmatch(text):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def _sums(invoice: SupplierInvoice) -> dict[str, Any]:
    sign = _sign(invoice)

    def amount(value: Decimal) -> dict[str, Any]:
        return {"currencyId": invoice.currency, "amount": sign * value}

    subtotals = [_subtotal(tax, sign=sign, currency=invoice.currency) for tax in invoice.taxes]
    return {
        "taxTotal": amount(invoice.tax) | ({"taxSubTotal": subtotals} if subtotals else {}),
        "legalMonetaryTotal": {"lineExtensionAmount": amount(invoice.net), "payableAmount": amount(invoice.gross)},
    }


def _subtotal(tax: InvoiceTax, *, sign: Decimal, currency: str) -> dict[str, Any]:
    percent = {} if tax.percent is None else {"percent": tax.percent}
    return {"currencyId": currency, "amount": sign * tax.amount, "taxableAmount": sign * tax.base, **percent}


def _lines(invoice: SupplierInvoice) -> list[dict[str, Any]]:
    return [_line(line, sign=_sign(invoice), currency=invoice.currency) for line in invoice.lines]


def _line(line: InvoiceLine, *, sign: Decimal, currency: str) -> dict[str, Any]:
    item: dict[str, Any] = _given("name", cut(line.description, TEXT_LENGTH))
    if line.tax_percent is not None:
        item["taxPercent"] = line.tax_percent
    if line.product:
        item["sellersItem"] = {"id": line.product}
    body: dict[str, Any] = {
        "id": line.number,
        "lineExtension": {"currencyId": currency, "amount": sign * line.net},
        "item": item,
    }
    if line.quantity is not None:
        # The quantity carries the sign, a price has none.
        body["quantity"] = {"amount": sign * line.quantity, **_given("unitCode", line.unit)}
    if line.unit_price is not None:
        body["price"] = {"amount": line.unit_price, "currencyId": currency}
    if line.order_number and line.order_line:
        body["orderLineReference"] = {"lineId": line.order_line, "orderReference": line.order_number}
    return body


def _sign(invoice: SupplierInvoice) -> Decimal:
    return CREDIT_SIGN if invoice.kind is DocumentKind.CREDIT_NOTE else Decimal(1)


def file_name(name: str) -> str:
    """A file's name as a header may carry it: US-ASCII (dossier 9.2), its kind kept."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, kind = _UNFIT_FOR_NAME.sub("_", plain).strip().rpartition(".")
    kept = f"{stem[:100]}{dot}{kind[:10]}" if stem else kind[:100]
    return kept or "file"
