"""SmartPDF: a ticket with an address of its own, then the PDF to that address (Basware dossier 9.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from ml_connector.connectors.basware.client import BaswareClient
from ml_connector.connectors.basware.codes import document_id
from ml_connector.connectors.basware.errors import SYSTEM, error_of, is_web_page, refused
from ml_connector.connectors.errors import OutcomeUnknown
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.connectors.side import Clock
from ml_connector.records.invoice import Attachment
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, SupplierInvoice

TICKET_PATH: Final = "/v2/smartpdf/invoiceUpload"
SCOPE: Final = "importDocuments.write"
PDF: Final = "application/pdf"
EARLY: Final = timedelta(seconds=15)
"""How long before its end an address counts as dead: the PDF has to get there too."""
_ASSUMED_LIFE: Final = timedelta(hours=1)
"""As in the sample address, where one does not say how long it lives."""
_BEGINNING: Final = b"%PDF-"
_BEGINS_WITHIN: Final = 1024
_ERROR: Final = re.compile(r"<Code>([^<]*)</Code>.*?<Message>([^<]*)</Message>", re.DOTALL)


def image_of(invoice: SupplierInvoice) -> Attachment | None:
    """The one PDF that is the invoice; None where there is none, or no telling which."""
    pdfs = [file for file in invoice.files if file.name.lower().endswith(".pdf")]
    images = [file for file in pdfs if file.is_image] or pdfs
    return images[0] if len(images) == 1 else None


def image_objection(invoice: SupplierInvoice) -> Finding | None:
    """What keeps an invoice from going by its PDF."""
    if image_of(invoice) is not None:
        return None
    pdfs = sum(file.name.lower().endswith(".pdf") for file in invoice.files)
    said = f"{invoice.key} has {pdfs} PDF files of which none is marked" if pdfs else f"{invoice.key} has no PDF file"
    return Finding(Reason.FILE_MISSING, said)


class SmartPdf:
    """Tickets for one receiver, and what is put to their addresses."""

    def __init__(self, *, client: BaswareClient, http: HttpClient, clock: Clock, receiver: str, notify: str) -> None:
        self._client = client
        self._http = http
        self._clock = clock
        self._addresses = {"receivingEmailAddress": receiver, "notificationEmailAddress": notify}

    async def ticket(self) -> Admission:
        """A new ticket. One that is never used is nothing, so asking again is harmless."""
        reply = await self._client.post(TICKET_PATH, self._addresses, idempotent=True)
        if not reply.ok:
            raise error_of(reply)
        body = _object(reply)
        address, bum_id = body.get("uploadUrl"), body.get("bumId")
        if not isinstance(address, str) or not isinstance(bum_id, str) or not address or not bum_id:
            raise refused(Reason.UNEXPECTED, SYSTEM, "a ticket came without its address or its bumId")
        given = _signed_at(address) or self._clock()
        return Admission(id=document_id(bum_id), address=address, expires=given + _life_of(address))

    def is_open(self, admission: Admission) -> bool:
        """Whether the address still takes the PDF."""
        return admission.expires is not None and self._clock() < admission.expires - EARLY

    async def put(self, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission) -> None:
        """Puts the PDF to its address. Raises Refused where it did not get there, OutcomeUnknown where it may have."""
        content = _image(invoice, files)
        # The address is the key: a bearer token must not be seen there, nor is one accepted.
        reply = await self._http.write(
            "PUT", admission.address, content=content, headers={"Content-Type": PDF}, authorized=False
        )
        if reply.ok and not is_web_page(reply):  # U22
            return
        said = _words(reply)
        if reply.ok:
            raise OutcomeUnknown(system=SYSTEM, detail=f"a page in place of an answer: {said}", status=reply.status)
        if reply.status == 403:
            # Too late by their clock. This call left nothing; whether an earlier one did is not known here.
            raise OutcomeUnknown(system=SYSTEM, detail=f"the upload address is over: {said}", status=reply.status)
        raise refused(Reason.RECORD_REFUSED, invoice.key, said)


def handed_in_since(admission: Admission, *, now: datetime) -> datetime:
    """When the ticket was given: nothing of it can be older."""
    given, life = _signed_at(admission.address), _life_of(admission.address)
    return given or (admission.expires or now) - life


def _signed_at(address: str) -> datetime | None:
    try:
        return datetime.strptime(_query(address)["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _life_of(address: str) -> timedelta:
    seconds = _query(address).get("x-amz-expires", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() else _ASSUMED_LIFE


def _query(address: str) -> dict[str, str]:
    return {name.lower(): values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def _image(invoice: SupplierInvoice, files: Sequence[InvoiceFile]) -> bytes:
    image = image_of(invoice)
    content = next((file.content for file in files if image is not None and file.name == image.name), None)
    if content is None:
        raise refused(Reason.FILE_MISSING, f"{invoice.key} came without its PDF")
    if _BEGINNING not in content[:_BEGINS_WITHIN]:
        raise refused(Reason.FILE_MISSING, f"the file of {invoice.key} is no PDF, whatever its name says")
    return content


def _object(reply: Reply) -> dict[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _words(reply: Reply) -> str:
    told = _ERROR.search(reply.text())
    return f"{reply.status} {told[1]}: {told[2]}" if told else f"{reply.status} {reply.text(200)}".strip()
