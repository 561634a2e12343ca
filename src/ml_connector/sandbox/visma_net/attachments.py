"""Files on supplier invoices: multipart in, bytes out (Visma dossier 9.9, 17.38)."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from ml_connector.sandbox.visma_net import invoices
from ml_connector.sandbox.visma_net.books import Attached, Books
from ml_connector.sandbox.visma_net.errors import bad_request, no_record
from ml_connector.sandbox.visma_net.wire import Row

SIZE_LIMIT = 10 * 1024 * 1024
"""UNCONFIRMED (Visma dossier 9.9)."""


def read_upload(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and bytes of the one part; the part's own name says nothing. Raises Refusal (400)."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = list(message.iter_parts()) if message.is_multipart() else []
    if len(parts) != 1:
        raise bad_request("Exactly one file is expected.")
    name = parts[0].get_filename() or ""
    content = parts[0].get_payload(decode=True)
    if "." not in name.strip("."):
        raise bad_request("The file has no name with an extension.")
    if not isinstance(content, bytes) or len(content) > SIZE_LIMIT:
        raise bad_request("The file is too large.")
    return name, content


def attach(books: Books, row: Row, name: str, content: bytes | None) -> Attached:
    """Attaches a file to a document in any state (UNCONFIRMED for released ones)."""
    kept = books.attach(invoices.key_of(row), name, content)
    shown = {"name": kept.name, "id": kept.id, "revision": len(kept.revisions)}
    others = [each for each in row.get("attachments", ()) if each["id"] != kept.id]
    invoices.store_invoice(books, {**row, "attachments": [*others, shown]})
    return kept


def detach(books: Books, row: Row, name: str) -> Row:
    """Takes a file off a document; it can be read no more."""
    gone = next((each for each in books.attached(invoices.key_of(row)) if each.name == name), None)
    if gone is None:
        raise no_record("attachment", name)
    del books.files[gone.id]
    books.store.remember(lambda: books.files.__setitem__(gone.id, gone))
    others = [each for each in row["attachments"] if each["id"] != gone.id]
    return invoices.store_invoice(books, {**row, "attachments": others})


def download(books: Books, file_id: str) -> tuple[str, bytes]:
    """Name and latest bytes of a file; raises Refusal (404)."""
    kept = books.files.get(file_id.lower())
    if kept is None:
        raise no_record("attachment", file_id)
    row = books.table("supplierInvoice").get(kept.owner) or {}
    return kept.name, kept.content(title_of(row))


def title_of(row: Row) -> str:
    """What a drawn file shows."""
    return f"{row['supplier']['name']}: {row.get('supplierReference') or 'without number'}, {row['amount']}"
