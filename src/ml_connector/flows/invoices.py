"""Approved invoices become posted bills, exactly once.

A document is a row and a small state machine: read the row, do the one next thing, write what came of it.

    received ──► checked ──► posting[create] ──► posting[post] ──► posted ──► transferred
        │            │            │  lost reply        │
        ▼            ▼            ▼                    ▼
      held / rejected        unconfirmed: look before anything else

`intent` names the write that may be under way. A row that is found with an intent, or in `posted`, begins with a
look, since whoever wrote it may have died before or after the call.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ml_connector.connectors.base import Acknowledgement, TransferResponse
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused
from ml_connector.connectors.http import Exchange, recording
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.coding import Coded, code_invoice, within_tolerance
from ml_connector.flows.workplace import LeaseLost, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import (
    Bill,
    BillStatus,
    DocumentKind,
    DocumentStatus,
    LedgerBill,
    TransferStage,
)
from ml_connector.records.money import round_amount
from ml_connector.records.reason import Finding, Policy, Reason, explain
from ml_connector.store.changes import Change
from ml_connector.store.documents import Document, Documents, findings_to
from ml_connector.store.trail import Entry

log = structlog.get_logger(__name__)

CREATE: Final = "create"
POST: Final = "post"
DISCARD: Final = "discard"
REJECT: Final = "reject"
APPROVAL_WAIT: Final = timedelta(minutes=15)
_CODES: Final = uuid.UUID("6f1c1e0a-6d0f-5b0e-8b6c-2f6d1f3f2c11")
_DONE: Final = frozenset({BillStatus.POSTED, BillStatus.PAID})


@dataclass(frozen=True, slots=True)
class Work:
    """A document in hand. `fresh` is True while this process itself saw every write of it answered."""

    document: Document
    bill: Bill | None
    fresh: bool = True


class InvoiceFlow:
    """Brings documents on, several at once, each by itself in order."""

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.place = place
        self.circuits = circuits
        self.documents: Documents = place.documents()
        self.in_hand: set[str] = set()
        parallel = min(place.ledger.capabilities.parallel_documents, place.payables.capabilities.parallel_documents)
        self._hands = asyncio.Semaphore(max(1, parallel))

    # ------------------------------------------------------------------ what is due

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
        chosen = await self.documents.due(now=self.place.clock(), limit=limit, without=self.in_hand)
        self.in_hand.update(each.key for each in chosen)
        return chosen

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
            await self._hold(work.document, (finding,))
        finally:
            self.in_hand.discard(work.document.key)

    # ------------------------------------------------------------------ check, in batches

    async def _prepare(self, batch: Sequence[Document]) -> list[Work]:
        """Acknowledges, maps, checks and looks for the documents that stand at the beginning; sorts out the rest."""
        at_start = [each for each in batch if _at_start(each)]
        others = [each for each in batch if not _at_start(each)]
        ready = [work for each in others if (work := await self._taken_up(each)) is not None]
        try:
            acknowledged = [each for each in await self._acknowledge_all(at_start) if each is not None]
            ready += await self._check_all(acknowledged)
        except ConnectorError as error:
            for each in at_start:
                await self._put_down(each, error)
        finally:
            kept = {work.document.key for work in ready}
            self.in_hand.difference_update(each.key for each in batch if each.key not in kept)
        return ready

    async def _taken_up(self, document: Document) -> Work | None:
        coded = self._coded(document)
        if (
            coded.bill is None
            and document.intent not in (REJECT, DISCARD)
            and document.status is not DocumentStatus.POSTED
        ):
            return await self._settle_findings(document, coded.findings)
        return Work(document, coded.bill, fresh=False)

    def _coded(self, document: Document) -> Coded:
        invoice = self.place.payables.parse_document(document.payload)
        return code_invoice(
            invoice, self.place.mapping, key=document.key,
            today=document.posting_date or self.place.clock().date(),
            number_length=self.place.ledger.capabilities.number_length,
        )  # fmt: skip

    async def _acknowledge_all(self, documents: Sequence[Document]) -> list[Document | None]:
        return list(await asyncio.gather(*(self._acknowledge(each) for each in documents)))

    async def _acknowledge(self, document: Document) -> Document | None:
        if document.acknowledged:
            return document
        async with self._hands:
            answer = await self.place.payables.acknowledge(document.document_id)
        await self.circuits.heard("payables")
        if answer is Acknowledgement.GONE:
            entry = self._entry(
                document, "acknowledged", "cancelled", "The payables system no longer has the document."
            )
            await self._write(document, entry, status=DocumentStatus.CANCELLED, next_due=None)
            return None
        return replace(document, acknowledged=True)

    async def _check_all(self, documents: Sequence[Document]) -> list[Work]:
        coded = {each.key: self._coded(each) for each in documents}
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
                returned = await self._settle_findings(document, findings)
                ready += [returned] if returned is not None else []
                continue
            adopted = await self._sort_existing(document, bill, there.get(document.key, ()), twins)
            if adopted is None:
                checked.append((document, bill))
            elif adopted.status is DocumentStatus.POSTED:
                ready.append(Work(adopted, bill, fresh=False))
        await self.documents.change_all([self._checked(each) for each, _ in checked], at=self.place.clock())
        return ready + [
            Work(replace(each, status=DocumentStatus.CHECKED, acknowledged=True), bill) for each, bill in checked
        ]

    def _checked(self, document: Document) -> Change:
        values: dict[str, Any] = {
            "status": DocumentStatus.CHECKED, "acknowledged": True, "reason": None, "findings": [],
            "intent": None, "bill_id": None,
        }  # fmt: skip
        entry = self._entry(
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
        owners = await self.documents.owners([each.id for each in standing]) if standing else {}
        foreign: list[LedgerBill] = []
        for each in standing:
            owner = owners.get(each.id)
            if owner is None or owner.document_id != document.document_id:
                foreign.append(each)
            elif each.status in _DONE:
                return await self._adopt_posted(document, each, "It is posted already, from an earlier transfer.")
            else:
                await self.place.ledger.discard(bill, each)
        if foreign:
            return await self._hold_duplicate(document, f"{foreign[0].number} ({foreign[0].status})")
        first = twins.get(_reference(document), document.document_id)
        if first != document.document_id:
            return await self._hold_duplicate(document, f"the document {first}, which is being posted")
        return None

    async def _hold_duplicate(self, document: Document, what: str) -> Document:
        finding = Finding(Reason.POSSIBLE_DUPLICATE, f"{document.invoice_number} of {document.supplier} as {what}")
        await self._hold(document, (finding,))
        return replace(document, status=DocumentStatus.HELD)

    # ------------------------------------------------------------------ one document

    async def _advance(self, work: Work) -> None:
        """Does the next thing until the document rests. Whatever the other sides answer ends in a state."""
        current: Work | None = work
        try:
            while current is not None:
                work = current
                current = await self._step(work)
        except ConnectorError as error:
            await self._meet(work, error)

    async def _step(self, work: Work) -> Work | None:  # noqa: PLR0911 - one line a state
        document = work.document
        if document.intent == REJECT:
            return await self._reject(work)
        if document.intent == DISCARD:
            return await self._discard(work)
        if document.status is DocumentStatus.POSTED:
            return await self._respond(work)
        if document.intent == CREATE:
            return await self._look_for_created(work)
        if document.intent == POST:
            return await self._look_at_posted(work)
        if document.bill_id is not None:
            return await self._resume_draft(work)
        return await self._create(work)

    async def _create(self, work: Work) -> Work | None:
        bill = work.bill
        assert bill is not None, "only coded documents get here"
        work = replace(work, document=await self._intend(work.document, CREATE))
        async with recording() as exchanges:
            try:
                created = await self.place.ledger.create(bill)
            except OutcomeUnknown as lost:
                return await self._unconfirmed(work, lost, exchanges)
            except ConnectorError as error:
                return await self._failed_write(work, error, exchanges)
        await self.circuits.heard("ledger")
        return await self._created(work, created, exchanges, "Created in the ledger.")

    async def _created(self, work: Work, created: LedgerBill, exchanges: Sequence[Exchange], how: str) -> Work | None:
        """Totals agree: the intent to post is written together with what was created. Otherwise the draft goes."""
        bill, document = work.bill, work.document
        assert bill is not None
        if created.status in _DONE:
            return await self._posted(replace(work, document=document), created, exchanges, how)
        finding = self._total_finding(bill, created)
        values: dict[str, Any] = {
            "bill_id": created.id, "bill_number": created.number, "bill_gross": created.gross,
            "status": DocumentStatus.POSTING,
        }  # fmt: skip
        if finding is not None:
            entry = self._entry(document, "compared", "failed", finding.sentence(), exchanges, totals=finding.subject)
            values |= {"intent": DISCARD, "reason": finding.reason, "findings": findings_to([finding])}
            await self._write(document, entry, **values)
            return replace(work, document=replace(document, **{**values, "findings": (finding,)}))
        entry = self._entry(
            document, "created", "ok", f"{how} Totals agree; posting.", exchanges,
            bill_id=created.id, draft=created.number, total=str(created.gross),
        )  # fmt: skip
        values |= {"intent": POST, "intent_at": self.place.clock()}
        await self._write(document, entry, **values)
        return await self._post(replace(work, document=replace(document, **values), fresh=True), created)

    def _total_finding(self, bill: Bill, created: LedgerBill) -> Finding | None:
        if created.gross is None or within_tolerance(created.gross, bill.gross, bill.currency, self.place.mapping):
            return None
        ours = round_amount(bill.gross, bill.currency)
        theirs = round_amount(created.gross, bill.currency)
        return Finding(Reason.TOTALS_DIFFER, f"{theirs} in the ledger, {ours} {bill.currency} on the invoice")

    async def _post(self, work: Work, draft: LedgerBill) -> Work | None:
        assert work.bill is not None
        async with recording() as exchanges:
            try:
                posted = await self.place.ledger.post(work.bill, draft)
            except OutcomeUnknown as lost:
                return await self._unconfirmed(work, lost, exchanges)
            except ConnectorError as error:
                return await self._failed_write(work, error, exchanges)
        await self.circuits.heard("ledger")
        return await self._posted(work, posted, exchanges, "Posted in the ledger.")

    async def _posted(self, work: Work, posted: LedgerBill, exchanges: Sequence[Exchange], how: str) -> Work | None:
        if posted.status is BillStatus.PENDING:
            await self._wait_for_approval(work.document, posted, exchanges)
            return None
        values = self._posted_values(posted)
        entry = self._entry(
            work.document, "posted", "ok", f"{how} Its number is {posted.number}.", exchanges,
            bill_id=posted.id, number=posted.number, total=str(posted.gross),
        )  # fmt: skip
        await self._write(work.document, entry, **values)
        return replace(work, document=replace(work.document, **values))

    def _posted_values(self, posted: LedgerBill) -> dict[str, Any]:
        return {
            "status": DocumentStatus.POSTED, "intent": None, "bill_id": posted.id, "bill_number": posted.number,
            "bill_journal": posted.journal or None, "bill_gross": posted.gross, "posted_at": self.place.clock(),
            "reason": None,
        }  # fmt: skip

    async def _adopt_posted(self, document: Document, posted: LedgerBill, how: str) -> Document:
        values = {**self._posted_values(posted), "acknowledged": True}
        entry = self._entry(
            document, "found", "ok", f"{how} Its number is {posted.number}; no second bill is made.",
            bill_id=posted.id, number=posted.number,
        )  # fmt: skip
        await self._write(document, entry, **values)
        return replace(document, **values)

    async def _wait_for_approval(self, document: Document, pending: LedgerBill, exchanges: Sequence[Exchange]) -> None:
        finding = Finding(Reason.AWAITS_APPROVAL, pending.number)
        entry = self._entry(document, "posted", "waits", finding.sentence(), exchanges, bill_id=pending.id)
        await self._write(
            document, entry, status=DocumentStatus.HELD, intent=None, bill_id=pending.id, bill_number=pending.number,
            reason=finding.reason, findings=findings_to([finding]), next_due=self.place.clock() + APPROVAL_WAIT,
        )  # fmt: skip

    async def _intend(self, document: Document, intent: str) -> Document:
        values: dict[str, Any] = {
            "status": DocumentStatus.POSTING, "intent": intent, "intent_at": self.place.clock(),
            "attempts": document.attempts + 1,
        }  # fmt: skip
        entry = self._entry(document, f"to {intent}", "begun", f"About to {intent} the bill in the ledger.")
        await self._write(document, entry, **values)
        return replace(document, **values)

    # ------------------------------------------------------------------ looking

    async def _look_for_created(self, work: Work) -> Work | None:
        """A create went out and we do not know what came of it: what is in the ledger since then is ours."""
        assert work.bill is not None
        bill, document = work.bill, work.document
        async with recording() as exchanges:
            there = (await self.place.ledger.find([bill])).get(bill.key, ())
            await self.circuits.heard("ledger")
            standing = [each for each in there if each.status is not BillStatus.CANCELLED]
            ours = [each for each in standing if _is_what_we_sent(each, bill, self.place)]
            if not standing:
                return await self._not_there(work, exchanges)
            if not ours:
                await self._hold_duplicate(document, f"{standing[0].number}, which is not what was sent")
                return None
            first, *others = sorted(ours, key=lambda each: (each.status not in _DONE, each.number))
            for stray in others:
                if stray.status is BillStatus.DRAFT:
                    await self.place.ledger.discard(bill, stray)
            if first.status is BillStatus.DRAFT:
                first = await self.place.ledger.complete(bill, first)
        return await self._created(work, first, exchanges, "Its answer was lost; found in the ledger by looking.")

    async def _not_there(self, work: Work, exchanges: Sequence[Exchange]) -> Work | None:
        document = work.document
        asked = document.intent_at or self.place.clock()
        settles = asked + timedelta(seconds=self.place.ledger.capabilities.write_settles_after)
        if self.place.clock() < settles:
            entry = self._entry(
                document, "looked", "waits", "Not in the ledger so far; the write may still be under way.", exchanges
            )
            await self._write(document, entry, status=DocumentStatus.UNCONFIRMED, next_due=settles)
            return None
        entry = self._entry(
            document, "looked", "ok", "Not in the ledger: the write was not done; it is made again.", exchanges
        )
        values: dict[str, Any] = {
            "status": DocumentStatus.RECEIVED, "intent": None, "bill_id": None, "next_due": self.place.clock(),
        }  # fmt: skip
        await self._write(document, entry, **values)
        return None

    async def _look_at_posted(self, work: Work) -> Work | None:
        """A post went out and we do not know what came of it: the bill's own status tells."""
        bill, document = work.bill, work.document
        assert bill is not None
        assert document.bill_id is not None
        async with recording() as exchanges:
            there = await self.place.ledger.read_bill(bill, document.bill_id)
        await self.circuits.heard("ledger")
        if there is None or there.status is BillStatus.CANCELLED:
            return await self._begin_again(work, exchanges, "The draft is gone from the ledger; it is made again.")
        if there.status in _DONE:
            return await self._posted(work, there, exchanges, "Its answer was lost; found posted by looking.")
        asked = document.intent_at or self.place.clock()
        settles = asked + timedelta(seconds=self.place.ledger.capabilities.write_settles_after)
        if self.place.clock() < settles:
            entry = self._entry(
                document, "looked", "waits", "Still a draft so far; the posting may be under way.", exchanges
            )
            await self._write(document, entry, status=DocumentStatus.UNCONFIRMED, next_due=settles)
            return None
        entry = self._entry(document, "looked", "ok", "Still a draft: it is posted again.", exchanges)
        values: dict[str, Any] = {"status": DocumentStatus.POSTING, "intent_at": self.place.clock()}
        await self._write(document, entry, **values)
        return await self._post(replace(work, document=replace(document, **values), fresh=True), there)

    async def _resume_draft(self, work: Work) -> Work | None:
        """A draft of ours that was kept: brought to what the invoice says, compared and posted."""
        bill, document = work.bill, work.document
        assert bill is not None
        assert document.bill_id is not None
        async with recording() as exchanges:
            there = await self.place.ledger.read_bill(bill, document.bill_id)
            if there is None or there.status is BillStatus.CANCELLED:
                return await self._begin_again(work, exchanges, "The draft is gone from the ledger; it is made again.")
            if there.status is BillStatus.DRAFT:
                there = await self.place.ledger.complete(bill, there)
        return await self._created(work, there, exchanges, "Its draft was kept in the ledger.")

    async def _begin_again(self, work: Work, exchanges: Sequence[Exchange], why: str) -> None:
        entry = self._entry(work.document, "looked", "ok", why, exchanges)
        await self._write(
            work.document, entry, status=DocumentStatus.RECEIVED, intent=None, bill_id=None, bill_number=None,
            next_due=self.place.clock(),
        )  # fmt: skip

    # ------------------------------------------------------------------ what goes wrong

    async def _unconfirmed(self, work: Work, lost: OutcomeUnknown, exchanges: Sequence[Exchange]) -> None:
        """No clear answer: the next thing is a look, at once if the other side can be reached."""
        entry = self._entry(
            work.document, f"to {work.document.intent}", "unknown", str(lost), exchanges, request_id=lost.request_id
        )
        await self._write(
            work.document, entry, status=DocumentStatus.UNCONFIRMED, reason=Reason.OUTCOME_UNKNOWN,
            next_due=self.place.clock(),
        )  # fmt: skip

    async def _failed_write(self, work: Work, error: ConnectorError, exchanges: Sequence[Exchange]) -> Work | None:
        """The ledger said no, or could not: nothing new was done by this write."""
        document = work.document
        if self.place.concerns_side(error):
            until = await self.circuits.trip(error)
            values = {
                "status": DocumentStatus.POSTING if document.bill_id else DocumentStatus.RECEIVED,
                "intent": None, "attempts": document.attempts - 1, "next_due": until,
            }  # fmt: skip
            entry = self._entry(document, f"to {document.intent}", "waits", str(error), exchanges)
            await self._write(document, entry, **values)
            return None
        return await self._settle_findings(document, error.findings, exchanges, step=f"to {document.intent}")

    async def _meet(self, work: Work, error: ConnectorError) -> None:
        """An error of a read, or of a response, outside the writes to the ledger."""
        if isinstance(error, Refused) and not self.place.concerns_side(error):
            await self._hold(work.document, error.findings)
            return
        await self._put_down(work.document, error)

    async def _put_down(self, document: Document, error: ConnectorError) -> None:
        """The side is out of reach: the document waits where it stands and burns no attempt."""
        if self.place.concerns_side(error):
            until = await self.circuits.trip(error)
        elif isinstance(error, OutcomeUnknown):
            until = self.place.back_off(document.attempts)
        else:
            await self._hold(document, error.findings)
            return
        entry = self._entry(document, "waits", "waits", str(error))
        await self._write(document, entry, next_due=until)

    async def _settle_findings(
        self, document: Document, findings: Iterable[Finding], exchanges: Sequence[Exchange] = (), step: str = "checked"
    ) -> Work | None:
        """Returned, held or tried again, by the policy of the gravest finding. The clerk is told of all of them."""
        findings = tuple(dict.fromkeys(findings))
        policy = _gravest(findings)
        if policy is Policy.RETURN:
            entry = self._entry(document, step, "failed", _sentences(findings), exchanges)
            intent = DISCARD if document.bill_id else REJECT
            values: dict[str, Any] = {
                "intent": intent, "acknowledged": True, "reason": findings[0].reason,
                "findings": findings_to(findings), "next_due": self.place.clock(),
            }  # fmt: skip
            await self._write(document, entry, **values)
            return Work(replace(document, **{**values, "findings": findings}), None)
        await self._hold(document, findings, exchanges, step=step, again=policy is Policy.RETRY)
        return None

    async def _hold(
        self, document: Document, findings: Sequence[Finding], exchanges: Sequence[Exchange] = (),
        *, step: str = "held", again: bool = False,
    ) -> None:  # fmt: skip
        due = self.place.back_off(8) if again else None
        entry = self._entry(document, step, "held", _sentences(findings), exchanges)
        await self._write(
            document, entry, status=DocumentStatus.HELD, intent=None, acknowledged=document.acknowledged,
            reason=findings[0].reason, findings=findings_to(findings), next_due=due,
        )  # fmt: skip

    async def _discard(self, work: Work) -> Work | None:
        """A draft that cannot be posted is removed before the invoice goes back."""
        document = work.document
        assert document.bill_id is not None
        bill = work.bill or self._coded(document).bill
        async with recording() as exchanges:
            if bill is not None:
                draft = await self.place.ledger.read_bill(bill, document.bill_id)
                if draft is not None and draft.status is BillStatus.DRAFT:
                    await self.place.ledger.discard(bill, draft)
        entry = self._entry(document, "discarded", "ok", "The draft was removed from the ledger.", exchanges)
        values: dict[str, Any] = {"intent": REJECT, "bill_id": None, "bill_number": None, "bill_gross": None}
        await self._write(document, entry, **values)
        return replace(work, document=replace(document, **values), fresh=True)

    # ------------------------------------------------------------------ the answer

    async def _reject(self, work: Work) -> None:
        """Returned to the clerk with the reasons in plain words."""
        document = work.document
        message = _cut(_sentences(document.findings), self.place.payables.capabilities.message_length)
        response = TransferResponse(
            code=_response_code(document, success=False), success=False, message=message, at=self.place.clock()
        )
        told, exchanges = await self._tell(work, response)
        if not told:
            return
        entry = self._entry(document, "returned", "rejected", f"Returned to the clerk: {message}", exchanges)
        await self._write(
            document, entry, status=DocumentStatus.REJECTED, intent=None, next_due=None, response_message=message,
            responded_at=self.place.clock(),
        )  # fmt: skip

    async def _respond(self, work: Work) -> None:
        """Told of the posting, with the ledger's number."""
        document = work.document
        word = "credit note" if document.kind is DocumentKind.CREDIT_NOTE else "bill"
        message = f"Posted as {word} {document.bill_number}."
        response = TransferResponse(
            code=_response_code(document, success=True), success=True, message=message,
            bill_number=document.bill_number or "", journal=document.bill_journal or "",
            at=document.posted_at or self.place.clock(),
        )  # fmt: skip
        told, exchanges = await self._tell(work, response)
        if not told:
            return
        entry = self._entry(document, "transferred", "ok", f"The payables system was told: {message}", exchanges)
        await self._write(
            document, entry, status=DocumentStatus.TRANSFERRED, intent=None, next_due=None,
            response_message=message, responded_at=self.place.clock(), reason=None, findings=[],
        )  # fmt: skip

    async def _tell(self, work: Work, response: TransferResponse) -> tuple[bool, list[Exchange]]:
        """Sends a response that has not arrived yet. False where a person has to look first."""
        document = work.document
        async with recording() as exchanges:
            if not work.fresh:
                there = await self.place.payables.read_document(document.document_id)
                if there is not None and response.code in there.responses:
                    return True, exchanges
                if there is None or there.stage not in (TransferStage.OFFERED, TransferStage.FETCHED):
                    await self._response_unwanted(document, there.status if there else "gone", exchanges)
                    return False, exchanges
            try:
                await self.place.payables.respond(document.document_id, response)
            except OutcomeUnknown as lost:
                entry = self._entry(document, "to respond", "unknown", str(lost), exchanges)
                await self._write(document, entry, next_due=self.place.back_off(0))
                return False, exchanges
            except Refused as refused:
                if self.place.concerns_side(refused):
                    raise
                finding = Finding(Reason.RESPONSE_REFUSED, "see its own words", str(refused))
                reason = finding if document.bill_id else replace(finding, reason=refused.reason)
                await self._hold(document, (reason,), exchanges, step="to respond")
                return False, exchanges
        await self.circuits.heard("payables")
        return True, exchanges

    async def _response_unwanted(self, document: Document, status: str, exchanges: Sequence[Exchange]) -> None:
        """The document was answered or taken back meanwhile: what is posted stays, a person is told."""
        finding = Finding(Reason.CHANGED_MEANWHILE, status)
        await self._hold(document, (finding,), exchanges, step="to respond")

    # ------------------------------------------------------------------ writing down

    async def _write(self, document: Document, entry: Entry, **values: Any) -> None:
        await self.documents.change(document.key, entry, at=self.place.clock(), **values)

    def _entry(
        self,
        document: Document,
        step: str,
        outcome: str,
        summary: str,
        exchanges: Sequence[Exchange] = (),
        **detail: str,
    ) -> Entry:
        return Entry(
            flow=Flow.INVOICES, record=document.document_id, step=step, outcome=outcome, summary=summary,
            detail={"transfer": document.attempt, **detail}, exchanges=tuple(exchanges),
        )  # fmt: skip


def _at_start(document: Document) -> bool:
    if document.status is DocumentStatus.HELD:
        return document.bill_id is None and document.intent is None
    return document.status in (DocumentStatus.RECEIVED, DocumentStatus.CHECKED) and document.intent is None


def _reference(document: Document) -> tuple[str, str, str]:
    return (str(document.kind), document.supplier, document.invoice_number.upper())


def _is_what_we_sent(there: LedgerBill, bill: Bill, place: Workplace) -> bool:
    if there.line_count is not None and there.line_count < len(bill.lines):
        return False
    if there.gross is None:
        return True
    # A total that differs is found out right afterwards; here only a plainly different document is turned away.
    slack = max(abs(bill.gross) * Decimal("0.5"), place.mapping.tolerance.get(bill.currency, Decimal(1)))
    return abs(there.gross - bill.gross) <= slack


def _gravest(findings: Sequence[Finding]) -> Policy:
    policies = {explain(each.reason).policy for each in findings}
    for policy in (Policy.RETURN, Policy.HOLD):
        if policy in policies:
            return policy
    return Policy.RETRY


def _sentences(findings: Sequence[Finding]) -> str:
    return " ".join(dict.fromkeys(each.sentence() for each in findings))


def _cut(message: str, length: int) -> str:
    return message if len(message) <= length else message[: length - 1] + "…"


def _response_code(document: Document, *, success: bool) -> str:
    # The same for every try of the same answer: that is how a repeated one is recognised.
    count = "success" if success else f"failure/{document.attempts}"
    return str(uuid.uuid5(_CODES, f"{document.key}/{count}"))
