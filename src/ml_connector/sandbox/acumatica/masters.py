"""Master data: what an upsert of it does, and what people do to it on the forms (control pages)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica.bodies import as_kind
from ml_connector.sandbox.acumatica.books import EMPTY_SUBACCOUNT, PAYABLES_ACCOUNT, TAX_ZONE, Books
from ml_connector.sandbox.acumatica.errors import Invalid
from ml_connector.sandbox.acumatica.plugs import MISSING, Body, Visit
from ml_connector.sandbox.acumatica.schema import DOCUMENTS, ENTITIES, VERSIONS, Contract, Entity, Row

Asked = dict[str, Any]

_READ_ONLY = frozenset({"LastModifiedDateTime", "CreatedDateTime", "AccountID", "SubaccountID", "CashAccount"})
_CONTROL = frozenset({"company", "number", "code", "dimension", "entity", "key", "delete", "name", "active"})
_NEW_VENDOR: Row = {
    "Status": "Active",
    "VendorClass": TAX_ZONE,
    "TaxZone": TAX_ZONE,
    "Terms": "30D",
    "PaymentMethod": "WIRE",
    "APAccount": PAYABLES_ACCOUNT,
    "APSubaccount": EMPTY_SUBACCOUNT,
    "EnableCurrencyOverride": True,
    "PaymentInstructions": [],
}


def put_master(visit: Visit, entity: Entity, found: Row | None, body: Body) -> Row:
    """Inserts or changes a record; a new one needs its keys."""
    faults = dict(body.faults)
    for name in entity.keys:
        if found is None and not body.get(name):
            faults[name] = f"'{name}' cannot be empty."
    row = {**(found or _blank(visit.books, entity.name)), **_values(body)}
    if faults:
        raise Invalid(row, faults)
    return visit.books.table(entity.name).put(row)


def _values(body: Body) -> Row:
    values = {name: value for name, value in body.values.items() if name not in _READ_ONLY}
    for name, inner in body.linked.items():
        values[name] = _values(inner)
    for name, lines in body.lists.items():
        values[name] = [_values(line) for line in lines if not line.delete]
    if body.note is not MISSING:
        values["note"] = body.note
    return values


def _blank(books: Books, entity: str) -> Row:
    """What a new record has before anybody fills it in; every list is there."""
    contract = ENTITIES[entity].contract(VERSIONS[-1])
    blank: Row = {name: [] for name in contract.lists}
    if entity == "Vendor":
        blank |= {**_NEW_VENDOR, "CurrencyID": books.currency, "_ExpenseSubaccount": EMPTY_SUBACCOUNT}
    if entity == "Account":
        numbers = [row["AccountID"] for row in books.table("Account").rows.values()]
        blank |= {"AccountID": max(numbers, default=0) + 1, "Type": "Expense", "Active": True, "CashAccount": False}
    if entity == "Subaccount":
        numbers = [row["SubaccountID"] for row in books.table("Subaccount").rows.values()]
        blank |= {"SubaccountID": max(numbers, default=0) + 1, "Active": True, "Secured": False}
    if entity in ("Project", "ProjectTask"):
        blank |= {"Status": "Active", "Default": False} if entity == "ProjectTask" else {"Status": "Active"}
    return blank


def change_vendor(books: Books, asked: Asked) -> Any:
    """Creates, changes or deletes a vendor; the fields are those of Vendor, flat or wrapped."""
    return _change(books, "Vendor", (str(asked["number"]),), asked, name="VendorName")


def change_account(books: Books, asked: Asked) -> Any:
    """Creates, changes or deletes an account."""
    return _change(books, "Account", (str(asked["number"]),), asked, name="Description")


def change_value(books: Books, asked: Asked) -> Any:
    """Creates, renames, closes or deletes a whole subaccount, a project, or a task (`P-001/01`)."""
    entity = str(asked["dimension"])
    if entity not in ("Subaccount", "Project", "ProjectTask"):
        message = f"{entity} is no dimension: Subaccount, Project or ProjectTask is."
        raise ValueError(message)
    keys = tuple(str(asked["code"]).split("/")) if entity == "ProjectTask" else (str(asked["code"]),)
    active = asked.get("active")
    if active is not None:
        closed = "Suspended" if entity == "Project" else "Canceled"
        state = {"Active": bool(active)} if entity == "Subaccount" else {"Status": "Active" if active else closed}
        asked = {**asked, **state}
    return _change(books, entity, keys, asked, name="Description")


def change_record(books: Books, asked: Asked) -> Any:
    """Any other master data: `entity` and `key`, the keys' values parted by `/`."""
    entity = str(asked["entity"])
    if entity not in ENTITIES or entity in DOCUMENTS:
        message = f"{entity} is no master data here."
        raise LookupError(message)
    return _change(books, entity, tuple(str(asked["key"]).split("/")), asked, name="Description")


def change_rate(books: Books, asked: Asked) -> Any:
    """Sets the rate of a currency from a day on, or takes all of its rates away."""
    currency = str(asked["currency"])
    if asked.get("delete"):
        books.rates.pop(currency, None)
        return {"currency": currency, "rates": 0}
    start = date.fromisoformat(asked["from"]) if "from" in asked else books.today()
    kept = [each for each in books.rates.get(currency, []) if each[0] != start]
    books.rates[currency] = sorted([*kept, (start, Decimal(str(asked["rate"])))])
    return {"currency": currency, "rates": len(books.rates[currency])}


def _change(books: Books, entity: str, keys: tuple[str, ...], asked: Asked, *, name: str) -> Any:
    table = books.table(entity)
    found = table.get(*keys)
    if asked.get("delete"):
        if found is None:
            message = f"There is no {entity} {'/'.join(keys)}."
            raise LookupError(message)
        table.drop(found)
        return {"deleted": "/".join(keys)}
    contract = ENTITIES[entity].contract(VERSIONS[-1])
    changes = _read(books, contract, {each: value for each, value in asked.items() if each not in _CONTROL})
    changes |= {each: value for each, value in asked.items() if each.startswith("_")}
    if "name" in asked:
        changes[name] = asked["name"]
    blank = dict(zip(ENTITIES[entity].keys, keys, strict=True)) | {name: keys[-1]}
    row = table.put({**(found or {**_blank(books, entity), **blank}), **changes})
    return {each: value for each, value in row.items() if not each.startswith("_")}


def _read(books: Books, contract: Contract, given: Asked) -> Row:
    """Fields by their types; raises ValueError for names the contract does not have."""
    row: Row = {}
    for name, value in given.items():
        if name.startswith("_"):
            continue
        if name in contract.lists:
            row[name] = [_read(books, contract.nested[name], each) for each in value]
        elif name in contract.nested:
            row[name] = _read(books, contract.nested[name], value)
        elif name in contract.fields:
            row[name] = as_kind(contract.fields[name].kind, value, books.zone)
        else:
            message = f"{contract.name} has no field {name}."
            raise ValueError(message)
    return row
