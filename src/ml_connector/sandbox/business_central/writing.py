"""Which rule book a write goes by, for each entity set, and deep insert (BC dossier 5)."""

from __future__ import annotations

from typing import Any

from ml_connector.sandbox.business_central import attachments, dimensions, lines, masters, posting
from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import (
    KINDS,
    LINE_KINDS,
    ORDER,
    change_header,
    create_header,
    posted_text,
)
from ml_connector.sandbox.business_central.errors import bad_request, dialog, no_method
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row, read_body

Parent = tuple[str, Row] | None
"""The entity set and row that a part hangs below."""


def create(
    books: Books, entity_set: str, values: Row, parts: dict[str, Any], *, parent: Parent = None, settle: bool = True
) -> Row:
    """Creates a row and its parts in the page's order, whatever the order in the body (dossier 5.5)."""
    row = _create(books, entity_set, values, parent=parent, settle=settle)
    for name in TYPES[entity_set].parts:
        children = parts.get(name, [])
        if not isinstance(children, list):
            raise bad_request("Invalid Request Body")
        for child in children:
            child_values, child_parts = read_body(TYPES[name], child)
            below = (entity_set, _current(books, entity_set, row))
            create(books, name, child_values, child_parts, parent=below, settle=False)
        if name in LINE_KINDS and children:
            lines.settle_document(books, LINE_KINDS[name], row)
    return _current(books, entity_set, row)


def _current(books: Books, entity_set: str, row: Row) -> Row:
    return books.table(entity_set).rows.get(row["id"], row) if entity_set != "dimensionSetLines" else row


def _create(books: Books, entity_set: str, values: Row, *, parent: Parent, settle: bool) -> Row:
    if entity_set in KINDS:
        return create_header(books, KINDS[entity_set], values)
    if entity_set in LINE_KINDS:
        return lines.create_line(
            books, LINE_KINDS[entity_set], _header(books, entity_set, values, parent), values, settle=settle
        )
    if entity_set == "dimensionSetLines":
        if parent is None:
            raise dialog("You must get to the parent first to create a dimension set line.")
        return dimensions.add_dimension(books, parent[0], parent[1], values)
    if entity_set == "defaultDimensions":
        return masters.create_default_dimension(books, _vendor_of(books, values, parent), values)
    if entity_set in ("attachments", "documentAttachments"):
        return attachments.create_attachment(books, entity_set, values, parent)
    return masters.create_master(books, entity_set, values)


def _header(books: Books, entity_set: str, values: Row, parent: Parent) -> Row:
    kind = LINE_KINDS[entity_set]
    if parent is not None:
        return parent[1]
    header = books.table(kind.headers).rows.get(values.get("documentId", NO_GUID))
    if header is None:
        raise dialog("You must specify a Document Id to insert a line.")
    return header


def _vendor_of(books: Books, values: Row, parent: Parent) -> Row:
    if parent is not None:
        return parent[1]
    vendor = books.table("vendors").rows.get(values.get("parentId", NO_GUID))
    if vendor is None:
        raise dialog("You must get to the parent first to get to the default dimensions.")
    return vendor


def change(books: Books, entity_set: str, row: Row, values: Row, *, parent: Parent) -> Row:
    """Changes a row by the rules of its set."""
    if entity_set in KINDS:
        return change_header(books, KINDS[entity_set], row, values)
    if entity_set in LINE_KINDS:
        return lines.change_line(books, LINE_KINDS[entity_set], row, values)
    if entity_set == "dimensionSetLines":
        assert parent is not None
        return dimensions.change_dimension(books, parent[0], parent[1], row["code"], values)
    if entity_set == "defaultDimensions":
        return masters.change_default_dimension(books, row, values)
    if entity_set in ("attachments", "documentAttachments"):
        return attachments.change_attachment(books, entity_set, row, values)
    return masters.change_master(books, entity_set, row, values)


def remove(books: Books, entity_set: str, row: Row, *, parent: Parent) -> None:
    """Deletes a row by the rules of its set."""
    if entity_set in LINE_KINDS:
        lines.remove_line(books, LINE_KINDS[entity_set], row)
    elif entity_set == "dimensionSetLines":
        assert parent is not None
        dimensions.remove_dimension(books, parent[0], parent[1], row["code"])
    elif entity_set == "vendors":
        masters.remove_vendor(books, row)
    elif entity_set in KINDS:
        _remove_document(books, entity_set, row)
    else:
        books.table(entity_set).drop(row["id"])


def _remove_document(books: Books, entity_set: str, row: Row) -> None:
    kind = KINDS[entity_set]
    if row["_posted"]:
        # The set-up "Allow Document Deletion Before" normally refuses (dossier 8.8).
        raise dialog(posted_text(kind))
    for line in books.table(kind.lines).find("documentId", row["id"]):
        books.table(kind.lines).drop(line["id"])
    for name in ("attachments", "documentAttachments"):
        for attachment in books.table(name).find("parentId", row["id"]):
            books.table(name).drop(attachment["id"])
    books.table(entity_set).drop(row["id"])


def act(books: Books, entity_set: str, row: Row, action: str) -> None:
    """Does what a bound action says."""
    if action == "post":
        posting.post(books, KINDS[entity_set], row["id"])
    elif action == "cancel":
        posting.cancel(books, KINDS[entity_set], row["id"])
    elif action == "receiveAndInvoice" and entity_set == ORDER.headers:
        posting.receive_and_invoice(books, row["id"])
    else:
        raise no_method("POST", action)


def fill(books: Books, entity_set: str, row: Row, content: bytes) -> None:
    """Stores the bytes of an attachment."""
    attachments.fill_attachment(books, entity_set, row, content)
