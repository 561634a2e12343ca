"""Files on records and lines (Acumatica dossier 7); see `plugs.Files`."""

from __future__ import annotations

from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.errors import Refusal
from ml_connector.sandbox.acumatica.plugs import Sent, Visit
from ml_connector.sandbox.acumatica.schema import ENTITIES, Row

SIZE_LIMIT = 25 * 1024 * 1024
"""UNCONFIRMED (dossier U16): a setting of the site."""
_TITLES = {
    "Bill": "Bills and Adjustments",
    "Check": "Checks and Payments",
    "PurchaseOrder": "Purchase Orders",
    "PurchaseReceipt": "Purchase Receipts",
    "JournalTransaction": "Journal Transactions",
    "Vendor": "Vendors",
}
_CODES = {
    "Bill": "INV",
    "Debit Adj.": "ADR",
    "Credit Adj.": "ACR",
    "Prepayment": "PPM",
    "Payment": "CHK",
    "Check": "CHK",
    "Normal": "RO",
    "Receipt": "RT",
}


def attach(visit: Visit, entity: str, row: Row, sent: Sent, *, line: Row | None = None) -> str:
    """Attaches to a record, released or not, or to one of its lines; returns the file's GUID.

    The same name again is a new version of the same file. Raises Refusal (413) for what is too large.
    """
    if len(sent.data) > SIZE_LIMIT:
        raise Refusal(413, {"message": "The file exceeds the maximum allowed size."})
    books = visit.books
    owner = (line or row)["id"]
    before = books.files.get(owner, [])
    name = f"{_prefix(entity, row)}{sent.filename}"
    same = next((file for file in before if file["name"] == name), None)
    file: Row = {
        "id": same["id"] if same else books.store.new_id(),
        "name": name,
        "comment": sent.comment,
        "data": sent.data,
    }
    _keep(books, owner, [*(each for each in before if each is not same), file])
    return file["id"]


def _keep(books: Books, owner: str, files: list[Row]) -> None:
    before = books.files.get(owner)

    def undo() -> None:
        if before is None:
            books.files.pop(owner, None)
        else:
            books.files[owner] = before

    books.files[owner] = files
    books.store.remember(undo)


def _prefix(entity: str, row: Row) -> str:
    """`Bills and Adjustments (INV 005933)\\`: form, type's code and number stand before the name."""
    keys = [_CODES.get(str(row[name]), str(row[name])) for name in ENTITIES[entity].keys]
    return f"{_TITLES.get(entity, entity)} ({' '.join(keys)})\\"


def listed(visit: Visit, entity: str, row: Row) -> list[Row]:  # noqa: ARG001
    """The files of a record for `$expand=files`: {id, filename, href, comment}."""
    return [
        {
            "id": file["id"],
            "filename": file["name"],
            "href": f"{visit.root}/files/{file['id']}",
            "comment": file["comment"] or None,
        }
        for file in visit.books.files.get(row["id"], ())
    ]


def download(visit: Visit, file_id: str) -> tuple[bytes, str] | None:
    """The newest version of a file and its name without the prefix."""
    for files in visit.books.files.values():
        for file in files:
            if file["id"] == file_id.lower():
                return file["data"], file["name"].rpartition("\\")[2]
    return None


def files_of(books: Books, row: Row) -> list[Row]:
    """Name, size and comment of the files on a record and its lines, for the control pages."""
    owners = (row["id"], *(line["id"] for line in row.get("Details", ())))
    return [
        {"name": file["name"].rpartition("\\")[2], "size": len(file["data"]), "comment": file["comment"]}
        for owner in owners
        for file in books.files.get(owner, ())
    ]
