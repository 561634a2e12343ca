"""Files at an invoice: put onto the server, then linked (Epicor dossier 9.6, UNCONFIRMED end to end)."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from ml_connector.connectors.epicor_kinetic.books import Books
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import ATTACHMENT_SERVICE, INVOICE_SERVICE
from ml_connector.connectors.epicor_kinetic.documents import FILES, HEADS
from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.finding import Finder
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset, change, new_row, rows_of
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.rows import Row, integer, text
from ml_connector.connectors.texts import cut
from ml_connector.records.invoice import Bill, LedgerBill
from ml_connector.records.reason import Finding, Reason

FILE_SIZE: Final = 20 * 1024 * 1024
"""Bytes. A file travels in JSON: servers refuse bodies beyond some 30 MB (assumption, that is IIS's own limit)."""
_NAME_LENGTH: Final = 120
"""UTF-16 units of a file's name and of the link's text (assumption)."""
_EXTENSION_LENGTH: Final = 8
_NOT_IN_FILE_NAMES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


class Attachments:
    """Puts files to invoices, once each."""

    def __init__(self, client: Kinetic) -> None:
        self._client = client
        self._finder = Finder(client, Books(client))

    async def put(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """A file of that name that is linked already stays. Once more does no harm: nothing is left open.

        Raises Refused where it is too large, or where the bill is gone.
        """
        if len(content) > FILE_SIZE:
            raise _refused(f"the file {name} has {len(content)} bytes, the most is {FILE_SIZE}")
        row = await self._finder.header(bill, posted.id)
        ds = await self._finder.whole(row) if row is not None else None
        if row is None or ds is None:
            raise _refused(f"the invoice {bill.number} is gone from the ledger")
        wanted = file_name(name)
        if wanted.lower() in {text(each, "DrawDesc").lower() for each in rows_of(ds, FILES)}:
            return
        try:
            await self._link(row, ds, wanted, await self._stored(wanted, content))
        except OutcomeUnknown as lost:
            raise Unavailable(system=NAME, findings=lost.findings, status=lost.status) from lost

    async def _stored(self, name: str, content: bytes) -> str:
        """Where the server keeps the file."""
        answer = await self._client.call(
            ATTACHMENT_SERVICE, "UploadFile",
            {"docTypeID": "", "parentTable": HEADS, "fileName": name, "data": b64encode(content).decode()},
        )  # fmt: skip
        if not isinstance(answer.returned, str) or not answer.returned:
            raise unexpected("UploadFile did not say where the file is")
        return answer.returned

    async def _link(self, row: Row, whole: Tableset, name: str, place: str) -> None:
        ds: Tableset = {HEADS: rows_of(whole, HEADS), FILES: rows_of(whole, FILES)}
        answer = await self._client.call(
            INVOICE_SERVICE, "GetNewAPInvHedAttch",
            {"ds": ds, "vendorNum": integer(row, "VendorNum"), "invoiceNum": text(row, "InvoiceNum")},
        )  # fmt: skip
        change(new_row(answer.ds, FILES), FILES, {"DrawDesc": name, "FileName": place, "DocTypeID": ""})
        await self._client.update(INVOICE_SERVICE, answer.ds)


def file_name(name: str) -> str:
    """A file's name that stands in a folder, its extension kept."""
    clean = _NOT_IN_FILE_NAMES.sub("_", name).strip(" .") or "attachment"
    stem, dot, extension = clean.rpartition(".")
    if not dot or len(extension) > _EXTENSION_LENGTH:
        return cut(clean, _NAME_LENGTH)
    return f"{cut(stem, _NAME_LENGTH - len(extension) - 1)}.{extension}"


def _refused(words: str) -> Refused:
    return Refused(system=NAME, findings=(Finding(Reason.REFUSED, words),))
