"""Files that are put on the server before an invoice links to them (Epicor dossier 9.6)."""

from __future__ import annotations

import base64
import binascii

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import no_record, rejected
from ml_connector.sandbox.epicor_kinetic.invoices import LINK, parts_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import text, whole

SERVICE = "Ice.BO.AttachmentSvc"


@operation(SERVICE, "UploadFile")
def upload_file(visit: Visit, asked: Row) -> Outcome:
    """Stores a file, and says where; nothing is linked to it yet."""
    name = text(asked["fileName"])
    if not name:
        raise rejected("File name is required.")
    try:
        content = base64.b64decode(str(asked["data"]), validate=True)
    except binascii.Error as error:
        raise rejected("The data of the file is not Base64.") from error
    books = visit.books
    path = f"\\\\erp\\documents\\{books.id}\\{asked['parentTable']}\\{books.next_number('File'):06d}\\{name}"
    books.files[path] = (name, content)
    books.store.remember(lambda: books.files.pop(path, None) and None)
    return Outcome(returned=path)


@operation(SERVICE, "DownloadFile")
def download_file(visit: Visit, asked: Row) -> Outcome:
    """The content of a linked file."""
    number = whole(asked["xFileRefNum"])
    for link in visit.books.table(LINK).all():
        stored = visit.books.files.get(link.get("FileName", ""))
        if link.get("XFileRefNum") == number and stored is not None:
            return Outcome(returned=base64.b64encode(stored[1]).decode())
    raise no_record()


def files_of(books: Books, head: Row) -> list[Row]:
    """The files an invoice links to: name, description and size."""
    found: list[Row] = []
    for link in parts_of(books, LINK, head):
        name, content = books.files.get(link.get("FileName", ""), (link.get("FileName", ""), b""))
        found.append({"name": name, "description": link.get("DrawDesc", ""), "size": len(content)})
    return found
