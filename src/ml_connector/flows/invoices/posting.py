"""The writes to the ledger: created, compared, posted; and the looks that settle what a lost answer left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown
from ml_connector.connectors.http import Exchange, recording
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.coding import within_tolerance
from ml_connector.flows.invoices.notes import Notes
from ml_connector.flows.invoices.work import CREATE, DISCARD, DONE, POST, Work
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import Bill, BillStatus, DocumentStatus, LedgerBill
from ml_connector.records.money import round_amount
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import Document, findings_to

APPROVAL_WAIT: Final = timedelta(minutes=15)


class Posting:
    """Makes the bill of a document, once."""

    def __init__(self, place: Workplace, circuits: Circuits, notes: Notes) -> None:
        self.place = place
        self.circuits = circuits
        self.notes = notes

    async def create(self, work: Work) -> Work | None:
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
        if created.status is BillStatus.PENDING:
            await self.wait_for_approval(document, created, exchanges)
            return None
        finding = self._total_finding(bill, created)
        if created.status in DONE:
            if finding is None:
                return await self._posted(work, created, exchanges, how)
            await self._hold_posted(document, created, finding, exchanges)
            return None
        values: dict[str, Any] = {
            "bill_id": created.id, "bill_number": created.number, "bill_gross": created.gross,
            "status": DocumentStatus.POSTING,
        }  # fmt: skip
        if finding is not None:
            entry = self.notes.entry(
                document, "compared", "failed", finding.sentence(), exchanges, totals=finding.subject
            )
            values |= {"intent": DISCARD, "reason": finding.reason, "findings": findings_to([finding])}
            await self.notes.write(document, entry, **values)
            return replace(work, document=replace(document, **{**values, "findings": (finding,)}))
        entry = self.notes.entry(
            document, "created", "ok", f"{how} Totals agree; posting.", exchanges,
            bill_id=created.id, draft=created.number, total=str(created.gross),
        )  # fmt: skip
        # Whatever kept it before is over: a draft that goes from here on was not turned down by an approval.
        values |= {"intent": POST, "intent_at": self.place.clock(), "reason": None}
        await self.notes.write(document, entry, **values)
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
            await self.wait_for_approval(work.document, posted, exchanges)
            return None
        values = self._posted_values(posted)
        entry = self.notes.entry(
            work.document, "posted", "ok", f"{how} Its number is {posted.number}.", exchanges,
            bill_id=posted.id, number=posted.number, total=str(posted.gross),
        )  # fmt: skip
        await self.notes.write(work.document, entry, **values)
        return replace(work, document=replace(work.document, **values))

    def _posted_values(self, posted: LedgerBill) -> dict[str, Any]:
        return {
            "status": DocumentStatus.POSTED, "intent": None, "bill_id": posted.id, "bill_number": posted.number,
            "bill_journal": posted.journal or None, "bill_gross": posted.gross, "posted_at": self.place.clock(),
            "reason": None,
        }  # fmt: skip

    async def adopt_posted(self, document: Document, posted: LedgerBill, how: str) -> Document:
        values = {**self._posted_values(posted), "acknowledged": True}
        entry = self.notes.entry(
            document, "found", "ok", f"{how} Its number is {posted.number}; no second bill is made.",
            bill_id=posted.id, number=posted.number,
        )  # fmt: skip
        await self.notes.write(document, entry, **values)
        return replace(document, **values)

    async def _hold_posted(
        self, document: Document, posted: LedgerBill, finding: Finding, exchanges: Sequence[Exchange]
    ) -> None:
        """Posted at once, with another total: what stands in the books is for a person to judge."""
        told = Finding(Reason.POSTED_OTHERWISE, f"{posted.number}, {finding.subject}")
        entry = self.notes.entry(
            document, "compared", "held", told.sentence(), exchanges, bill_id=posted.id, number=posted.number,
        )  # fmt: skip
        await self.notes.write(
            document, entry, status=DocumentStatus.HELD, intent=None, bill_id=posted.id, bill_number=posted.number,
            bill_journal=posted.journal or None, bill_gross=posted.gross, reason=told.reason,
            findings=findings_to([told]), next_due=None,
        )  # fmt: skip

    async def wait_for_approval(
        self, document: Document, pending: LedgerBill, exchanges: Sequence[Exchange]
    ) -> Document:
        """The ledger's own approval has it: looked after from time to time until it is posted or turned down."""
        finding = Finding(Reason.AWAITS_APPROVAL, pending.number)
        values: dict[str, Any] = {
            "status": DocumentStatus.HELD, "intent": None, "bill_id": pending.id, "bill_number": pending.number,
            "acknowledged": True, "reason": finding.reason, "next_due": self.place.clock() + APPROVAL_WAIT,
        }  # fmt: skip
        entry = self.notes.entry(document, "posted", "waits", finding.sentence(), exchanges, bill_id=pending.id)
        await self.notes.write(document, entry, **values, findings=findings_to([finding]))
        return replace(document, **values, findings=(finding,))

    async def _intend(self, document: Document, intent: str) -> Document:
        values: dict[str, Any] = {
            "status": DocumentStatus.POSTING, "intent": intent, "intent_at": self.place.clock(),
            "attempts": document.attempts + 1,
        }  # fmt: skip
        entry = self.notes.entry(document, f"to {intent}", "begun", f"About to {intent} the bill in the ledger.")
        await self.notes.write(document, entry, **values)
        return replace(document, **values)

    # ------------------------------------------------------------------ looking

    async def look_for_created(self, work: Work) -> Work | None:
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
                await self.notes.hold_duplicate(document, f"{standing[0].number}, which is not what was sent")
                return None
            first, *others = sorted(ours, key=lambda each: (each.status not in DONE, each.number))
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
            entry = self.notes.entry(
                document, "looked", "waits", "Not in the ledger so far; the write may still be under way.", exchanges
            )
            await self.notes.write(document, entry, status=DocumentStatus.UNCONFIRMED, next_due=settles)
            return None
        entry = self.notes.entry(
            document, "looked", "ok", "Not in the ledger: the write was not done; it is made again.", exchanges
        )
        values: dict[str, Any] = {
            "status": DocumentStatus.RECEIVED, "intent": None, "bill_id": None, "next_due": self.place.clock(),
        }  # fmt: skip
        await self.notes.write(document, entry, **values)
        return None

    async def look_at_posted(self, work: Work) -> Work | None:
        """A post went out and we do not know what came of it: the bill's own status tells."""
        bill, document = work.bill, work.document
        assert bill is not None
        assert document.bill_id is not None
        async with recording() as exchanges:
            there = await self.place.ledger.read_bill(bill, document.bill_id)
        await self.circuits.heard("ledger")
        if there is None or there.status is BillStatus.CANCELLED:
            return await self._begin_again(work, exchanges, "The draft is gone from the ledger; it is made again.")
        if there.status in DONE:
            return await self._posted(work, there, exchanges, "Its answer was lost; found posted by looking.")
        asked = document.intent_at or self.place.clock()
        settles = asked + timedelta(seconds=self.place.ledger.capabilities.write_settles_after)
        if self.place.clock() < settles:
            entry = self.notes.entry(
                document, "looked", "waits", "Still a draft so far; the posting may be under way.", exchanges
            )
            await self.notes.write(document, entry, status=DocumentStatus.UNCONFIRMED, next_due=settles)
            return None
        entry = self.notes.entry(document, "looked", "ok", "Still a draft: it is posted again.", exchanges)
        values: dict[str, Any] = {"status": DocumentStatus.POSTING, "intent_at": self.place.clock()}
        await self.notes.write(document, entry, **values)
        return await self._post(replace(work, document=replace(document, **values), fresh=True), there)

    async def resume_draft(self, work: Work) -> Work | None:
        """A draft of ours that was kept: brought to what the invoice says, compared and posted."""
        bill, document = work.bill, work.document
        assert bill is not None
        assert document.bill_id is not None
        async with recording() as exchanges:
            there = await self.place.ledger.read_bill(bill, document.bill_id)
            if there is None or there.status is BillStatus.CANCELLED:
                if document.reason is Reason.AWAITS_APPROVAL:
                    if there is not None:
                        await self.place.ledger.discard(bill, there)
                    return await self._turned_down(work, exchanges)
                return await self._begin_again(work, exchanges, "The draft is gone from the ledger; it is made again.")
            if there.status is BillStatus.DRAFT:
                there = await self.place.ledger.complete(bill, there)
        return await self._created(work, there, exchanges, "Its draft was kept in the ledger.")

    async def _turned_down(self, work: Work, exchanges: Sequence[Exchange]) -> Work | None:
        """Refused in the ledger's own approval: to make the bill again would only ask the same question again."""
        document = replace(work.document, bill_id=None)
        finding = Finding(Reason.APPROVAL_REFUSED, work.document.bill_number or "")
        entry = self.notes.entry(document, "looked", "failed", finding.sentence(), exchanges)
        await self.notes.write(document, entry, bill_id=None, bill_number=None)
        return await self.notes.settle_findings(document, (finding,), step="approval")

    async def _begin_again(self, work: Work, exchanges: Sequence[Exchange], why: str) -> None:
        entry = self.notes.entry(work.document, "looked", "ok", why, exchanges)
        await self.notes.write(
            work.document, entry, status=DocumentStatus.RECEIVED, intent=None, bill_id=None, bill_number=None,
            next_due=self.place.clock(),
        )  # fmt: skip

    # ------------------------------------------------------------------ what goes wrong

    async def _unconfirmed(self, work: Work, lost: OutcomeUnknown, exchanges: Sequence[Exchange]) -> None:
        """No clear answer: the next thing is a look, at once if the other side can be reached."""
        entry = self.notes.entry(
            work.document, f"to {work.document.intent}", "unknown", str(lost), exchanges, request_id=lost.request_id
        )
        await self.notes.write(
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
            entry = self.notes.entry(document, f"to {document.intent}", "waits", str(error), exchanges)
            await self.notes.write(document, entry, **values)
            return None
        return await self.notes.settle_findings(document, error.findings, exchanges, step=f"to {document.intent}")


def _is_what_we_sent(there: LedgerBill, bill: Bill, place: Workplace) -> bool:
    """Sums before tax are ours to the cent; the tax is the ledger's, and compared right afterwards."""
    if there.line_count is not None and there.line_count != len(bill.lines):
        return False
    if there.net is not None:
        return round_amount(there.net, bill.currency) == round_amount(bill.net, bill.currency)
    if there.gross is None:
        return True
    slack = max(abs(bill.gross) * Decimal("0.5"), place.mapping.tolerance.get(bill.currency, Decimal(1)))
    return abs(there.gross - bill.gross) <= slack
