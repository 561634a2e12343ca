"""Calls about accounting documents: read, acknowledge, respond (Basware dossier 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from ml_connector.connectors.base import Acknowledgement
from ml_connector.connectors.basware.client import BaswareClient, members_of, segment
from ml_connector.connectors.basware.errors import SYSTEM, error_of, refused
from ml_connector.connectors.basware.mapping import BaswareInvoice, parse_invoice, responses_of, stamp
from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.http import Reply
from ml_connector.records.reason import Reason

PATH: Final = "/v1/accountingDocuments"
MEMBER: Final = "accountingDocuments"
WAITING: Final = "WaitingForTransfer"
IN_PROGRESS: Final = "TransferInProgress"
_OPEN_FOR_TRANSFER: Final = frozenset({WAITING, IN_PROGRESS})
_OPEN_FOR_PREBOOK: Final = frozenset({"WaitingForPrebook", "PrebookInProgress"})


class Documents:
    """The documents of one company. Calls about one document must not be made in parallel (dossier 3.2)."""

    def __init__(self, client: BaswareClient, *, company: str, page_size: int) -> None:
        self._client = client
        self._company = company
        self._page_size = page_size

    async def listed(self, status: str) -> AsyncIterator[tuple[BaswareInvoice, ...]]:
        """Documents in a processing status, page by page."""
        params = {
            "ProcessingStatus": status,
            "companyCode": self._company,
            "pageSize": str(self._page_size),
        }
        async for page in self._client.pages(PATH, MEMBER, params=params):
            yield tuple(_parse(each) for each in page)

    async def changed(self, since: datetime) -> AsyncIterator[tuple[BaswareInvoice, ...]]:
        """Documents of every status that changed after `since`, page by page; there is no upper bound."""
        params = {
            "companyCode": self._company,
            "lastUpdated": stamp(since),
            "pageSize": str(self._page_size),
        }
        async for page in self._client.pages(PATH, MEMBER, params=params):
            yield tuple(_parse(each) for each in page)

    async def any_listed(self, status: str) -> bool:
        """Whether a document in that status exists. For the connection test."""
        params = {"ProcessingStatus": status, "companyCode": self._company, "pageSize": "1"}
        return (await self._client.get(PATH, params=params)).found

    async def read(self, document_id: str) -> BaswareInvoice | None:
        """One document; None where it is gone. The answer is a list of one (dossier 3.1)."""
        answer = await self._client.get(_path(document_id))
        found = members_of(answer.reply, MEMBER) if answer.found else ()
        return _parse(found[0]) if found else None

    async def acknowledge(self, document_id: str) -> Acknowledgement:
        """Takes a document over. Repeating is harmless: 405 says that it was done before."""
        reply = await self._client.post(_path(document_id, "acknowledge"), idempotent=True)
        if reply.ok:
            return Acknowledgement.DONE
        if reply.status == 405:
            return Acknowledgement.ALREADY
        if reply.status == 404:
            return Acknowledgement.GONE
        raise error_of(reply, attempted=Reason.CHANGED_MEANWHILE, subject=document_id)

    async def respond_transfer(self, document_id: str, body: Mapping[str, Any]) -> None:
        """Sends a transfer response once. Raises OutcomeUnknown where the reply was lost."""
        reply = await self._client.post(_path(document_id, "transferResponses"), body, idempotent=False)
        await self._settle(document_id, body, reply, "transferResponses", _OPEN_FOR_TRANSFER)

    async def respond_prebook(self, document_id: str, body: Mapping[str, Any]) -> None:
        """Sends a prebook response once. Raises OutcomeUnknown where the reply was lost."""
        reply = await self._client.post(_path(document_id, "prebookResponses"), body, idempotent=False)
        await self._settle(document_id, body, reply, "prebookResponses", _OPEN_FOR_PREBOOK)

    async def respond_payment(self, document_id: str, body: Mapping[str, Any]) -> None:
        """Sends a payment response; its code makes repeating harmless: 409 says that it is there."""
        reply = await self._client.post(_path(document_id, "paymentResponses"), body, idempotent=True)
        if reply.ok or reply.status == 409:
            return
        raise _gone_or(reply, document_id)

    async def read_attachment(self, document_id: str, key: str) -> bytes:
        """A file's bytes."""
        answer = await self._client.get(
            _path(document_id, "attachments", key),
            headers={"Accept": "*/*"},  # a file, whatever its kind (dossier 13.19)
        )
        if not answer.found:
            raise refused(Reason.CHANGED_MEANWHILE, document_id, f"the attachment {key} is not there any more")
        return answer.reply.body

    async def _settle(
        self, document_id: str, body: Mapping[str, Any], reply: Reply, member: str, open_for: frozenset[str]
    ) -> None:
        """A refused response: done all the same where the document already has it; otherwise why not."""
        if reply.ok:
            return
        error = _gone_or(reply, document_id)
        if error.reason not in (Reason.RESPONSE_REFUSED, Reason.CHANGED_MEANWHILE):
            raise error
        document = await self.read(document_id)
        if document is not None and body["externalCode"] in responses_of(document.payload, member):
            return
        if document is None:
            raise refused(Reason.CHANGED_MEANWHILE, document_id, "the document is not there any more") from error
        if document.status not in open_for:
            said = error.findings[0].vendor_text
            raise refused(Reason.CHANGED_MEANWHILE, document_id, f"its status is {document.status}; {said}") from error
        raise error


def _parse(payload: Mapping[str, Any]) -> BaswareInvoice:
    try:
        return parse_invoice(payload)
    except ValueError as error:
        raise refused(Reason.UNEXPECTED, SYSTEM, str(error)) from error


def _gone_or(reply: Reply, document_id: str) -> ConnectorError:
    if reply.status == 404:
        return refused(Reason.CHANGED_MEANWHILE, document_id, "404: the document is not there any more")
    return error_of(reply, attempted=Reason.RESPONSE_REFUSED, subject=document_id)


def _path(document_id: str, *parts: str) -> str:
    return "/".join((PATH, segment(document_id), *map(segment, parts)))
