"""What an invoice sent to the simulated Basware Network has to look like: v1 as published (dossier 9.2).

A `!` before a name says that it is required; unknown names are refused everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_DATE = re.compile(r"[0-9]{4}-(1[0-2]|0[1-9])-(3[0-1]|0[1-9]|[1-2][0-9])(Z|[+-](2[0-3]|[0-1][0-9]):[0-5][0-9])?")
_CHANNELS = ("printing-always", "only-eInvoicing", "printing-allowed", "")

_ID = {"!id": "text", "schemeId": "text"}
_SUM = {"!currencyId": "text", "!amount": "number"}
_SUBTOTAL = {**_SUM, "percent": "number", "taxableAmount": "number"}
_PARTY = {
    "!partyName": "text",
    "endpoint": _ID,
    "partyIdentification": [_ID],
    "postalAddress": dict.fromkeys(
        ("cityName", "postalZone", "addressLine", "addressLine2", "locality", "countrySubentity", "countryId"), "text"
    ),
    "partyTaxScheme": {"company": {"id": "text", "schemeId": "text"}},
    "contact": dict.fromkeys(("name", "telephone", "telefax", "electronicMail"), "text"),
}
_ACCOUNT = {
    **dict.fromkeys(
        (
            "financialInstitutionName",
            "financialInstitutionId",
            "financialInstitutionIdSchemeId",
            "financialInstitutionBranchId",
            "financialInstitutionBranchSchemeId",
        ),
        "text",
    ),
    "ids": [_ID],
    "accounting": {"virtualBankBarcode": {"id": "text", "schemeId": "text"}},
}
_LINE = {
    "!id": "text",
    "internalId": "text",
    "quantity": {"amount": "number", "amountUninvoiced": "number", "unitCode": "text"},
    "serviceIndicator": "flag",
    "!lineExtension": _SUM,
    "!item": {"name": "text", "description": ["text"], "taxPercent": "number", "sellersItem": _ID},
    "taxTotal": [{**_SUM, "transactionCurrencyTax": {"!amount": "number"}, "taxSubTotal": [_SUBTOTAL]}],
    "price": _SUM,
    "delivery": {"actualDeliveryDate": "date"},
    "orderLineReference": {"!lineId": "text", "orderReference": "text"},
    "allowanceCharge": {"!chargeIndicator": "flag", "!amount": "number", "multiplierFactorNumeric": "number"},
}
_DATA = {
    "!id": "text",
    "idSchemeId": "text",
    "!issueDate": "date",
    "documentCurrencyCode": "text",
    "note": "text",
    "allowanceCharge": {"freight": "number", "handling": "number"},
    "orderReference": {**_ID, "customerReference": "text", "salesOrderId": "text"},
    "billingReference": _ID,
    "contractDocumentReference": _ID,
    "additionalDocumentReference": {**_ID, "issueDate": "date", "typeCode": "text"},
    "!accountingSupplierParty": _PARTY,
    "!accountingCustomerParty": _PARTY,
    "deliveryParty": _PARTY,
    "delivery": {"actualDeliveryDate": "date"},
    "paymentMeans": {
        "!paymentMeansCode": "text",
        "paymentDueDate": "date",
        "paymentIdentifier": _ID,
        "financialAccount": [_ACCOUNT],
    },
    "paymentTerms": {
        "note": "text",
        "penaltySurchargePercent": "number",
        "settlementPeriod": {"startDate": "date", "endDate": "date"},
    },
    "taxTotal": {**_SUM, "taxSubTotal": [_SUBTOTAL]},
    "!legalMonetaryTotal": {"!payableAmount": _SUM, "lineExtensionAmount": _SUM},
    "buyerReference": {"!id": "text"},
    "!invoiceLine": [_LINE],
}
_INVOICE = {
    "!clientToken": "text",
    "fileRefs": [{"!refId": "text"}],
    "deliveryChannelPreference": "channel",
    "serviceProviderId": "text",
    "!data": _DATA,
}

Problem = tuple[str, str]
"""The field and what is wrong with it."""


def invoice_problems(body: object) -> list[Problem]:
    """Everything that is wrong with a body as an invoice."""
    return list(_problems(body, _INVOICE, ""))


def _problems(value: Any, rule: Any, path: str) -> Iterator[Problem]:
    if isinstance(rule, dict):
        yield from _object_problems(value, rule, path)
    elif isinstance(rule, list):
        yield from _list_problems(value, rule[0], path)
    elif not _fits(value, rule):
        yield path, f"instance is no valid {rule}"


def _object_problems(value: Any, rule: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield path, "instance must be an object"
        return
    known = {name.removeprefix("!"): (name.startswith("!"), inner) for name, inner in rule.items()}
    for name in value:
        if name not in known:
            yield _joined(path, name), "object instance has properties which are not allowed by the schema"
    for name, (required, inner) in known.items():
        if name in value:
            yield from _problems(value[name], inner, _joined(path, name))
        elif required:
            yield _joined(path, name), "object has missing required properties"


def _list_problems(value: Any, rule: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield path, "instance must be an array"
        return
    for place, each in enumerate(value):
        yield from _problems(each, rule, f"{path}[{place}]")


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "number":
            return isinstance(value, int | Decimal) and not isinstance(value, bool)
        case "flag":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, str) and _DATE.fullmatch(value) is not None
        case "channel":
            return value in _CHANNELS
        case _:
            return isinstance(value, str)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
