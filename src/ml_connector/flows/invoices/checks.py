"""The beginning of a document's way, in batches: acknowledged, mapped, checked, and looked for in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ml_connector.connectors.base import Acknowledgement
from ml_connector.connectors.errors import ConnectorError
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.invoices.notes import Notes
from ml_connector.flows.invoices.posting import Posting
from ml_connector.flows.invoices.work import DISCARD, DONE, REJECT, Work
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import Bill, BillStatus, DocumentStatus, LedgerBill
from ml_connector.store.changes import Change
from ml_connector.store.documents import Document


class Checks:
    """Everything that is done before the first write to the ledger."""

    def __init__(
        self, place: Workplace, circuits: Circuits, notes: Notes, posting: Posting, hands: asyncio.Semaphore
    ) -> None:
        self.place = place
        self.circuits = circuits
        self.notes = notes
        self.posting = posting
        self.hands = hands

    async def prepare(self, batch: Sequence[Document]) -> list[Work]:
        """Acknowledges, maps, checks and looks for the documents that stand at the beginning; sorts out the rest."""
        at_start = [each for each in batch if _at_start(each)]
        others = [each for each in batch if not _at_start(each)]
        ready = [work for each in others if (work := await self._taken_up(each)) is not None]
        try:
            acknowledged = [each for each in await self._acknowledge_all(at_start) if each is not None]
            ready += await self._check_all(acknowledged)
        except ConnectorError as error:
            for each in at_start:
                await self.notes.put_down(each, error)
        return ready

    async def _taken_up(self, document: Document) -> Work | None:
        coded = self.notes.coded(document)
        if (
            coded.bill is None
            and document.intent not in (REJECT, DISCARD)
            and document.status is not DocumentStatus.POSTED
        ):
            return await self.notes.settle_findings(document, coded.findings)
        return Work(document, coded.bill, fresh=False)

    async def _acknowledge_all(self, documents: Sequence[Document]) -> list[Document | None]:
        return list(await asyncio.gather(*(self._acknowledge(each) for each in documents)))

    async def _acknowledge(self, document: Document) -> Document | None:
        if document.acknowledged:
            return document
        answer = await self.place.payables.acknowledge(document.document_id)
        await self.circuits.heard("payables")
        if answer is Acknowledgement.GONE:
            entry = self.notes.entry(
                document, "acknowledged", "cancelled", "The payables system no longer has the document."
            )
            await self.notes.write(document, entry, status=DocumentStatus.CANCELLED, next_due=None)
            return None
        return replace(document, acknowledged=True)

    async def _check_all(self, documents: Sequence[Document]) -> list[Work]:
        coded = {each.key: self.notes.coded(each) for each in documents}
        bills = [each.bill for each in coded.values() if each.bill is not None]
        against = dict(await self.place.ledger.check(bills)) if bills else {}
        there = dict(await self.place.ledger.find(bills)) if bills else {}
        if bills:
            await self.circuits.heard("ledger")
        twins = await self._twins(documents)
        checked: list[tuple[Document, Bill]] = []
        ready: list[Work] = []
        for document in documents:
            bill = coded[document.key].bill
            findings = (*coded[document.key].findings, *against.get(document.key, ()))
            if bill is None or findings:
                returned = await self.notes.settle_findings(document, findings)
                ready += [returned] if returned is not None else []
                continue
            adopted = await self._sort_existing(document, bill, there.get(document.key, ()), twins)
            if adopted is None:
                checked.append((document, bill))
            elif adopted.status is DocumentStatus.POSTED:
                ready.append(Work(adopted, bill, fresh=False))
        await self.notes.documents.change_all([self._checked(each) for each, _ in checked], at=self.place.clock())
        return ready + [
            Work(replace(each, status=DocumentStatus.CHECKED, acknowledged=True), bill) for each, bill in checked
        ]

    def _checked(self, document: Document) -> Change:
        values: dict[str, Any] = {
            "status": DocumentStatus.CHECKED, "acknowledged": True, "reason": None, "findings": [],
            "intent": None, "bill_id": None,
        }  # fmt: skip
        entry = self.notes.entry(
            document, "checked", "ok", "Acknowledged; mapped, checked against the ledger and not there yet."
        )
        return Change(document.key, values, entry)

    async def _twins(self, documents: Sequence[Document]) -> dict[tuple[str, str, str], str]:
        """References of ours that are being worked, and the document that was first with each."""
        rows = await self.place.database.fetch(
            """SELECT DISTINCT ON (kind, supplier, upper(invoice_number))
                kind, supplier, upper(invoice_number) AS number, key, document_id
            FROM document WHERE connection_id = :c AND upper(invoice_number) = ANY(:numbers)
                AND status IN ('checked', 'posting', 'unconfirmed')
            ORDER BY kind, supplier, upper(invoice_number), created_at, key""",
            c=self.place.connection, numbers=[each.invoice_number.upper() for each in documents],
        )  # fmt: skip
        first = {(row["kind"], row["supplier"], row["number"]): row["document_id"] for row in rows}
        for document in documents:
            first.setdefault(_reference(document), document.document_id)
        return first

    async def _sort_existing(
        self, document: Document, bill: Bill, there: Sequence[LedgerBill], twins: dict[tuple[str, str, str], str]
    ) -> Document | None:
        """None where nothing stands in the way; otherwise the document as it now stands.

        Ours is what an earlier transfer of the same document left. The rest is somebody else's: a person decides.
        """
        standing = [each for each in there if each.status is not BillStatus.CANCELLED]
        owners = await self.notes.documents.owners([each.id for each in standing]) if standing else {}
        foreign: list[LedgerBill] = []
        for each in standing:
            owner = owners.get(each.id)
            if owner is None or owner.document_id != document.document_id:
                foreign.append(each)
            elif each.status in DONE:
                return await self.posting.adopt_posted(
                    document, each, "It is posted already, from an earlier transfer."
                )
            elif each.status is BillStatus.PENDING:
                return await self.posting.wait_for_approval(document, each, ())
            else:
                await self.place.ledger.discard(bill, each)
        if foreign:
            return await self.notes.hold_duplicate(document, f"{foreign[0].number} ({foreign[0].status})")
        first = twins.get(_reference(document), document.document_id)
        if first != document.document_id:
            return await self.notes.hold_duplicate(document, f"the document {first}, which is being posted")
        return None


def _at_start(document: Document) -> bool:
    if document.status is DocumentStatus.HELD:
        return document.bill_id is None and document.intent is None
    return document.status in (DocumentStatus.RECEIVED, DocumentStatus.CHECKED) and document.intent is None


def _reference(document: Document) -> tuple[str, str, str]:
    return (str(document.kind), document.supplier, document.invoice_number.upper())
