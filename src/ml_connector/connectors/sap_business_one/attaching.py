"""Files at a document: uploaded into an entry of Attachments2, which the document then names (SAP dossier 7.4)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.connectors.sap_business_one.client import ServiceLayer, keyed
from ml_connector.connectors.sap_business_one.documents import (
    BillId,
)
from ml_connector.connectors.sap_business_one.errors import unexpected
from ml_connector.connectors.sap_business_one.manifest import FILE_SIZE, NAME
from ml_connector.connectors.texts import cut, units
from ml_connector.records.reason import Finding, Reason

Row = Mapping[str, Any]

_ENTRY: Final = "AttachmentEntry"
_NAME_LENGTH: Final = 120
"""UTF-16 units of a file's own name; room is left for the folder before it, which counts too."""
_EXTENSION_LENGTH: Final = 8
_NOT_IN_FILE_NAMES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


class Attachments:
    """Puts files to documents, once each."""

    def __init__(self, client: ServiceLayer, *, token: Callable[[], str] = lambda: secrets.token_hex(4)) -> None:
        self._client = client
        self._token = token
        """A new text on each call: all files of the company lie in one folder, where equal names would meet."""

    async def put(self, bill_id: str, *, name: str, content: bytes) -> None:
        """A file of that name that the document has already stays. Raises Refused where it is too large.

        Where an upload's answer was lost, the file may lie in the folder a second time, at no document.
        """
        if len(content) >= FILE_SIZE:
            finding = Finding(Reason.REFUSED, f"the file {name} has {len(content)} bytes, the most is {FILE_SIZE - 1}")
            raise Refused(system=NAME, findings=(finding,))
        path = _path(bill_id)
        document = await self._client.get(path, {"$select": f"DocEntry,{_ENTRY}"})
        mark = f"({bill_id.replace(':', '-')}-"
        stem, extension = split_name(name)
        entry = document.get(_ENTRY) if document else None
        if entry is not None:
            there = await self._client.get(keyed("Attachments2", int(entry)))
            if _has(there, f"{stem} {mark}", extension):
                return
        unique = f"{stem} {mark}{self._token()}){extension}"
        if entry is not None:
            await self._client.upload(keyed("Attachments2", int(entry)), unique, content, method="PATCH")
            return
        made = await self._client.upload("Attachments2", unique, content)
        if made is None or made.get("AbsoluteEntry") is None:
            raise OutcomeUnknown(system=NAME, detail="a file was uploaded, but its entry was not told")
        # A number, or a number as text (SAP dossier 7.4).
        await self._client.change(path, {_ENTRY: int(made["AbsoluteEntry"])})


def split_name(name: str) -> tuple[str, str]:
    """A file's name that the folder takes, and its extension with the dot."""
    clean = _NOT_IN_FILE_NAMES.sub("_", name).strip(" .") or "attachment"
    stem, dot, extension = clean.rpartition(".")
    if not dot or units(extension) > _EXTENSION_LENGTH:
        stem, extension = clean, ""
    return cut(stem, _NAME_LENGTH), f".{extension}" if extension else ""


def _has(attachments: Row | None, beginning: str, extension: str) -> bool:
    """True where a line is that file: its name, split or whole, and its extension (SAP dossier 7.4)."""
    lines = attachments.get("Attachments2_Lines") if attachments else None
    for line in lines or ():
        whole = str(line.get("FileName") or "").lower()
        theirs = str(line.get("FileExtension") or "").lower()
        whole = f"{whole}.{theirs}" if theirs and not whole.endswith(f".{theirs}") else whole
        if whole.startswith(beginning.lower()) and whole.endswith(f"){extension.lower()}"):
            return True
    return False


def _path(bill_id: str) -> str:
    try:
        key = BillId.parse(bill_id)
    except ValueError as odd:
        raise unexpected(str(odd)) from odd
    return keyed(key.sort.entity_set if key.sort else "Drafts", key.entry)
