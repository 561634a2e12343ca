"""Changes by PUT: wrapped scalars, bare arrays, only what is named (Visma dossier 4.1, 17.25-17.29)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.visma_net import invoices
from ml_connector.sandbox.visma_net.books import Books
from ml_connector.sandbox.visma_net.errors import bad_request, changed_meanwhile, not_found_in_system, refused
from ml_connector.sandbox.visma_net.seed import bank_detail, country
from ml_connector.sandbox.visma_net.table import time_stamp
from ml_connector.sandbox.visma_net.wire import Row

_TEXTS = frozenset({"description", "note", "supplierReference", "paymentRefNo", "paymentMessage", "cashAccount"})
_DATES = frozenset({"date", "origInvoiceDate", "dueDate", "cashDiscountDate", "payDate"})
_SCALARS = (
    _TEXTS
    | _DATES
    | {
        "documentType",
        "referenceNumber",
        "hold",
        "postPeriod",
        "financialPeriod",
        "supplierNumber",
        "locationId",
        "currencyId",
        "creditTermsId",
        "exchangeRate",
        "branchNumber",
        "roundingDiffInCurrency",
        "taxCalculationMode",
        "supplierTaxZone",
        "paymentMethod",
        "amount",
        "vatAmount",
        "applyRetainage",
        "paySelected",
        "overrideNumberSeries",
        "validateLineDetails",
    }
)
_LINE_SCALARS = frozenset(
    {
        "lineNumber",
        "transactionDescription",
        "quantity",
        "uom",
        "unitCostInCurrency",
        "costInCurrency",
        "accountNumber",
        "vatCodeId",
        "projectId",
        "note",
        "branchNumber",
    }
)
_SUPPLIER_TEXTS = frozenset(
    {
        "name",
        "status",
        "accountReference",
        "documentLanguage",
        "currencyId",
        "cashAccount",
        "vatRegistrationId",
        "corporateId",
        "chargeBearer",
        "accountUsedForPayment",
        "paymentBy",
        "note",
        "naceCode",
    }
)
_ADDRESS = frozenset({"addressLine1", "addressLine2", "addressLine3", "postalCode", "city", "countryId"})
_CONTACT = frozenset({"name", "attention", "email", "web", "phone1", "phone2", "fax"})


def match(row: Row, tag: str | None) -> None:
    """Raises Refusal (412) where If-Match names another version; without one the last writer wins (dossier 5)."""
    if tag is not None and tag.strip().removeprefix("W/").strip('"') != time_stamp(row):
        raise changed_meanwhile()


def change_invoice(books: Books, row: Row, body: Any, tag: str | None) -> Row:
    """PUT of a supplier invoice; raises Refusal."""
    match(row, tag)
    asked = _object(body)
    values = {name: _scalar(name, asked[name]) for name in _SCALARS & asked.keys()}
    lines = asked.get("invoiceLines")
    if lines is not None and not isinstance(lines, list):
        raise bad_request("invoiceLines is an array.")
    invoices.require_unreleased(books, row, asked)
    changed = _with_lookups(books, {**row, **_plain_members(values)}, values)
    if lines:
        changed = invoices.with_sums(books, {**changed, "invoiceLines": _with_lines(books, row, lines)})
    if "amount" in values:
        changed["_control"] = Decimal(values["amount"])
    if "hold" in values and bool(values["hold"]) is not row["hold"]:
        return invoices.hold(books, changed, on=bool(values["hold"]))
    return invoices.store_invoice(books, changed)


def _plain_members(values: Row) -> Row:
    return {name: value for name, value in values.items() if name in _TEXTS | _DATES | {"paySelected"}}


def _with_lookups(books: Books, row: Row, values: Row) -> Row:
    """Members that are written by a key and read as an object."""
    changed = dict(row)
    if "creditTermsId" in values:
        term = books.row("creditTerm", str(values["creditTermsId"]), "TermsID")
        changed["creditTerms"] = {"id": term["termsId"], "description": term["description"]}
    if "supplierNumber" in values:
        supplier = books.row("supplier", str(values["supplierNumber"]), "VendorID")
        changed["supplier"] = {name: supplier[name] for name in ("internalId", "number", "name")}
    if "currencyId" in values:
        changed["currencyId"] = books.row("currency", str(values["currencyId"]), "CuryID")["id"]
    if "branchNumber" in values:
        branch = books.row("branch", str(values["branchNumber"]), "BranchID")
        changed["branchNumber"] = {"number": branch["number"], "name": branch["name"]}
    if "postPeriod" in values or "financialPeriod" in values:
        changed |= _period(books, values)
    return changed


def _period(books: Books, values: Row) -> Row:
    """MMYYYY or YYYYMM; raises Refusal (400) for another form or a closed period (Visma dossier 17.34)."""
    month_first = values.get("postPeriod")
    text = str(month_first or values["financialPeriod"])
    year_first = text[2:] + text[:2] if month_first else text
    known = books.table("financialPeriod").get(year_first)
    if known is None:
        raise not_found_in_system("FinPeriodID", text)
    if known["closedInSupplierLedger"] or not known["active"]:
        raise refused(f"The financial period {text} is closed.")
    return {"financialPeriod": year_first, "postPeriod": year_first[4:] + year_first[:4]}


def _with_lines(books: Books, row: Row, asked: list[Any]) -> list[Row]:
    lines = {line["lineNumber"]: line for line in row["invoiceLines"]}
    for each in asked:
        given = _object(each)
        values = {name: _scalar(name, given[name]) for name in _LINE_SCALARS & given.keys()}
        number = int(values.get("lineNumber") or 0)
        operation = given.get("operation")
        if operation == "Insert":
            number = max(lines, default=0) + 1
            lines[number] = invoices.compose_line(books, number, _compose(values))
        elif operation not in ("Update", "Delete"):
            raise bad_request("The operation of a line must be Insert, Update or Delete.")
        elif number not in lines:
            raise not_found_in_system("LineNbr", number)
        elif operation == "Delete":
            del lines[number]
        else:
            lines[number] = _updated(books, lines[number], values)
    return [lines[number] for number in sorted(lines)]


def _updated(books: Books, line: Row, values: Row) -> Row:
    """The line computed anew from what it was and what is named; a cost alone is taken as it is."""
    before = {
        "transactionDescription": line["transactionDescription"],
        "quantity": line["quantity"],
        "uom": line["uom"],
        "unitCostInCurrency": line["unitCost"],
        "accountNumber": line["account"]["number"],
        "vatCodeId": line["vatCode"]["id"],
        "projectId": line["project"]["id"],
        "note": line.get("note"),
    }
    if not {"quantity", "unitCostInCurrency"} & values.keys():
        before["costInCurrency"] = line["cost"]
    fresh = invoices.compose_line(books, line["lineNumber"], _compose({**before, **values}))
    kept = ("inventoryNumber", "subaccount", "poNumber", "poLineNr", "poReceiptNbr", "poReceiptLineNbr")
    return {**fresh, **{name: line.get(name) for name in kept}}


_COMPOSED = {
    "transactionDescription": "text",
    "quantity": "quantity",
    "uom": "unit",
    "unitCostInCurrency": "unit_cost",
    "costInCurrency": "net",
    "accountNumber": "account",
    "vatCodeId": "vat",
    "projectId": "project",
    "note": "note",
}


def _compose(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_COMPOSED[name]: value for name, value in values.items() if name in _COMPOSED and value is not None}


def change_supplier(books: Books, row: Row, body: Any, tag: str | None) -> Row:
    """PUT of a supplier; raises Refusal."""
    match(row, tag)
    asked = _object(body)
    changed = {**row, **{name: _scalar(name, asked[name]) for name in _SUPPLIER_TEXTS & asked.keys()}}
    if "creditTermsId" in asked:
        term = books.row("creditTerm", str(_scalar("creditTermsId", asked["creditTermsId"])), "TermsID")
        changed["creditTerms"] = {"id": term["termsId"], "description": term["description"]}
    for name, members, finish in _NESTED:
        if name in asked:
            inner = _object(_scalar(name, asked[name], nested=True))
            values = {each: _scalar(each, inner[each]) for each in members & inner.keys()}
            changed[name] = {**row.get(name, {}), **finish(values)}
    if "supplierPaymentMethodDetails" in asked:
        changed["supplierPaymentMethodDetails"] = [_bank(each) for each in asked["supplierPaymentMethodDetails"]]
    return books.table("supplier").put(row["number"], changed)


def _located(values: Row) -> Row:
    """The country is written by its code and read as an object."""
    code = values.pop("countryId", None)
    return values if code is None else {**values, "country": country(str(code))}


_Finish = Callable[[Row], Row]
_NESTED: tuple[tuple[str, frozenset[str], _Finish], ...] = (
    ("mainAddress", _ADDRESS, _located),
    ("mainContact", _CONTACT, dict),
)


def _bank(asked: Any) -> Row:
    """The description is bare, the value wrapped, and matching is by the description's text (Visma dossier 10)."""
    given = _object(asked)
    known = bank_detail("")
    if given.get("paymentMethodDetailDescription") != known["paymentMethodDetailDescription"]:
        raise not_found_in_system("PaymentMethodDetail", given.get("paymentMethodDetailDescription"))
    return bank_detail(str(_scalar("paymentMethodDetailValue", given.get("paymentMethodDetailValue"))))


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise bad_request("The body is no object.")
    return body


def _scalar(name: str, given: Any, *, nested: bool = False) -> Any:
    """What is wrapped; a bare scalar is refused (UNCONFIRMED, Visma dossier 17.25)."""
    if not isinstance(given, dict) or "value" not in given or (isinstance(given["value"], dict) and not nested):
        raise bad_request(f"The member '{name}' must be an object with a value.")
    return given["value"]
