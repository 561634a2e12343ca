"""The accounting documents and their life cycle (dossier 3.2, 3.3, 3.8 to 3.12)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ml_connector.sandbox.basware.approved import invoice_lines
from ml_connector.sandbox.basware.errors import refused
from ml_connector.sandbox.basware.shelf import Shelf
from ml_connector.sandbox.basware.wire import Fields, dumps, stamp, whole
from ml_connector.sandbox.clock import Clock

KEPT_RESPONSES = 100
OFFERED = frozenset(
    {
        "WaitingForPrebook",
        "WaitingForTransfer",
        "WaitingForPrebookCancelation",
        "WaitingToBeRemoved",
        "WaitingToBeReturned",
        "WaitingToBeCompleted",
    }
)
"""Statuses whose arrival is notified."""
_ACKNOWLEDGED = {
    "WaitingForTransfer": "TransferInProgress",
    "WaitingForPrebook": "PrebookInProgress",
    "WaitingForEnrichmentTransfer": "EnrichmentTransferInProgress",
    # U11: nothing but the acknowledgement can move these on.
    "WaitingForPrebookCancelation": "PrebookCancelationInProgress",
    "WaitingToBeRemoved": "Removed",
    "WaitingToBeReturned": "Returned",
    "WaitingToBeCompleted": "CompletionInProgress",
}
_BEFORE_TRANSFER = frozenset({"WaitingForTransfer", "TransferInProgress"})
_BEFORE_PREBOOK = frozenset({"WaitingForPrebook", "PrebookInProgress"})
_BEFORE_ENRICHMENT = frozenset({"WaitingForEnrichmentTransfer", "EnrichmentTransferInProgress"})
_AFTER_TRANSFER = frozenset({"Transferred", "Paid"})
_PAYMENT_FIELDS = ("paymentTermCode", "paymentMethod", "paymentMessage", "paymentBlock")


@dataclass(slots=True)
class Flags:
    """What the tenant, or a test, has switched on."""

    invoice_lines: bool = False
    attachments: bool = False
    unknown_fields: bool = False
    status_search: bool = False


@dataclass(slots=True)
class Document:
    """One document with its history of responses."""

    fields: Fields
    updated: datetime
    responses: dict[str, list[Fields]] = field(default_factory=dict)
    written: str | None = None
    """Its JSON, until it changes."""

    @property
    def invoice_id(self) -> str:
        """Its key."""
        return self.fields["invoiceId"]

    @property
    def status(self) -> str:
        """Its processing status."""
        return self.fields["processingStatus"]

    @property
    def rows(self) -> int:
        """How many coding rows it has."""
        return len(self.fields.get("codingRows") or [])

    @property
    def attachment(self) -> Fields:
        """Its one attachment, the image it was scanned from."""
        name = "".join(sign if sign.isalnum() else "-" for sign in self.fields.get("invoiceNumber", "invoice"))
        return {
            "externalCode": uuid.uuid5(uuid.NAMESPACE_OID, f"image/{self.invoice_id}").hex,
            "category": "ORIGINALIMAGE",
            "filename": f"{name[:60]}.pdf",
            "isConfidential": False,
            "creationTime": self.fields.get("invoiceDate") or stamp(self.updated),
        }

    def group(self) -> tuple[str, str, str]:
        """Where it stands on the shelf."""
        mode = self.fields.get("p2pProcessingMode", "Standard")
        return mode, self.status, self.fields["companyCode"]


class Documents:
    """All documents; every change of status is announced where somebody waits for it."""

    def __init__(self, clock: Clock, announce: Callable[[str, str, str], None]) -> None:
        self._clock = clock
        self._announce = announce
        self.flags = Flags()
        self.clear()

    def clear(self) -> None:
        """Removes every document."""
        self.shelf = Shelf()
        self.by_id: dict[str, Document] = {}
        self._by_number: dict[tuple[str, str], list[str]] = {}

    def set_flags(self, flags: Flags) -> None:
        """Changes what documents show."""
        self.flags = flags
        for document in self.by_id.values():
            document.written = None

    def add(self, fields: Fields, *, at: datetime | None = None, notify: bool = True) -> Document:
        """Takes an approved document in, replacing one of the same id."""
        document = Document(fields, whole(at or self._clock.now()))
        self.remove(document.invoice_id)
        for kind in ("transferResponses", "prebookResponses", "paymentResponses", "enrichmentResponses"):
            document.responses[kind] = list(fields.pop(kind, []))
        self.by_id[document.invoice_id] = document
        number = (fields["companyCode"], fields.get("invoiceNumber", ""))
        self._by_number.setdefault(number, []).append(document.invoice_id)
        self.shelf.put(document.invoice_id, document.updated, [document.group()])
        if notify:
            self._offer(document)
        return document

    def remove(self, code: str) -> bool:
        """Takes a document out of the API layer."""
        document = self.by_id.pop(code, None)
        if document is None:
            return False
        self.shelf.remove(code)
        self._by_number[document.fields["companyCode"], document.fields.get("invoiceNumber", "")].remove(code)
        return True

    def numbered(self, company: str, number: str) -> list[Document]:
        """The documents with that supplier's number."""
        return [self.by_id[invoice_id] for invoice_id in self._by_number.get((company, number), [])]

    def find(self, invoice_id: str) -> Document:
        """The document; refuses with 404."""
        document = self.by_id.get(invoice_id)
        if document is None:
            raise refused(404, "ENTITY_NOT_FOUND", f"There is no accounting document {invoice_id}.")
        return document

    def groups(self, *, mode: str, status: str | None, company: str | None) -> Iterable[tuple[str, str, str]]:
        """The shelf's groups that these filters ask for."""
        groups: list[Any] = list(self.shelf.groups())
        wanted = (mode, status, company)
        return [group for group in groups if all(want in (None, has) for want, has in zip(wanted, group, strict=True))]

    def write(self, document: Document) -> str:
        """The document's JSON as it is now."""
        if document.written is None:
            document.written = dumps(self._shown(document))
        return document.written

    def acknowledge(self, document: Document) -> None:
        """The receiver has it: it is no longer offered. 405 when it already has (dossier 3.8)."""
        following = _ACKNOWLEDGED.get(document.status)
        if following is None:
            message = f"Accounting document {document.invoice_id} has already been acknowledged."
            raise refused(405, "METHOD_NOT_ALLOWED", message)
        self._move(document, following)

    def transfer(self, document: Document, response: Fields) -> None:
        """The ledger's answer to a posting (dossier 3.9, U12)."""
        self._expect(document, _BEFORE_TRANSFER)
        self._keep(document, "transferResponses", response, taken_status=400)
        if response["success"]:
            self._store(document, response, ("voucherNumber1", "voucherNumber2", "paymentBlock"))
        self._move(document, "Transferred" if response["success"] else "TransferFailed")

    def prebook(self, document: Document, response: Fields) -> None:
        """The ledger's answer to a prebooking (dossier 3.10)."""
        self._expect(document, _BEFORE_PREBOOK, conflict="Prebooked")
        self._keep(document, "prebookResponses", response, taken_status=409)
        if response["success"]:
            self._store(document, response, ("voucherNumber1", "voucherNumber2", "paymentBlock"))
            document.fields["prebooked"] = True
        self._move(document, "Prebooked" if response["success"] else "PrebookFailed")

    def enrich(self, document: Document, response: Fields) -> None:
        """The answer to an enrichment (dossier 3.12)."""
        self._expect(document, _BEFORE_ENRICHMENT)
        self._keep(document, "enrichmentResponses", response, taken_status=400)
        self._move(document, "EnrichmentTransferred" if response["success"] else "EnrichmentTransferFailed")

    def pay(self, document: Document, response: Fields) -> None:
        """The payment as it stands: what is left out is cleared (dossier 3.11, U10)."""
        self._expect(document, _AFTER_TRANSFER)
        if not response.get("paymentDate"):
            response["paymentDate"] = self._clock.now().strftime("%Y-%m-%dT00:00:00Z")
        self._keep(document, "paymentResponses", response, taken_status=409)
        if not response["success"]:
            self._move(document, document.status)
            return
        for name in _PAYMENT_FIELDS:
            document.fields[name] = response.get(name)
        document.fields["paymentRevelsalDocument"] = response.get("paymentReversalDocument")
        self._move(document, "Paid")

    def offer_again(self, document: Document) -> None:
        """A user re-transfers it in Basware."""
        self._move(document, "WaitingForTransfer")

    def move_on(self, document: Document, status: str, fields: Fields) -> None:
        """Somebody in Basware changes these fields and brings it to that status."""
        document.fields.update(fields)
        self._move(document, status)

    def _expect(self, document: Document, statuses: frozenset[str], conflict: str | None = None) -> None:
        if document.status in statuses:
            return
        message = f"The response is not allowed: the document's status is {document.status}."
        if document.status == conflict:
            raise refused(409, "CONFLICT_IN_POST", message)
        raise refused(400, "DATA_VALIDATION_FAILED", message)

    def _keep(self, document: Document, kind: str, response: Fields, *, taken_status: int) -> None:
        kept = document.responses[kind]
        code = response["externalCode"]
        if any(old["externalCode"] == code for old in kept):
            message = f"External code {code} is already used in {kind} of the document."
            raise refused(taken_status, "CONFLICT_IN_POST", message, external_code=code)
        kept.append(response)
        del kept[:-KEPT_RESPONSES]

    def _store(self, document: Document, response: Fields, names: tuple[str, ...]) -> None:
        for name in names:
            if response.get(name) is not None:
                document.fields[name] = response[name]

    def _move(self, document: Document, status: str) -> None:
        arrives = status != document.status
        document.fields["processingStatus"] = status
        document.updated = whole(self._clock.now())
        document.written = None
        self.shelf.put(document.invoice_id, document.updated, [document.group()])
        if arrives:
            self._offer(document)

    def _offer(self, document: Document) -> None:
        if document.status in OFFERED:
            self._announce("AccountingDocuments", document.status, document.invoice_id)

    def _shown(self, document: Document) -> Fields:
        fields = {name: value for name, value in document.fields.items() if value is not None}
        shown: Fields = {**fields, "lastUpdated": stamp(document.updated), **document.responses}
        if self.flags.invoice_lines:
            shown.setdefault("invoiceLines", invoice_lines(fields))
        else:
            shown.pop("invoiceLines", None)
        if self.flags.attachments and document.status in _AFTER_TRANSFER:
            shown["attachments"] = [document.attachment]
        if self.flags.unknown_fields:
            shown["fieldOfTomorrow"] = {"added": "without a new version"}
            shown["codingRows"] = [{**row, "fieldOfTomorrow": 1} for row in fields.get("codingRows") or []]
        return shown
