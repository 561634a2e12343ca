"""Writing master data: the verbs that the real sets have, by type and key."""

from __future__ import annotations

from typing import Any

from ml_connector.sandbox.sap_business_one.bodies import read_body
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, not_supported, rejected
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.sap_business_one.seed import rule_row
from ml_connector.sandbox.sap_business_one.table import Key
from ml_connector.sandbox.trade import DimensionValue

WRITABLE = frozenset(
    {
        "BusinessPartners",
        "BusinessPlaces",
        "ChartOfAccounts",
        "Currencies",
        "DistributionRules",
        "Items",
        "PaymentTermsTypes",
        "ProfitCenters",
        "Projects",
        "SalesTaxCodes",
        "VatGroups",
    }
)
_CHANGEABLE = WRITABLE | {"Dimensions"}
_READ_ONLY = frozenset({"UpdateDate", "UpdateTime", "CreateDate", "CreateTime", "DataVersion", "Balance"})
_LINE_KEYS = {
    "BPAddresses": "RowNum",
    "BPBankAccounts": "InternalKey",
    "BPBranchAssignment": "BPLID",
    "DistributionRuleLines": "CenterCode",
    "VatGroups_Lines": "Effectivefrom",
}
_DIMENSION_NAMES = {1: "DEPARTMENT", 2: "AREA", 3: "CAMPAIGN"}


def create_master(books: Books, entity_set: str, body: Any) -> Row:
    """Stores a new record; raises B1Error for one that exists or lacks its key."""
    if entity_set not in WRITABLE:
        raise not_supported()
    table = books.table(entity_set)
    row = _writable(read_body(table.entity, body, profile=books.switches.profile))
    if row.get(table.key) is None and table.entity.properties[table.key] == "Edm.Int32":
        row[table.key] = max((int(key) for key in table.order), default=0) + 1
    key = row.get(table.key)
    if key is None:
        raise rejected(f"Enter a value in property '{table.key}' of '{table.entity.name}'")
    if table.get(key) is not None:
        raise _taken(entity_set, key)
    stored = table.put(row)
    if entity_set == "ProfitCenters":
        _add_rule(books, stored)
    return stored


def patch_master(books: Books, entity_set: str, key: Key, body: Any, *, replace: bool = False) -> None:
    """Changes what is named; lines merge by their key unless `replace`. Read-only properties are ignored."""
    if entity_set not in _CHANGEABLE:
        raise not_supported()
    table = books.table(entity_set)
    stored = table.get(key)
    if stored is None:
        raise no_records()
    given = _writable(read_body(table.entity, body, profile=books.switches.profile))
    given.pop(table.key, None)
    for name, lines in given.items():
        if name in table.entity.nested and not replace:
            given[name] = merged_lines(stored.get(name, ()), lines, _LINE_KEYS.get(name, ""))
    table.put({**stored, **given})


def replace_master(books: Books, entity_set: str, key: Key, body: Any) -> None:
    """PUT: what is not sent is reset."""
    if entity_set not in _CHANGEABLE:
        raise not_supported()
    table = books.table(entity_set)
    stored = table.get(key)
    if stored is None:
        raise no_records()
    given = _writable(read_body(table.entity, body, profile=books.switches.profile))
    kept = {name: value for name, value in stored.items() if name in _READ_ONLY or name.startswith("_")}
    table.put({**kept, **given, table.key: key})


def delete_master(books: Books, entity_set: str, key: Key) -> None:
    """Removes a record that nothing depends on."""
    if entity_set not in WRITABLE:
        raise not_supported()
    table = books.table(entity_set)
    if table.get(key) is None:
        raise no_records()
    if entity_set == "BusinessPartners" and books.table("PurchaseInvoices").find("CardCode", key):
        raise rejected(f"Cannot remove business partner '{key}'; linked transactions exist")
    table.drop(key)


def merged_lines(stored: Any, given: list[Row], key: str) -> list[Row]:
    """The stored lines with those of the same key changed and the others appended (B1 dossier 5.2)."""
    lines: dict[object, Row] = {line.get(key): line for line in stored}
    for line in given:
        name = line.get(key)
        if name is None and key in ("RowNum", "InternalKey", "LineNum"):
            name = max((int(each) for each in lines if isinstance(each, int)), default=-1) + 1
        lines[name] = {**lines.get(name, {}), **line, key: name}
    return list(lines.values())


def _writable(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _READ_ONLY}


def _taken(entity_set: str, key: Key) -> B1Error:
    if entity_set == "BusinessPartners":
        text = (
            f"1320000140 - Business partner code '{key}' already assigned to a business partner; "
            "enter a unique business partner code"
        )
        return B1Error(-10, text)
    return B1Error(-2035, "This entry already exists in the following tables (ODBC -2035)")


def _add_rule(books: Books, centre: Row) -> None:
    """A new cost centre brings its own rule."""
    if books.table("DistributionRules").get(centre["CenterCode"]) is None:
        dimension = _DIMENSION_NAMES.get(int(centre.get("InWhichDimension") or 1), "DEPARTMENT")
        value = DimensionValue(dimension, centre["CenterCode"], centre.get("CenterName") or centre["CenterCode"])
        books.table("DistributionRules").put({**rule_row(value), "InWhichDimension": centre.get("InWhichDimension", 1)})
