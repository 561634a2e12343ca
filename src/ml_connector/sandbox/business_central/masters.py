"""Master data through the API: vendors and the other sets that may be written (BC dossier 12)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import KINDS, wanted_currency
from ml_connector.sandbox.business_central.errors import Refused, bad_relation, dialog
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import new_id

_NUMBERED = {"vendors": "VN", "items": "IN"}
_TABLES = {"vendors": "Vendor", "items": "Item", "paymentTerms": "Payment Terms", "currencies": "Currency"}


def create_master(books: Books, entity_set: str, values: Row) -> Row:
    """A new row of master data; raises Refused for a number or code that is taken."""
    row = TYPES[entity_set].blank() | {"id": new_id(), "_dims": {}, "_tax": "", "_account": ""}
    key = "number" if "number" in row else "code"
    if not values.get(key):
        if entity_set not in _NUMBERED:
            raise Refused(400, "BadRequest_RequiredParamNotProvided", f"Field '{key}' must not be blank or empty.")
        values = {**values, key: books.next_number(_NUMBERED[entity_set])}
    if entity_set == "vendors":
        row |= {"_currency": "", "currencyCode": books.company.currency}
    if entity_set == "taxGroups":
        row |= {"_percent": Decimal(0), "_identifier": values[key]}
    return _save(books, entity_set, row, values, key=key)


def change_master(books: Books, entity_set: str, row: Row, values: Row) -> Row:
    """Changes a row; a new number renames it."""
    key = next((name for name in ("number", "code") if name in row), "id")
    return _save(books, entity_set, dict(row), values, key=key)


def _save(books: Books, entity_set: str, row: Row, values: Row, *, key: str) -> Row:
    table = books.table(entity_set)
    if values.get(key, row[key]) != row[key] and table.can_find(key) and table.first(key, values[key]):
        title = _TABLES.get(entity_set, TYPES[entity_set].name)
        field = "No." if key == "number" else "Code"
        text = f"The record in table {title} already exists. Identification fields and values: {field}='{values[key]}'"
        raise Refused(409, "Internal_EntityWithSameKeyExists", text)
    if entity_set == "vendors":
        values = _vendor_values(books, values)
    return table.put({**row, **values})


def _vendor_values(books: Books, values: Row) -> Row:
    checked = dict(values)
    if {"currencyCode", "currencyId"} & values.keys():
        code = wanted_currency(books, values)
        found = books.by_code("currencies", code) if code else None
        checked |= {
            "_currency": code,
            "currencyId": found["id"] if found else NO_GUID,
            "currencyCode": code or books.company.currency,
        }
    _require_known(books, "paymentTerms", values.get("paymentTermsId"), '"paymentTermsId"', "Payment Terms")
    _require_known(books, "paymentMethods", values.get("paymentMethodId"), '"paymentMethodId"', "Payment Method")
    country = values.get("country")
    if country and books.by_code("countriesRegions", country) is None:
        raise bad_relation("Country/Region Code", "Vendor", country, related="Country/Region")
    if values.get("email") and "@" not in values["email"]:
        raise dialog(f'The email address "{values["email"]}" is not valid.')
    return checked


def _require_known(books: Books, entity_set: str, identity: str | None, field: str, title: str) -> None:
    if identity not in (None, NO_GUID) and identity not in books.table(entity_set).rows:
        raise dialog(f"The {field} does not match to a {title}.")


def remove_vendor(books: Books, row: Row) -> None:
    """Deletes a vendor; raises Refused while documents or ledger entries speak of it."""
    number = row["number"]
    for kind in KINDS.values():
        if any(not header["_posted"] for header in books.table(kind.headers).find("vendorNumber", number)):
            raise dialog(
                f"You cannot delete Vendor {number} because there is at least one outstanding {kind.title} "
                "for this vendor."
            )
    if books.table("vendorLedgerEntries").first("vendorNumber", number):
        raise dialog(
            f"You cannot delete Vendor {number} because it has ledger entries in a fiscal year "
            "that has not been closed yet."
        )
    for default in books.table("defaultDimensions").find("parentId", row["id"]):
        books.table("defaultDimensions").drop(default["id"])
    books.table("vendors").drop(row["id"])


def create_default_dimension(books: Books, parent: Row, values: Row, *, parent_type: str = "Vendor") -> Row:
    """What a vendor brings to its documents from now on."""
    dimension = books.table("dimensions").rows.get(values.get("dimensionId", NO_GUID))
    if dimension is None:
        raise dialog('The "dimensionId" does not match to a Dimension.')
    row = TYPES["defaultDimensions"].blank() | {
        "id": new_id(),
        "parentType": parent_type,
        "parentId": parent["id"],
        "dimensionId": dimension["id"],
        "dimensionCode": dimension["code"],
    }
    for known in books.table("defaultDimensions").find("parentId", parent["id"]):
        if known["dimensionId"] == dimension["id"]:
            text = "The record in table Default Dimension already exists."
            raise Refused(409, "Internal_EntityWithSameKeyExists", text)
    return change_default_dimension(books, row, values)


def change_default_dimension(books: Books, row: Row, values: Row) -> Row:
    """Another value or rule for a default dimension."""
    value = books.table("dimensionValues").rows.get(values.get("dimensionValueId", row["dimensionValueId"]))
    if values.get("dimensionValueId", NO_GUID) != NO_GUID and (
        value is None or value["dimensionId"] != row["dimensionId"]
    ):
        raise dialog('The "dimensionValueId" does not match to a Dimension Value.')
    changed = {
        **row,
        "dimensionValueId": value["id"] if value else NO_GUID,
        "dimensionValueCode": value["code"] if value else "",
        "postingValidation": values.get("postingValidation", row["postingValidation"]),
    }
    return books.table("defaultDimensions").put(changed)
