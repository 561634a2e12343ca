"""Files on documents and master records: an entry first, its bytes second (BC dossier 11)."""

from __future__ import annotations

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import KINDS
from ml_connector.sandbox.business_central.errors import dialog
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import new_id

_MASTER_RECORDS = {"Vendor", "Customer", "Item", "Employee", "Job"}
_SETS = {kind.title: name for name, kind in KINDS.items()} | {
    "Vendor": "vendors",
    "Item": "items",
    "Purchase Receipt": "purchaseReceipts",
}
_TITLES = {name: title for title, name in _SETS.items()}


def create_attachment(books: Books, entity_set: str, values: Row, parent: tuple[str, Row] | None) -> Row:
    """An entry with nothing in it yet; raises Refused for a parent that cannot have one."""
    if parent is not None:
        values = {"parentType": _TITLES.get(parent[0], " "), "parentId": parent[1]["id"], **values}
    kind = values.get("parentType", " ")
    if entity_set == "attachments" and kind in _MASTER_RECORDS:
        raise dialog(f"Parent type {kind} is not supported. Use documentAttachments API instead.")
    parent_id = values.get("parentId", NO_GUID)
    if kind not in _SETS or parent_id not in books.table(_SETS[kind]).rows:
        raise dialog(f"Parent with ID {parent_id} does not exist.")
    row = TYPES[entity_set].blank() | values
    name = row["fileName"]
    row |= {
        "id": new_id(),
        "byteSize": 0,
        "fileName": name if "." in name.strip(".") else "filename.txt",
        "_content": b"",
    }
    return books.table(entity_set).put(row)


def change_attachment(books: Books, entity_set: str, row: Row, values: Row) -> Row:
    """Renames a file; what it hangs on stays."""
    for name in ("parentId", "parentType"):
        if values.get(name, row[name]) != row[name]:
            raise dialog(f"You cannot change the value of the key field {name}.")
    return books.table(entity_set).put({**row, **values})


def fill_attachment(books: Books, entity_set: str, row: Row, content: bytes) -> None:
    """Takes the file's bytes."""
    books.table(entity_set).put({**row, "_content": content, "byteSize": len(content)})
