"""Files at a document: two steps, the name first, then the bytes (BC dossier 11)."""

from __future__ import annotations

from typing import Any

from ml_connector.connectors.business_central.client import BusinessCentralClient, Part, keyed
from ml_connector.connectors.business_central.documents import SORTS, file_name
from ml_connector.connectors.business_central.mapping import decimal_of
from ml_connector.connectors.errors import OutcomeUnknown
from ml_connector.connectors.odata import literal
from ml_connector.records.invoice import Bill


class Attachments:
    """Puts files to documents, once each."""

    def __init__(self, client: BusinessCentralClient) -> None:
        self._client = client

    async def put(self, bill: Bill, document_id: str, *, name: str, content: bytes) -> None:
        """A file of that name that has content stays; one without, left by a crash, gets it now."""
        wanted = file_name(name)
        parent_type = SORTS[bill.kind].parent_type
        rows = await self._client.rows(
            "documentAttachments",
            {"$filter": f"parentId eq {document_id} and parentType eq {literal(parent_type)}"},
        )
        row = next((each for each in rows if str(each.get("fileName")).lower() == wanted.lower()), None)
        if row is None:
            row = await self._announce(document_id, parent_type, wanted)
        elif await self._has_content(row):
            return
        await self._upload(str(row["id"]), content)

    async def _announce(self, document_id: str, parent_type: str, name: str) -> dict[str, Any]:
        body = {"parentType": parent_type, "parentId": document_id, "fileName": name}
        reply = await self._client.write(Part("POST", "documentAttachments", body))
        if not reply.ok:
            raise reply.failure()
        if not isinstance(reply.body, dict) or not reply.body.get("id"):
            raise OutcomeUnknown(system=self._client.http.system, detail="the attachment's id was not told")
        return reply.body

    async def _has_content(self, row: dict[str, Any]) -> bool:
        """A size of zero proves nothing: it may still read so right after the upload."""
        if decimal_of(row.get("byteSize")) > 0:
            return True
        path = f"{keyed('documentAttachments', str(row['id']))}/attachmentContent"
        return bool(await self._client.content(path, missing_ok=True))

    async def _upload(self, attachment_id: str, content: bytes) -> None:
        path = f"{keyed('documentAttachments', attachment_id)}/attachmentContent"
        # The same bytes once more do no harm.
        reply = await self._client.write(Part("PATCH", path, if_match="*"), content=content, idempotent=True)
        if not reply.ok:
            raise reply.failure()
