"""The pages of the accounting documents (dossier 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiohttp import web

from ml_connector.sandbox.basware import schema
from ml_connector.sandbox.basware.batches import Batches, Item
from ml_connector.sandbox.basware.documents import Document, Documents
from ml_connector.sandbox.basware.entities import ENUMS
from ml_connector.sandbox.basware.errors import Problem, Refused, parameter_error
from ml_connector.sandbox.basware.files import ATTACHMENT_LIFE, PAGE_LIFE, Files, image
from ml_connector.sandbox.basware.shelf import TOKEN_HEADER, Entry, just_after, start_of, token_after
from ml_connector.sandbox.basware.wire import (
    REQUEST_ID,
    Fields,
    answer,
    moment_of,
    nothing,
    query_moment,
    query_of,
    query_size,
    read_object,
    stamp,
)
from ml_connector.sandbox.clock import Clock

ROWS_PER_PAGE = 1000
"""Documents with many coding rows shorten the page (dossier 12.14)."""
_READY = {"Transferred": "ReadyForPayment", "Paid": "Paid", "Removed": "Rejected", "Returned": "Rejected"}


class DocumentPages:
    """Reading documents and answering for them."""

    def __init__(self, clock: Clock, documents: Documents, files: Files, batches: Batches) -> None:
        self._clock = clock
        self._documents = documents
        self._files = files
        self._batches = batches

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /v1/accountingDocuments: 302 to one page, 404 when there is nothing."""
        query = query_of(request)
        size = query_size(query, default=100, most=100)
        status = _one_of(query, "processingstatus", "processingStatus", None)
        mode = _one_of(query, "p2pprocessingmode", "p2pProcessingMode", "Standard")
        now = self._clock.now()
        start = start_of(request.headers.get(TOKEN_HEADER), now) or just_after(query_moment(query))
        assert mode is not None
        groups = self._documents.groups(mode=mode, status=status, company=query.get("companycode"))
        shown, last = self._page(self._documents.shelf.entries(groups, start), size)
        if not shown:
            return nothing()
        return self._redirect(shown, {TOKEN_HEADER: token_after(last, now)} if last else {})

    async def read(self, request: web.Request) -> web.Response:
        """GET /v1/accountingDocuments/{invoiceId}: the same wrapper with one element."""
        document = self._documents.by_id.get(request.match_info["invoiceId"])
        return nothing() if document is None else self._redirect([document], {})

    async def attachment(self, request: web.Request) -> web.Response:
        """GET …/attachments/{attachmentExternalCode}."""
        document = self._documents.by_id.get(request.match_info["invoiceId"])
        listed = self._documents.flags.attachments and document and document.status in {"Transferred", "Paid"}
        if document is None or not listed:
            return nothing()
        if request.match_info["code"] != document.attachment["externalCode"]:
            return nothing()
        title = document.fields.get("invoiceNumber", document.invoice_id)
        return self._files.offer(image(title), "application/pdf", life=ATTACHMENT_LIFE, once=False)

    async def search_status(self, request: web.Request) -> web.Response:
        """GET /v1/accountingDocuments/status; nothing until it is switched on (dossier 3.13)."""
        query = query_of(request)
        for name in ("companyCode", "invoiceNumber", "invoiceDate"):
            if name.lower() not in query:
                raise parameter_error(f"The {name} field is required.")
        size = query_size(query, default=500, most=500)
        day = query_moment(query, "invoicedate")
        if not self._documents.flags.status_search:
            return nothing()
        found = [
            _high_level(document)
            for document in self._documents.numbered(query["companycode"], query["invoicenumber"])
            if document.fields.get("invoiceDate") and moment_of(document.fields["invoiceDate"]) == day
        ]
        return answer(found[:size]) if found else nothing()

    async def acknowledge(self, request: web.Request) -> web.Response:
        """POST …/acknowledge; a body is ignored (U13)."""
        self._documents.acknowledge(self._documents.find(request.match_info["invoiceId"]))
        return answer("OK")

    async def transfer(self, request: web.Request) -> web.Response:
        """POST …/transferResponses."""
        return await self._respond(request, "TransferResponse", self._documents.transfer)

    async def prebook(self, request: web.Request) -> web.Response:
        """POST …/prebookResponses."""
        return await self._respond(request, "PrebookResponse", self._documents.prebook)

    async def pay(self, request: web.Request) -> web.Response:
        """POST …/paymentResponses."""
        return await self._respond(request, "PaymentResponse", self._documents.pay)

    async def enrich(self, request: web.Request) -> web.Response:
        """POST …/enrichmentResponses."""
        return await self._respond(request, "EnrichmentResponse", self._documents.enrich)

    async def _respond(self, request: web.Request, kind: str, take: Callable[[Document, Fields], None]) -> web.Response:
        document = self._documents.find(request.match_info["invoiceId"])
        response = await read_object(request)
        wrong = schema.problems(f"{kind}Entity", response)
        if wrong:
            code = response.get("externalCode")
            code = code if isinstance(code, str) else None
            raise Refused(400, problems=[Problem("SCHEMA_VALIDATION_ERROR", text, code) for text in wrong])
        given = {name: value for name, value in response.items() if value is not None}
        take(document, given)
        self._batches.open(
            request[REQUEST_ID],
            entity_type="EnrichmentTransferResponse" if kind == "EnrichmentResponse" else kind,
            operation="POST",
            drawer=kind,
            items=[Item(given["externalCode"], parent=document.invoice_id)],
        )
        return answer(given)

    def _page(self, entries: Iterator[Entry], size: int) -> tuple[list[Document], Entry | None]:
        shown: list[Document] = []
        rows, last = 0, None
        for entry in entries:
            document = self._documents.by_id[entry[2]]
            rows += document.rows
            if len(shown) == size or (shown and rows > ROWS_PER_PAGE):
                return shown, last
            shown.append(document)
            last = entry
        return shown, None

    def _redirect(self, documents: list[Document], headers: dict[str, str]) -> web.Response:
        text = ",".join(self._documents.write(document) for document in documents)
        body = f'{{"accountingDocuments":[{text}]}}'.encode()
        return self._files.offer(body, "application/json", life=PAGE_LIFE, once=True, headers=headers)


def _one_of(query: dict[str, str], name: str, enum: str, default: str | None) -> str | None:
    value = query.get(name, default)
    if value is not None and value not in ENUMS[enum]:
        raise parameter_error(f"The value '{value}' is not valid for {name}.")
    return value


def _high_level(document: Document) -> Fields:
    return {
        "invoiceId": document.invoice_id,
        "status": _READY.get(document.status, "InApprovalProcess"),
        "processingStatus": document.status,
        "lastUpdated": stamp(document.updated),
    }
