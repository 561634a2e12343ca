"""The control pages for master data: what people do to suppliers, accounts and values in the screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.sandbox.trade import PaymentTerm, Vendor
from ml_connector.sandbox.visma_net.books import Books
from ml_connector.sandbox.visma_net.seed import (
    SEGMENTS,
    account_row,
    project_row,
    segment_value,
    supplier_row,
    term_row,
)
from ml_connector.sandbox.visma_net.wire import Row, moment, read_moment

PAGES = {
    "POST /_sandbox/vendors": "{company, number, name?, status?, country?, currency?, bank_account?, ...members, "
    "delete?}; `suppliers` is the same",
    "POST /_sandbox/accounts": "{company, number, name?, ...members of an account, delete?}",
    "POST /_sandbox/dimension-values": "{company, dimension: 1-3 | Project, code, name?, active?, delete?}",
    "POST /_sandbox/terms": "{company, code, name?, days?, ...members, delete?}",
    "POST /_sandbox/records": "{company, table, key, ...members, delete?}: any other master data",
    "POST /_sandbox/touch": "{company, table, key? | keys? (all where none is named), change?: {members}, at?: stamp}: "
    "new stamps and versions, one for all of them, with or without a change",
}
_CONTROL = frozenset({"company", "delete", "number", "code", "table", "key", "country", "bank_account", "currency"})


def change_supplier(books: Books, asked: dict[str, Any]) -> Any:
    """Creates a supplier or changes one."""
    number = str(asked["number"])
    known = books.table("supplier").get(number)
    if asked.get("delete"):
        books.table("supplier").drop(number)
        return {"deleted": number}
    row = known or supplier_row(books, _stranger(books, asked), _next_id(books))
    row = {**row, **_members(asked)}
    if "currency" in asked:
        row["currencyId"] = asked["currency"]
    if "bank_account" in asked:
        details = row["supplierPaymentMethodDetails"]
        row["supplierPaymentMethodDetails"] = [
            {**each, "paymentMethodDetailValue": asked["bank_account"]} for each in details
        ]
    return _told(books.table("supplier").put(number, row), internalId=row["internalId"], status=row["status"])


def _stranger(books: Books, asked: Mapping[str, Any]) -> Vendor:
    country = str(asked.get("country", "FI"))
    number = str(asked["number"])
    return Vendor(
        number=number,
        name=str(asked.get("name", f"Supplier {number}")),
        street="Kauppakatu 1",
        city="Helsinki",
        post_code="00100",
        country=country,
        email=f"invoicing.{number.lower()}@vendor.example",
        phone="+358 9 123456",
        vat_number=f"{country}{_next_id(books):08d}",
        currency=str(asked.get("currency", books.company.currency)),
        payment_term=books.company.payment_terms[0].code,
    )


def _next_id(books: Books) -> int:
    return max((row["internalId"] for row in books.table("supplier").all()), default=200) + 1


def change_account(books: Books, asked: dict[str, Any]) -> Any:
    """Creates an account or changes one."""
    number = str(asked["number"])
    table = books.table("account")
    if asked.get("delete"):
        table.drop(number)
        return {"deleted": number}
    row = table.get(number) or account_row(len(table.rows) + 1000, number, f"Account {number}")
    changes = _members(asked)
    if "name" in changes:
        changes["description"] = changes.pop("name")
    return _told(table.put(number, {**row, **changes}))


def change_value(books: Books, asked: dict[str, Any]) -> Any:
    """Creates a value of a segment or a project, or changes one."""
    dimension, code = str(asked["dimension"]), str(asked["code"])
    if dimension.lower() == "project":
        return _change_project(books, code, asked)
    segment = SEGMENTS.get(dimension.upper()) or int(dimension)
    row = books.row("dimension", "SUBACCOUNT")
    segments = [_with_value(each, code, asked) if each["segmentId"] == segment else each for each in row["segments"]]
    return _told(books.table("dimension").put("SUBACCOUNT", {**row, "segments": segments}))


def _with_value(segment: Row, code: str, asked: Mapping[str, Any]) -> Row:
    values = {value["valueId"]: value for value in segment["segmentValues"]}
    known = values.pop(code, None)
    if not asked.get("delete"):
        name = str(asked.get("name") or (known["description"] if known else code))
        active = bool(asked.get("active", known["active"] if known else True))
        values[code] = segment_value(segment["segmentId"], code, name, active=active)
    return {**segment, "segmentValues": [values[each] for each in sorted(values)]}


def _change_project(books: Books, code: str, asked: Mapping[str, Any]) -> Any:
    table = books.table("project")
    if asked.get("delete"):
        table.drop(code)
        return {"deleted": code}
    row = dict(table.get(code) or project_row(len(table.rows) + 1, code, code))
    if "name" in asked:
        row["description"] = asked["name"]
    if "active" in asked:
        row["status"] = "Active" if asked["active"] else "Completed"
    return _told(table.put(code, row))


def change_term(books: Books, asked: dict[str, Any]) -> Any:
    """Creates a credit term or changes one."""
    code = str(asked["code"])
    table = books.table("creditTerm")
    if asked.get("delete"):
        table.drop(code)
        return {"deleted": code}
    row = table.get(code) or term_row(PaymentTerm(code, code, int(asked.get("days", 30))))
    changes = {name: value for name, value in _members(asked).items() if name not in ("name", "days")}
    if "name" in asked:
        changes["description"] = asked["name"]
    if "days" in asked:
        changes["dueDay1"] = int(asked["days"])
    return _told(table.put(code, {**row, **changes}))


def change_record(books: Books, asked: dict[str, Any]) -> Any:
    """Changes a row of any table by its members, or removes it."""
    table = books.tables.get(str(asked["table"]))
    if table is None:
        message = f"There is no table {asked['table']}; there are {', '.join(sorted(books.tables))}."
        raise LookupError(message)
    key = str(asked["key"])
    if asked.get("delete"):
        table.drop(key)
        return {"deleted": key}
    return _told(table.put(key, {**(table.get(key) or {}), **_members(asked)}))


def touch(books: Books, asked: dict[str, Any]) -> Any:
    """New stamps and versions, all alike; raises LookupError for an unknown table or key."""
    table = books.tables[str(asked["table"])]
    keys = asked.get("keys") or ([asked["key"]] if "key" in asked else list(table.rows))
    store = books.store
    store.frozen = read_moment(str(asked["at"])) if "at" in asked else store.now()
    try:
        for key in keys:
            table.put(str(key), {**table.rows[str(key)], **asked.get("change", {})})
        return {"touched": len(keys), "stamp": moment(store.frozen)}
    finally:
        store.frozen = None


def _members(asked: Mapping[str, Any]) -> Row:
    return {name: value for name, value in asked.items() if name not in _CONTROL}


def _told(row: Row, **more: Any) -> dict[str, Any]:
    return {"key": row["_key"], "stamp": moment(row["_modified"]), **more}


ACTIONS: Mapping[str, Callable[[Books, dict[str, Any]], Any]] = {
    "vendors": change_supplier,
    "suppliers": change_supplier,
    "accounts": change_account,
    "dimension-values": change_value,
    "terms": change_term,
    "records": change_record,
    "touch": touch,
}
