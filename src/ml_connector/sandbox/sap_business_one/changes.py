"""What people do in B1's own screens: the control pages' changes of master data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.sap_business_one.bodies import read_body
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.chart import account_row, segmented_code
from ml_connector.sandbox.sap_business_one.schema import SETS, Row
from ml_connector.sandbox.sap_business_one.table import Key
from ml_connector.sandbox.sap_business_one.wire import Form, shown
from ml_connector.sandbox.trade import Account

_CONTROL = frozenset({"company", "number", "set", "key", "delete"})
_FORM = Form(3, 2024, zulu=False)
_NEW_SUPPLIER: Row = {
    "CardType": "cSupplier",
    "GroupCode": 101,
    "Currency": "##",
    "PayTermsGrpCode": 1,
    "Valid": "tYES",
    "VatLiable": "vLiable",
}


def change_vendor(books: Books, asked: dict[str, Any]) -> Any:
    """Creates, changes or deletes a supplier; the properties are those of BusinessPartners."""
    number = str(asked["number"])
    if asked.get("delete"):
        return _dropped(books, "BusinessPartners", number)
    name = asked.get("CardName", number)
    blank = {**_NEW_SUPPLIER, "CardCode": number, "CardName": name}
    return _changed(books, "BusinessPartners", number, asked, blank=blank)


def change_account(books: Books, asked: dict[str, Any]) -> Any:
    """Creates, changes or deletes an account by its visible number."""
    number = str(asked["number"])
    account = books.account_of(number)
    if asked.get("delete"):
        return _dropped(books, "ChartOfAccounts", number if account is None else account["Code"])
    blank = account_row(Account(number, str(asked.get("Name", number)), "Expense"), None)
    if books.switches.segments:
        place = len(books.table("ChartOfAccounts").rows)
        blank.update({"Code": segmented_code(place), "FormatCode": number})
    code = blank["Code"] if account is None else account["Code"]
    return _changed(books, "ChartOfAccounts", code, asked, blank=blank)


def change_value(books: Books, asked: dict[str, Any]) -> Any:
    """Creates, renames, closes or deletes a project, or a cost centre together with its distribution rule."""
    code, name = str(asked["code"]), asked.get("name")
    active = asked.get("active")
    if str(asked["dimension"]) == "Project":
        return _value(books, "Projects", code, asked, {"Name": name, "Active": _yes(active)}, {"Name": code})
    dimension = {"InWhichDimension": int(asked["dimension"])}
    centre = {"CenterName": name, "Active": _yes(active)}
    _value(books, "ProfitCenters", code, asked, centre, {**dimension, "CenterName": code})
    rule = {"FactorDescription": name, "Active": _yes(active)}
    lines = [{"CenterCode": code, "TotalInCenter": Decimal(100), "EffectiveFrom": "2020-01-01", "EffectiveTo": None}]
    blank = {**dimension, "FactorDescription": code, "TotalFactor": Decimal(100), "Direct": "Y"}
    return _value(books, "DistributionRules", code, asked, rule, {**blank, "DistributionRuleLines": lines})


def change_record(books: Books, asked: dict[str, Any]) -> Any:
    """Creates, changes or deletes a row of any set that holds master data."""
    name, key = str(asked["set"]), asked["key"]
    if name not in SETS or SETS[name].name in ("Document", "Payment", "JournalEntry"):
        message = f"{name} is no master data."
        raise ValueError(message)
    if asked.get("delete"):
        return _dropped(books, name, key)
    return _changed(books, name, key, asked, blank={SETS[name].key: key})


def change_rate(books: Books, asked: dict[str, Any]) -> Any:
    """Sets the rate of a currency from a day on, today when none is named, or forgets all its rates."""
    currency = str(asked["currency"])
    if asked.get("delete"):
        books.rates.pop(currency, None)
        return {"currency": currency, "rates": 0}
    start = date.fromisoformat(asked.get("from") or books.today()).isoformat()
    kept = [rate for rate in books.rates.get(currency, []) if rate[0] != start]
    books.rates[currency] = sorted([*kept, (start, Decimal(str(asked["rate"])))])
    if books.table("Currencies").get(currency) is None:
        books.table("Currencies").put({"Code": currency, "Name": currency, "DocumentsCode": currency})
    return {"currency": currency, "rates": len(books.rates[currency])}


def _changed(books: Books, entity_set: str, key: Key, asked: dict[str, Any], *, blank: Row) -> Any:
    table = books.table(entity_set)
    given = {name: value for name, value in asked.items() if name not in _CONTROL}
    row = {**(table.get(key) or blank), **read_body(table.entity, given, profile=2024)}
    return shown(table.entity, table.put(row), _FORM)


def _value(books: Books, entity_set: str, code: str, asked: dict[str, Any], named: Row, blank: Row) -> Any:
    if asked.get("delete"):
        return _dropped(books, entity_set, code)
    table = books.table(entity_set)
    before = table.get(code) or {**blank, table.key: code, "Active": "tYES"}
    row = {**before, **{name: value for name, value in named.items() if value is not None}}
    return shown(table.entity, table.put(row), _FORM)


def _yes(value: Any) -> str | None:
    if value is None:
        return None
    return "tYES" if value else "tNO"


def _dropped(books: Books, entity_set: str, key: Key) -> Any:
    table = books.table(entity_set)
    if table.get(key) is None:
        message = f"There is no {key} among {entity_set}."
        raise LookupError(message)
    table.drop(key)
    return {"deleted": key}
