"""Brings documents on, several at once, each by itself in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ml_connector.connectors.errors import ConnectorError
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.invoices.answers import Answers
from ml_connector.flows.invoices.checks import Checks
from ml_connector.flows.invoices.notes import Notes
from ml_connector.flows.invoices.posting import Posting
from ml_connector.flows.invoices.work import CREATE, DISCARD, POST, REJECT, Work
from ml_connector.flows.workplace import LeaseLost, Workplace
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import Document

log = structlog.get_logger(__name__)


class InvoiceFlow:
    """The documents of one connection, for as long as this process works it."""

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.place = place
        self.circuits = circuits
        self.in_hand: set[str] = set()
        parallel = min(place.ledger.capabilities.parallel_documents, place.payables.capabilities.parallel_documents)
        self._hands = asyncio.Semaphore(max(1, parallel))
        self.notes = Notes(place, circuits)
        self.posting = Posting(place, circuits, self.notes)
        self.answers = Answers(place, circuits, self.notes)
        self.checks = Checks(place, circuits, self.notes, self.posting, self._hands)

    async def bring_on_due(self) -> int:
        """Brings on every document that is due, until none is or the slice is over. The number brought on."""
        done = 0
        batch = self.place.ledger.capabilities.find_batch
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as hands:
            while not self.place.stopping.is_set() and self.circuits.opens_at() is None:
                chosen = await self._choose(1 if self.circuits.probing else batch)
                if not chosen:
                    break
                done += len(chosen)
                running |= {hands.create_task(self._bring_on(work)) for work in await self._prepare(chosen)}
                # Enough in hand: the next batch is checked while this one is being posted.
                most = 0 if self.circuits.probing else 2 * batch
                while len(running) > most:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        return done

    async def _choose(self, limit: int) -> list[Document]:
        chosen = await self.notes.documents.due(now=self.place.clock(), limit=limit, without=self.in_hand)
        self.in_hand.update(each.key for each in chosen)
        return chosen

    async def _prepare(self, chosen: Sequence[Document]) -> list[Work]:
        ready: list[Work] = []
        try:
            ready = await self.checks.prepare(chosen)
        finally:
            kept = {work.document.key for work in ready}
            self.in_hand.difference_update(each.key for each in chosen if each.key not in kept)
        return ready

    async def _bring_on(self, work: Work) -> None:
        try:
            async with self._hands:
                # What was not begun yet is left for the next process.
                if not self.place.closing.is_set():
                    await self._advance(work)
        except (LeaseLost, SQLAlchemyError):
            raise
        except Exception as fault:
            # One document that cannot be understood must not keep the others waiting for ever.
            log.exception("A document could not be brought on.", document=work.document.key)
            finding = Finding(Reason.UNEXPECTED, "The connector", f"{type(fault).__name__}: {fault}")
            await self.notes.hold(work.document, (finding,))
        finally:
            self.in_hand.discard(work.document.key)

    async def _advance(self, work: Work) -> None:
        """Does the next thing until the document rests. Whatever the other sides answer ends in a state."""
        current: Work | None = work
        try:
            while current is not None:
                work = current
                current = await self._step(work)
        except ConnectorError as error:
            await self.notes.meet(work, error)

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
