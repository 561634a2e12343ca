"""Files at a bill, put to the link that the record itself offers (Acumatica dossier 7)."""

from __future__ import annotations

import re
from typing import Final

from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.errors import unexpected
from ml_connector.connectors.acumatica.manifest import FILE_SIZE, NAME
from ml_connector.connectors.acumatica.releasing import BILL
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.rows import Row, part, parts
from ml_connector.connectors.texts import cut
from ml_connector.records.reason import Finding, Reason

_NAME_LENGTH: Final = 120
"""UTF-16 units; the ledger puts the form's title and the number before it (Acumatica dossier 7)."""
_EXTENSION_LENGTH: Final = 8
_NOT_IN_FILE_NAMES: Final = re.compile(r'[<>:"/\\|?*{}\x00-\x1f\x7f]')


class Attachments:
    """Puts files to bills, once each."""

    def __init__(self, client: Acumatica) -> None:
        self._client = client

    async def put(self, bill_id: str, *, name: str, content: bytes) -> None:
        """A file of that name that is there already stays, since another would replace it.

        Raises Refused where it is too large, or where the bill is gone.
        """
        if len(content) > FILE_SIZE:
            finding = Finding(Reason.REFUSED, f"the file {name} has {len(content)} bytes, the most is {FILE_SIZE}")
            raise Refused(system=NAME, findings=(finding,))
        row = await self._client.get(BILL, bill_id, select=("ReferenceNbr", "files"), expand=("files",))
        assert row is not None, "only a record that may be missing is None"
        wanted = file_name(name)
        if wanted.lower() in {each.lower() for each in names_of(row)}:
            return
        link = str(part(row, "_links").get("files:put") or "")
        if not link:
            raise unexpected("the bill offers no link to put files to")
        await self._client.upload(link, wanted, content)


def names_of(row: Row) -> list[str]:
    """The names of a record's files: told as `Bills and Adjustments (INV 005933)\\invoice.pdf`."""
    return [str(each.get("filename") or "").rpartition("\\")[2] for each in parts(row, "files")]


def file_name(name: str) -> str:
    """A file's name that stands in an address and in a folder, its extension kept."""
    clean = _NOT_IN_FILE_NAMES.sub("_", name).strip(" .") or "attachment"
    stem, dot, extension = clean.rpartition(".")
    if not dot or len(extension) > _EXTENSION_LENGTH:
        return cut(clean, _NAME_LENGTH)
    return f"{cut(stem, _NAME_LENGTH)}.{extension}"
