"""Brings approved invoices on, several at once, each by itself in order."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.connectors.errors import ConnectorError
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.hands import DocumentFlow
from ml_connector.flows.invoices.answers import Answers
from ml_connector.flows.invoices.checks import Checks
from ml_connector.flows.invoices.notes import Notes
from ml_connector.flows.invoices.posting import Posting
from ml_connector.flows.invoices.work import CREATE, DISCARD, POST, REJECT, Work
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import DocumentStatus
from ml_connector.store.documents import Document


class InvoiceFlow(DocumentFlow[Work]):
    """The documents of one connection, for as long as this process works it."""

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.notes = Notes(place, circuits)
        super().__init__(place, circuits, self.notes, batch=place.ledger.capabilities.find_batch)
        self.posting = Posting(place, circuits, self.notes)
        self.answers = Answers(place, circuits, self.notes)
        self.checks = Checks(place, circuits, self.notes, self.posting, self.hands)

    async def prepare(self, batch: Sequence[Document]) -> list[Work]:
        return await self.checks.prepare(batch)

    def document_of(self, work: Work) -> Document:
        return work.document

    async def advance(self, work: Work) -> None:
        """Does the next thing until the document rests. Whatever the other sides answer ends in a state."""
        current: Work | None = work
        try:
            while current is not None:
                work = current
                current = await self._step(work)
        except ConnectorError as error:
            await self.notes.meet(work.document, error)

    async def _step(self, work: Work) -> Work | None:  # noqa: PLR0911 - one line a state
        document = work.document
        if document.intent == REJECT:
            return await self.answers.reject(work)
        if document.intent == DISCARD:
            return await self.answers.discard(work)
        if document.status is DocumentStatus.POSTED:
            return await self.answers.respond(work)
        if document.intent == CREATE:
            return await self.posting.look_for_created(work)
        if document.intent == POST:
            return await self.posting.look_at_posted(work)
        if document.bill_id is not None:
            return await self.posting.resume_draft(work)
        return await self.posting.create(work)
