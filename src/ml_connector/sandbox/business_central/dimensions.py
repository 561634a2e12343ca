"""Dimension sets of documents, lines and ledger entries (BC dossier 8.5)."""

from __future__ import annotations

import uuid

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import KINDS, LINE_KINDS, show_dimensions
from ml_connector.sandbox.business_central.errors import Refused, dialog
from ml_connector.sandbox.business_central.schema import NO_GUID, Row

_READ_ONLY = {
    "generalLedgerEntries": "General Ledger Entry",
    "purchaseReceipts": "Purchase Receipt",
    "purchaseReceiptLines": "Purchase Receipt Line",
}


def parent_type(entity_set: str) -> str:
    """How a dimension set line names what it belongs to."""
    if entity_set in KINDS:
        return KINDS[entity_set].title
    if entity_set in LINE_KINDS:
        return f"{LINE_KINDS[entity_set].title} Line"
    return _READ_ONLY[entity_set]


def dimension_rows(books: Books, entity_set: str, parent: Row) -> list[Row]:
    """The set of a parent as rows, in the order of the dimensions' codes."""
    return [_row(books, entity_set, parent, code) for code in sorted(parent["_dims"])]


def _row(books: Books, entity_set: str, parent: Row, code: str) -> Row:
    dimension = books.by_code("dimensions", code)
    value = books.dimension_value(code, parent["_dims"][code])
    assert dimension is not None
    seed = f"{parent['id']}/{code}/{parent['_dims'][code]}"
    return {
        "_version": uuid.uuid5(uuid.NAMESPACE_URL, seed).int >> 70,
        "id": dimension["id"],
        "code": code,
        "consolidationCode": "",
        "parentId": parent["id"],
        "parentType": parent_type(entity_set),
        "displayName": dimension["displayName"],
        "valueId": value["id"] if value else NO_GUID,
        "valueCode": parent["_dims"][code],
        "valueConsolidationCode": "",
        "valueDisplayName": value["displayName"] if value else "",
    }


def add_dimension(books: Books, entity_set: str, parent: Row, values: Row) -> Row:
    """Puts a dimension on a parent that does not have it yet."""
    _require_writable(entity_set, parent)
    code = _dimension_code(books, values)
    value = _value_code(books, code, values)
    if code in parent["_dims"]:
        raise dialog(
            "The dimension set line already exists. Check existing dimension set lines and "
            "the default dimension set lines on the parent."
        )
    return _row(books, entity_set, _save(books, entity_set, parent, {**parent["_dims"], code: value}), code)


def change_dimension(books: Books, entity_set: str, parent: Row, code: str, values: Row) -> Row:
    """Gives a dimension of the parent another value."""
    _require_writable(entity_set, parent)
    dimension = books.by_code("dimensions", code)
    assert dimension is not None
    if values.get("id", dimension["id"]) != dimension["id"] or values.get("code", code) != code:
        raise dialog('The "id" and "code" fields cannot be modified.')
    if not {"valueId", "valueCode"} & values.keys():
        return _row(books, entity_set, parent, code)
    value = _value_code(books, code, values)
    return _row(books, entity_set, _save(books, entity_set, parent, {**parent["_dims"], code: value}), code)


def remove_dimension(books: Books, entity_set: str, parent: Row, code: str) -> None:
    """Takes a dimension off the parent."""
    _require_writable(entity_set, parent)
    kept = {name: value for name, value in parent["_dims"].items() if name != code}
    _save(books, entity_set, parent, kept)


def _require_writable(entity_set: str, parent: Row) -> None:
    # A posted document's set can be written, strange as it is (dossier 8.5/8).
    if entity_set in _READ_ONLY:
        raise dialog(
            f"Parent with ID {parent['id']} does not exist or dimension set lines are read only "
            f"for parent type {_READ_ONLY[entity_set]}."
        )


def _save(books: Books, entity_set: str, parent: Row, dims: dict[str, str]) -> Row:
    return books.table(entity_set).put(show_dimensions({**parent, "_dims": dims}))


def _dimension_code(books: Books, values: Row) -> str:
    identity, code = values.get("id", NO_GUID), values.get("code", "")
    if identity == NO_GUID and not code:
        raise dialog('The "id" or "code" field must be filled in.')
    if values.get("valueId", NO_GUID) == NO_GUID and not values.get("valueCode"):
        raise dialog('The "valueId" or "valueCode" field must be filled in.')
    by_id = books.table("dimensions").rows.get(identity)
    by_code = books.by_code("dimensions", code)
    if identity != NO_GUID and by_id is None:
        raise dialog('The "id" does not match to a Dimension.')
    if code and by_code is None:
        raise dialog('The "code" does not match to a Dimension.')
    if by_id is not None and by_code is not None and by_id is not by_code:
        raise dialog("The dimension field values do not match to a specific Dimension.")
    found = by_id or by_code
    assert found is not None
    return found["code"]


def _value_code(books: Books, dimension: str, values: Row) -> str:
    """A blocked value is accepted here and fails when the document is posted (dossier 8.5/6)."""
    identity, code = values.get("valueId", NO_GUID), values.get("valueCode", "")
    if identity == NO_GUID and not code:
        raise _no_value("valueCode")
    by_id = books.table("dimensionValues").rows.get(identity)
    by_code = books.dimension_value(dimension, code)
    owner = books.by_code("dimensions", dimension)
    if identity != NO_GUID and (by_id is None or owner is None or by_id["dimensionId"] != owner["id"]):
        raise _no_value("valueId")
    if code and by_code is None:
        raise _no_value("valueCode")
    found = by_id or by_code
    assert found is not None
    return found["code"]


def _no_value(name: str) -> Refused:
    return dialog(f'The "{name}" does not match to a Dimension Value.')
