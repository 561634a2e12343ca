"""How documents are brought on, whichever way they go: several at once, each by itself in order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ml_connector.flows.circuit import Circuits
from ml_connector.flows.notes import DocumentNotes
from ml_connector.flows.workplace import LeaseLost, Workplace
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import Document

log = structlog.get_logger(__name__)

W = TypeVar("W")


class DocumentFlow(ABC, Generic[W]):
    """The documents of one connection, for as long as this process works it. `W` is one of them in hand."""

    def __init__(self, place: Workplace, circuits: Circuits, notes: DocumentNotes, *, batch: int) -> None:
        self.place = place
        self.circuits = circuits
        self.journal = notes
        self.batch = batch
        self.in_hand: set[str] = set()
        parallel = min(place.erp.capabilities.parallel_documents, place.payables.capabilities.parallel_documents)
        self.hands = asyncio.Semaphore(max(1, parallel))

    @abstractmethod
    async def prepare(self, batch: Sequence[Document]) -> list[W]:
        """What is done for many at once; those that are to be brought on one by one."""

    @abstractmethod
    async def advance(self, work: W) -> None:
        """Does the next thing until the document rests. Whatever the other sides answer ends in a state."""

    @abstractmethod
    def document_of(self, work: W) -> Document:
        """The document in hand."""

    async def bring_on_due(self) -> int:
        """Brings on every document that is due, until none is or the slice is over. The number brought on."""
        done = 0
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as hands:
            while not self.place.stopping.is_set() and self.circuits.opens_at() is None:
                chosen = await self._choose(1 if self.circuits.probing else self.batch)
                if not chosen:
                    break
                done += len(chosen)
                running |= {hands.create_task(self._bring_on(work)) for work in await self._prepare(chosen)}
                # Enough in hand: the next batch is prepared while this one is being brought on.
                most = 0 if self.circuits.probing else 2 * self.batch
                while len(running) > most:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        return done

    async def _choose(self, limit: int) -> list[Document]:
        chosen = await self.journal.documents.due(now=self.place.clock(), limit=limit, without=self.in_hand)
        self.in_hand.update(each.key for each in chosen)
        return chosen

    async def _prepare(self, chosen: Sequence[Document]) -> list[W]:
        ready: list[W] = []
        try:
            ready = await self.prepare(chosen)
        finally:
            kept = {self.document_of(work).key for work in ready}
            self.in_hand.difference_update(each.key for each in chosen if each.key not in kept)
        return ready

    async def _bring_on(self, work: W) -> None:
        document = self.document_of(work)
        try:
            async with self.hands:
                # What was not begun yet is left for the next process.
                if not self.place.closing.is_set():
                    await self.advance(work)
        except (LeaseLost, SQLAlchemyError):
            raise
        except Exception as fault:
            # One document that cannot be understood must not keep the others waiting for ever.
            log.exception("A document could not be brought on.", document=document.key)
            finding = Finding(Reason.UNEXPECTED, "The connector", f"{type(fault).__name__}: {fault}")
            await self.hold_unexpected(document, finding)
        finally:
            self.in_hand.discard(document.key)

    async def hold_unexpected(self, document: Document, finding: Finding) -> None:
        """Held after a fault of our own."""
        await self.journal.hold(document, (finding,))
