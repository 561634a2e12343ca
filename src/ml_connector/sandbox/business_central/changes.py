"""What people do in BC's own screens, which the API cannot: the control pages' changes of master data."""

from __future__ import annotations

from typing import Any

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import ORDER, create_header
from ml_connector.sandbox.business_central.lines import create_line, document_lines, settle_document
from ml_connector.sandbox.business_central.masters import (
    change_master,
    create_default_dimension,
    create_master,
    remove_vendor,
)
from ml_connector.sandbox.business_central.posting import receive
from ml_connector.sandbox.business_central.schema import TYPES, Row, read_value, write_row
from ml_connector.sandbox.business_central.table import new_id

_CONTROL = {"company", "number", "delete", "defaultDimensions"}


def change_vendor(books: Books, asked: dict[str, Any]) -> dict[str, Any]:
    """Creates, changes, blocks or deletes a vendor."""
    row = books.by_number("vendors", asked["number"])
    if asked.get("delete"):
        return _delete(books, "vendors", row, asked["number"])
    values = _values("vendors", asked)
    if row is None:
        row = create_master(books, "vendors", {**values, "number": asked["number"]})
    else:
        row = change_master(books, "vendors", row, values)
    _default_dimensions(books, row, asked.get("defaultDimensions", []))
    return _shown("vendors", row)


def change_account(books: Books, asked: dict[str, Any]) -> dict[str, Any]:
    """Creates, changes, blocks or deletes an account."""
    row = books.by_number("accounts", asked["number"])
    if asked.get("delete"):
        return _delete(books, "accounts", row, asked["number"])
    if row is None:
        fresh = {"id": new_id(), "number": asked["number"], "directPosting": True, "_tax": "VAT24", "_dims": {}}
        row = TYPES["accounts"].blank() | fresh
    changed = {**row, **_values("accounts", asked)}
    for default in asked.get("defaultDimensions", []):
        changed["_dims"] = {**changed["_dims"], default["code"]: default["value"]}
    return _shown("accounts", books.table("accounts").put(changed))


def change_value(books: Books, asked: dict[str, Any]) -> dict[str, Any]:
    """Creates, renames, blocks or deletes a dimension value."""
    owner = books.by_code("dimensions", asked["dimension"])
    if owner is None:
        message = f"There is no dimension {asked['dimension']}."
        raise LookupError(message)
    row = books.dimension_value(asked["dimension"], asked["code"])
    if asked.get("delete"):
        return _delete(books, "dimensionValues", row, asked["code"])
    if row is None:
        fresh = {"id": new_id(), "code": asked["code"], "dimensionId": owner["id"], "_blocked": False}
        row = TYPES["dimensionValues"].blank() | fresh
    name = asked.get("displayName", row["displayName"] or asked["code"])
    changed = {**row, "displayName": name, "_blocked": asked.get("blocked", row["_blocked"])}
    return _shown("dimensionValues", books.table("dimensionValues").put(changed))


def change_order(books: Books, asked: dict[str, Any]) -> dict[str, Any]:
    """Creates, releases, receives or deletes a purchase order.

    `status` is Open, Draft or In Review; `receive` posts a receipt of all that is due; `vendorInvoiceNumber` is
    what a person types on the order, which the API cannot; `lines` add to it.
    """
    row = books.by_number(ORDER.headers, asked["number"])
    if asked.get("delete"):
        return _delete(books, ORDER.headers, row, asked["number"])
    if row is None:
        row = create_header(books, ORDER, {"vendorNumber": asked["vendorNumber"]})
    for line in asked.get("lines", []):
        values = {name: read_value(TYPES[ORDER.lines].properties[name], value) for name, value in line.items()}
        create_line(books, ORDER, {**row, "_document_status": "Open"}, values, settle=False)
    row = settle_document(books, ORDER, row)
    status = asked.get("status", row["status"])
    changed = {**row, "number": asked["number"], "status": status, "_document_status": _STATUS[status]}
    changed["_external_number"] = asked.get("vendorInvoiceNumber", row.get("_external_number", ""))
    row = books.table(ORDER.headers).put(changed)
    if asked.get("receive"):
        receive(books, row, document_lines(books, ORDER, row["id"]))
        row = books.table(ORDER.headers).put({**row, "fullyReceived": True})
    return _shown(ORDER.headers, row)


_STATUS = {"Open": "Released", "Draft": "Open", "In Review": "Pending Approval"}


def _values(entity_set: str, asked: dict[str, Any]) -> Row:
    properties = TYPES[entity_set].properties
    unknown = asked.keys() - properties.keys() - _CONTROL
    if unknown:
        message = f"{entity_set} have no {', '.join(sorted(unknown))}."
        raise ValueError(message)
    return {name: read_value(properties[name], asked[name]) for name in asked if name not in _CONTROL}


def _default_dimensions(books: Books, vendor: Row, defaults: list[dict[str, Any]]) -> None:
    """Each is {code, value?, validation?}."""
    table = books.table("defaultDimensions")
    for default in defaults:
        dimension = books.by_code("dimensions", default["code"])
        if dimension is None:
            message = f"There is no dimension {default['code']}."
            raise LookupError(message)
        for known in table.find("parentId", vendor["id"]):
            if known["dimensionCode"] == default["code"]:
                table.drop(known["id"])
        value = books.dimension_value(default["code"], default.get("value", ""))
        values = {"dimensionId": dimension["id"], "postingValidation": default.get("validation", " ")}
        if value is not None:
            values["dimensionValueId"] = value["id"]
        create_default_dimension(books, vendor, values)


def _delete(books: Books, entity_set: str, row: Row | None, key: str) -> dict[str, Any]:
    if row is None:
        message = f"There is no {key} among {entity_set}."
        raise LookupError(message)
    if entity_set == ORDER.headers:
        for line in document_lines(books, ORDER, row["id"]):
            books.table(ORDER.lines).drop(line["id"])
    if entity_set == "vendors":
        remove_vendor(books, row)
    else:
        books.table(entity_set).drop(row["id"])
    return {"deleted": key}


def _shown(entity_set: str, row: Row) -> dict[str, Any]:
    return write_row(TYPES[entity_set], row, TYPES[entity_set].properties)
