"""One line of a document: what it must name, what it inherits and what it comes to (B1 dossier 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, rejected
from ml_connector.sandbox.sap_business_one.kinds import DocumentKind
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)
SERVICE = "dDocument_Service"
COSTING_CODES = ("CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5")
_OCR_COLUMNS = ("OcrCode", "OcrCode2", "OcrCode3", "OcrCode4", "OcrCode5")
_DEFAULT_RULES = (
    "LoadingFactorCode",
    "LoadingFactorCode2",
    "LoadingFactorCode3",
    "LoadingFactorCode4",
    "LoadingFactorCode5",
)
LINE_INPUTS = frozenset(
    {
        "LineNum",
        "ItemCode",
        "ItemDescription",
        "Quantity",
        "ShipDate",
        "UnitPrice",
        "Price",
        "LineTotal",
        "DiscountPercent",
        "AccountCode",
        *COSTING_CODES,
        "ProjectCode",
        "VatGroup",
        "TaxCode",
        "TaxLiable",
        "WTLiable",
        "WarehouseCode",
        "SupplierCatNum",
        "FreeText",
        "LocationCode",
        "BaseType",
        "BaseEntry",
        "BaseLine",
        "MeasureUnit",
        "UoMCode",
        "LineType",
        "UnitsOfMeasurment",
        "VendorNum",
        "Usage",
        "LineVendor",
    }
)
"""What a request can set on a line; everything else B1 works out, and ignores where it is sent."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the lines of one document have in common."""

    books: Books
    kind: DocumentKind
    table: str
    """Table of the lines, as refusals name it: that of drafts for a draft."""
    service: bool
    vendor: Row
    currency: str
    rate: Decimal
    """Local currency for one unit of the document's."""
    day: str
    tax_day: str

    @property
    def foreign(self) -> bool:
        """True when the document is not in the local currency."""
        return self.currency != self.books.currency


def refused(head: Head, text: str, column: str, at: int, value: object = None) -> B1Error:
    """The generic refusal with table, column and line, as B1 words it (B1 dossier 7.7)."""
    tail = "" if value is None else f" , '{value}'"
    return rejected(f"{text} [{head.table}.{column}][line: {at}]{tail}")


def draw_line(head: Head, given: Row, at: int, base: Row | None) -> Row:
    """The line as it will be stored; `at` counts from 1, `base` is the line it is copied from. Raises B1Error."""
    line = {name: value for name, value in given.items() if name in LINE_INPUTS}
    line = {**_inherited(head, base), **{name: value for name, value in line.items() if value is not None}}
    if head.service:
        line["ItemCode"] = None
    else:
        _take_item(head, line, at)
    account = _take_account(head, line, at)
    _take_costing(head, line, at, account or {})
    _take_project(head, line, at)
    percent = _take_tax(head, line, at, account)
    return {**line, **_sums(head, line, given, percent, at=at, base=base)}


def _inherited(head: Head, base: Row | None) -> Row:
    """What the base gives; distribution rules are not inherited (B1 dossier 7.2, FIELD)."""
    if base is None:
        return {"BaseType": -1, "BaseEntry": None, "BaseLine": None}
    names = ("ItemCode", "ItemDescription", "AccountCode", "VatGroup", "TaxCode", "ProjectCode", "WarehouseCode")
    taken = {name: base[name] for name in names if base.get(name) is not None}
    return taken if head.service else {**taken, "Quantity": base["RemainingOpenQuantity"]}


def _take_item(head: Head, line: Row, at: int) -> None:
    code = line.get("ItemCode")
    if not code:
        raise rejected(
            f"Item number is missing; specify an item number [DocumentLines.ItemCode][line: {at}]",
        )
    item = head.books.table("Items").get(code)
    if item is None:
        raise refused(head, "Invalid item number", "ItemCode", at, code)
    defaults = {
        "ItemDescription": item.get("ItemName"),
        "AccountCode": item.get("_account") or item.get("ExpanseAccount"),
        "VatGroup": item.get("PurchaseVATGroup"),
        "MeasureUnit": item.get("PurchaseUnit"),
        "UoMCode": "Manual",
        "WarehouseCode": item.get("DefaultWarehouse") or "01",
        "Quantity": Decimal(1),
    }
    if line.get("TaxCode"):
        del defaults["VatGroup"]
    for name, value in defaults.items():
        line.setdefault(name, value)
    if line["Quantity"] <= 0:
        raise refused(head, "Quantity must be greater than zero", "Quantity", at)


def _take_account(head: Head, line: Row, at: int) -> Row | None:
    """Only internal codes are accounts: in a segmented chart the visible number is none (B1 dossier 6.2)."""
    code = line.get("AccountCode")
    if not code:
        if head.service:
            raise refused(head, "G/L account is missing", "AcctCode", at)
        return None
    account = head.books.table("ChartOfAccounts").get(code)
    if account is None:
        raise refused(head, "Invalid G/L account", "AcctCode", at, code)
    if account.get("ActiveAccount") == "tNO":
        raise refused(head, "Title accounts cannot be posted to; select an active account", "AcctCode", at, code)
    if is_frozen(account, head.day, valid="ValidFor", frozen="FrozenFor"):
        raise refused(head, "G/L account is inactive", "AcctCode", at, code)
    if head.service and "tYES" in (account.get("LockManualTransaction"), account.get("BlockManualPosting")):
        raise refused(head, "Account is locked for manual transactions", "AcctCode", at, code)
    return account


def is_frozen(row: Row, day: str, *, valid: str = "Valid", frozen: str = "Frozen") -> bool:
    """True when a partner or account may not be used on that day (B1 dossier 6.1)."""
    if row.get(frozen) == "tYES" and _within(row, "Frozen", day):
        return True
    return row.get(valid) == "tYES" and not _within(row, "Valid", day)


def _within(row: Row, window: str, day: str) -> bool:
    return (row.get(f"{window}From") or day) <= day <= (row.get(f"{window}To") or day)


def _take_costing(head: Head, line: Row, at: int, account: Row) -> None:
    """Distribution rules, not cost centres: a centre without a rule is -2028 like a code nobody bears (6.4).

    Where the line names none, the account's default rule is taken (B1 dossier 6.2).
    """
    rules = head.books.table("DistributionRules")
    for number, name in enumerate(COSTING_CODES, 1):
        code = line.get(name) or account.get(_DEFAULT_RULES[number - 1])
        if not code:
            continue
        line[name] = code
        rule = rules.get(code)
        if rule is None or rule["InWhichDimension"] != number:
            raise no_records()
        if rule.get("Active") == "tNO" or not _is_effective(rule, head.day):
            raise refused(head, "Distribution rule is inactive", _OCR_COLUMNS[number - 1], at, code)


def _is_effective(rule: Row, day: str) -> bool:
    lines = rule.get("DistributionRuleLines") or ()
    return all((line["EffectiveFrom"] or day) <= day <= (line["EffectiveTo"] or day) for line in lines)


def _take_project(head: Head, line: Row, at: int) -> None:
    code = line.get("ProjectCode")
    if not code:
        return
    project = head.books.table("Projects").get(code)
    if project is None:
        raise refused(head, "Invalid project code", "Project", at, code)
    if project.get("Active") == "tNO" or not _within(project, "Valid", head.day):
        raise refused(head, "Project is inactive", "Project", at, code)


def _take_tax(head: Head, line: Row, at: int, account: Row | None) -> Decimal:
    """The percentage of the line's VAT group or sales tax code, whichever it names (B1 dossier 6.6)."""
    if line.get("TaxCode"):
        line.pop("VatGroup", None)
        return _sales_tax(head, line["TaxCode"], at)
    code = line.get("VatGroup") or head.vendor.get("VatGroup") or (account or {}).get("DefaultVatGroup")
    if not code:
        column = "TaxCode" if head.books.table("SalesTaxCodes").order else "VatGroup"
        raise refused(head, "Specify a tax code", column, at)
    line["VatGroup"] = code
    group = head.books.table("VatGroups").get(code)
    if group is None or group.get("Category") != "bovcInputTax":
        raise refused(head, "Invalid tax code", "VatGroup", at, code)
    if group.get("Inactive") == "tYES":
        raise refused(head, "Tax code is inactive", "VatGroup", at, code)
    reverse = group.get("AcquisitionReverse") == "tYES"
    return ZERO if reverse else head.books.tax_rate(group, head.tax_day)


def _sales_tax(head: Head, code: str, at: int) -> Decimal:
    tax = head.books.table("SalesTaxCodes").get(code)
    if tax is None or tax.get("ValidForAP") == "tNO":
        raise refused(head, "Invalid tax code", "TaxCode", at, code)
    if tax.get("Inactive") == "tYES":
        raise refused(head, "Tax code is inactive", "TaxCode", at, code)
    return tax["Rate"]


def _sums(head: Head, line: Row, given: Row, percent: Decimal, *, at: int, base: Row | None) -> Row:
    """Net and tax of the line in both currencies; tax is rounded line by line."""
    net, foreign_net = _nets(head, line, given, base)
    shown = foreign_net if head.foreign else net
    quantity: Decimal = ZERO if head.service else line["Quantity"]
    price = shown if head.service else price_of(shown, quantity)
    return {
        "LineNum": at - 1,
        "VisualOrder": at - 1,
        "Quantity": quantity,
        "UnitPrice": line.get("UnitPrice") or price,
        "Price": price,
        "PriceAfterVAT": rounded(price * (100 + percent) / 100),
        "Currency": head.currency,
        "Rate": head.rate if head.foreign else ZERO,
        "LineTotal": net,
        "RowTotalFC": foreign_net,
        "RowTotalSC": net,
        "TaxPercentagePerRow": percent,
        **_taxed(head, {"LineTotal": net, "RowTotalFC": foreign_net}, rounded(shown * percent / 100)),
        "RemainingOpenQuantity": quantity,
        "RemainingOpenInventoryQuantity": quantity,
        "OpenAmount": net,
        "OpenAmountFC": foreign_net,
        "LineStatus": "bost_Open",
        "LineType": line.get("LineType", "dlt_Regular"),
    }


def group_tax(head: Head, lines: list[Row]) -> list[Row]:
    """The lines with their tax rounded once for each code: each gets what its code's sum gains by it."""
    nets: dict[str, Decimal] = {}
    taxes: dict[str, Decimal] = {}
    grouped: list[Row] = []
    for line in lines:
        code = line.get("VatGroup") or line["TaxCode"]
        nets[code] = nets.get(code, ZERO) + (line["RowTotalFC"] if head.foreign else line["LineTotal"])
        whole = rounded(nets[code] * line["TaxPercentagePerRow"] / 100)
        tax = whole - taxes.get(code, ZERO)
        taxes[code] = whole
        grouped.append({**line, **_taxed(head, line, tax)})
    return grouped


def _taxed(head: Head, line: Row, tax: Decimal) -> Row:
    """What follows from a line's tax, given in the document's currency."""
    local = rounded(tax * head.rate) if head.foreign else tax
    foreign = tax if head.foreign else ZERO
    return {
        "TaxTotal": local,
        "NetTaxAmount": local,
        "NetTaxAmountFC": foreign,
        "GrossTotal": line["LineTotal"] + local,
        "GrossTotalFC": line["RowTotalFC"] + foreign,
    }


def _nets(head: Head, line: Row, given: Row, base: Row | None) -> tuple[Decimal, Decimal]:
    """Net in local currency and in the document's, the latter 0 for local documents.

    Assumption of both sides: UnitPrice is in the document's currency, LineTotal in the local one. Where both are
    sent, UnitPrice decides in a foreign document and LineTotal in a local one.
    """
    price: Decimal | None = line.get("UnitPrice")
    if price is None:
        price = line.get("Price")
    total: Decimal | None = given.get("LineTotal")
    if price is None and total is None:
        price = _open_price(head, base)
    if total is not None and (price is None or not head.foreign):
        return rounded(total), rounded(total / head.rate) if head.foreign else ZERO
    assert price is not None
    quantity: Decimal = Decimal(1) if head.service else line["Quantity"]
    discount: Decimal = line.get("DiscountPercent") or ZERO
    net = rounded(price * quantity * (100 - discount) / 100)
    return (rounded(net * head.rate), net) if head.foreign else (net, ZERO)


def _open_price(head: Head, base: Row | None) -> Decimal:
    """What a copied line costs when the request does not say."""
    if base is None:
        return ZERO
    amount = base["OpenAmountFC"] if head.foreign else base["OpenAmount"]
    return amount if head.service else base["Price"]


def price_of(net: Decimal, quantity: Decimal) -> Decimal:
    """Price of one, to six digits as B1 keeps prices at the most."""
    return (net / quantity).quantize(Decimal("0.000001")).normalize() + 0 if quantity else net


def summed(lines: list[Row], name: str) -> Decimal:
    """The sum of an amount over the lines."""
    return sum((line[name] for line in lines), ZERO)


def shown_line(books: Books, line: Row) -> dict[str, Any]:
    """A line as the control pages show it: account by its visible number, dimensions by number."""
    dimensions = {str(number): line[name] for number, name in enumerate(COSTING_CODES, 1) if line.get(name)}
    if line.get("ProjectCode"):
        dimensions["Project"] = line["ProjectCode"]
    based = line.get("BaseType", -1) != -1
    return {
        "account": books.account_number(line.get("AccountCode")),
        "item": line.get("ItemCode"),
        "description": line.get("ItemDescription"),
        "quantity": line["Quantity"],
        "net": line["RowTotalFC"] if line["Rate"] else line["LineTotal"],
        "tax": line["NetTaxAmountFC"] if line["Rate"] else line["TaxTotal"],
        "taxCode": line.get("VatGroup") or line.get("TaxCode"),
        "dimensions": dimensions,
        "base": f"{line['BaseType']}:{line['BaseEntry']}/{line['BaseLine']}" if based else None,
    }
