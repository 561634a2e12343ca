"""The way in: read once more, admitted, handed in; and the looks that settle what a lost answer left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused
from ml_connector.connectors.http import Exchange, recording
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.supplier_invoices.content import content_of
from ml_connector.flows.supplier_invoices.intake import aside_finding
from ml_connector.flows.supplier_invoices.notes import HAND_IN, SupplierNotes, told_of, without_files
from ml_connector.flows.supplier_invoices.waiting import Waiting
from ml_connector.flows.workplace import Workplace
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, SourceStage, SupplierInvoice, Whereabouts
from ml_connector.store.documents import Document, findings_to

ADDRESS_MARGIN: Final = timedelta(seconds=60)
"""An address that ends within this time is not begun with."""
LONGEST_WORDS: Final = 200
"""Signs of the other side's words that a sentence carries."""


class Handing:
    """Brings an invoice into the payables system, once."""

    def __init__(self, place: Workplace, circuits: Circuits, notes: SupplierNotes, waiting: Waiting) -> None:
        self.place = place
        self.circuits = circuits
        self.notes = notes
        self.waiting = waiting

    # ------------------------------------------------------------------ the first time

    async def begin(self, document: Document) -> None:
        """Nothing of it was handed in, or nothing of what was handed in entered. Raises ConnectorError of a read."""
        invoice = await self._read(document)
        if invoice is None:
            finding = Finding(Reason.VOIDED, document.bill_number or document.document_id)
            await self.notes.cancel(document, finding)
            return
        if not await self._may_go(document, invoice):
            return
        files = await self._files(invoice)
        admission = await self._admitted(document, invoice)
        if admission is None:
            return
        document = await self._intend(document, invoice, files, admission)
        await self._hand_in(document, invoice, files, admission, may_be_there=False)

    async def _read(self, document: Document) -> SupplierInvoice | None:
        """As it is in the ERP at this moment, with what is not kept here."""
        invoice = await self.place.source.read_invoice(document.document_id)
        await self.circuits.heard("ledger")
        return invoice

    async def _may_go(self, document: Document, invoice: SupplierInvoice) -> bool:
        """False where it rests instead, in its newest version."""
        content = content_of(invoice, at=self.place.clock())
        aside = aside_finding(invoice)
        if aside is not None and invoice.stage is not SourceStage.ON_HOLD:
            await self.notes.cancel(document, aside, **content)
            return False
        findings = [aside or self.place.inbound.objection(invoice)]
        if content["payload_hash"] != document.payload_hash:
            read = document.content_at or self.place.clock()
            awaited = await self.waiting.findings({document.key: (content["payload"], read)})
            findings += awaited.get(document.key, [])
        against = [each for each in findings if each is not None]
        if against:
            await self.notes.hold_for(document, against, **content)
        return not against

    async def _files(self, invoice: SupplierInvoice) -> list[InvoiceFile]:
        found = [InvoiceFile(each.name, await self.place.source.read_file(invoice, each)) for each in invoice.files]
        if found:
            await self.circuits.heard("ledger")
        return found

    async def _admitted(self, document: Document, invoice: SupplierInvoice) -> Admission | None:
        """What was kept of an earlier try, as long as it holds; None where the payables system refused one."""
        kept = await self.notes.admission_of(document)
        if kept is not None and self._is_alive(kept):
            return kept
        async with recording() as exchanges:
            try:
                admission = await self.place.inbound.admit(invoice, key=_lasting_key(document))
            except Refused as refused:
                if self.place.concerns_side(refused):
                    raise
                await self.notes.hold_for(document, refused.findings, exchanges, step="to hand in")
                return None
        await self.circuits.heard("payables")
        return admission

    def _is_alive(self, admission: Admission) -> bool:
        return admission.expires is None or admission.expires > self.place.clock() + ADDRESS_MARGIN

    async def _intend(
        self, document: Document, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission
    ) -> Document:
        """The admission, the version that goes and the intent are kept before anything of it is written."""
        values: dict[str, Any] = {
            **content_of(invoice, at=self.place.clock()), "status": DocumentStatus.POSTING, "intent": HAND_IN,
            "intent_at": self.place.clock(), "attempts": document.attempts + 1,
        }  # fmt: skip
        entry = self.notes.entry(
            document, "to hand in", "begun", "About to hand the invoice in.", admission=admission.id,
            files=told_of(files), hash=values["payload_hash"],
        )  # fmt: skip
        await self.notes.keep_admission(document, entry, admission, **values)
        return replace(
            document, status=DocumentStatus.POSTING, intent=HAND_IN, intent_at=values["intent_at"],
            attempts=values["attempts"], admission_id=admission.id, admission_token=admission.token or None,
            admission_expires=admission.expires, bill_number=invoice.number,
        )  # fmt: skip

    async def _hand_in(
        self, document: Document, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission, *,
        may_be_there: bool,
    ) -> None:  # fmt: skip
        """`may_be_there`: an earlier try under this admission may have entered, and a no is only about this one."""
        async with recording() as exchanges:
            try:
                await self.place.inbound.hand_in(invoice, files, admission)
            except OutcomeUnknown as lost:
                await self._unconfirmed(document, lost, without_files(exchanges))
                return
            except ConnectorError as error:
                if may_be_there:
                    await self._still_unconfirmed(document, error, without_files(exchanges))
                else:
                    await self._not_entered(document, error, without_files(exchanges))
                return
        await self.circuits.heard("payables")
        await self._entered(document, "Handed in to the payables system.", without_files(exchanges))

    # ------------------------------------------------------------------ looking

    async def look(self, document: Document) -> None:
        """It was handed in and we do not know what came of it. Raises ConnectorError of a read."""
        admission = await self.notes.admission_of(document)
        assert admission is not None, "the intent is written together with the admission"
        async with recording() as exchanges:
            where = await self.place.inbound.look(admission)
        await self.circuits.heard("payables")
        if where is Whereabouts.ENTERED:
            await self._entered(document, "Its answer was lost; found in the payables system by looking.", exchanges)
        elif self._is_alive(admission):
            await self._repeat(document, admission, where, exchanges)
        elif where is Whereabouts.ABSENT:
            await self._begin_again(document, exchanges)
        else:
            finding = Finding(Reason.ENTRY_UNCERTAIN, f"its id there is {admission.id}")
            await self._wait_for_a_person(document, finding, exchanges)

    async def _repeat(
        self, document: Document, admission: Admission, where: Whereabouts, exchanges: Sequence[Exchange]
    ) -> None:
        """The same under the same admission enters it once, whatever became of the first time."""
        invoice = await self._read(document)
        if invoice is None or invoice.stage is not SourceStage.READY:
            if where is Whereabouts.ABSENT:
                await self._begin_again(document, exchanges)
                return
            finding = Finding(Reason.ENTRY_UNCERTAIN, f"in the ERP it is no longer open; its id is {admission.id}")
            await self._wait_for_a_person(document, finding, exchanges)
            return
        files = await self._files(invoice)
        document = await self._intend(document, invoice, files, admission)
        may_be_there = where is not Whereabouts.ABSENT
        await self._hand_in(document, invoice, files, admission, may_be_there=may_be_there)

    async def _begin_again(self, document: Document, exchanges: Sequence[Exchange]) -> None:
        entry = self.notes.entry(
            document, "looked", "ok", "Not in the payables system: it did not enter, and is begun anew.", exchanges
        )
        await self.notes.write(
            document, entry, status=DocumentStatus.RECEIVED, intent=None, next_due=self.place.clock()
        )  # fmt: skip

    async def _wait_for_a_person(
        self, document: Document, finding: Finding, exchanges: Sequence[Exchange]
    ) -> None:  # fmt: skip
        """Looked for again by itself: it may only not be visible yet. What was told once is not told each time."""
        if document.status is DocumentStatus.HELD and document.findings == (finding,):
            await self.notes.documents.rest([document.key], until=self.place.back_off(8))
            return
        await self.notes.hold_uncertain(document, finding, exchanges)

    # ------------------------------------------------------------------ what comes of it

    async def _entered(self, document: Document, how: str, exchanges: Sequence[Exchange]) -> None:
        entry = self.notes.entry(
            document, "entered", "ok", f"{how} Its id there is {document.admission_id}.", exchanges,
            admission=document.admission_id,
        )  # fmt: skip
        await self.notes.write_and_forget(
            document, entry, status=DocumentStatus.TRANSFERRED, intent=None, next_due=None, reason=None, findings=[],
            posted_at=self.place.clock(), response_message=f"Entered under {document.admission_id}.",
        )  # fmt: skip

    async def _unconfirmed(self, document: Document, lost: OutcomeUnknown, exchanges: Sequence[Exchange]) -> None:
        """No clear answer: the next thing is a look, at once the first time."""
        due = self.place.clock() if document.attempts <= 1 else self.place.back_off(document.attempts)
        entry = self.notes.entry(
            document, "to hand in", "unknown", str(lost), exchanges, request_id=lost.request_id
        )  # fmt: skip
        await self.notes.write(
            document, entry, status=DocumentStatus.UNCONFIRMED, reason=Reason.OUTCOME_UNKNOWN, next_due=due
        )

    async def _still_unconfirmed(
        self, document: Document, error: ConnectorError, exchanges: Sequence[Exchange]
    ) -> None:  # fmt: skip
        """The repetition came to nothing; of the time before we know as little as we did."""
        if self.place.concerns_side(error):
            until = await self.circuits.trip(error)
            entry = self.notes.entry(document, "to hand in", "waits", str(error), exchanges)
            await self.notes.write(document, entry, status=DocumentStatus.UNCONFIRMED, next_due=until)
            return
        words = "; ".join(each.vendor_text for each in error.findings if each.vendor_text)
        finding = Finding(Reason.ENTRY_UNCERTAIN, f"its id there is {document.admission_id}", words)
        await self.notes.hold_uncertain(document, finding, exchanges)

    async def _not_entered(self, document: Document, error: ConnectorError, exchanges: Sequence[Exchange]) -> None:
        """The payables system said no, or could not: nothing entered. The admission stays for the next try."""
        if self.place.concerns_side(error):
            until = await self.circuits.trip(error)
            entry = self.notes.entry(document, "to hand in", "waits", str(error), exchanges)
            await self.notes.write(
                document, entry, status=DocumentStatus.RECEIVED, intent=None, attempts=document.attempts - 1,
                next_due=until,
            )  # fmt: skip
            return
        entry = self.notes.entry(document, "to hand in", "rejected", str(error), exchanges)
        await self.notes.write(
            document, entry, status=DocumentStatus.REJECTED, intent=None, next_due=None, reason=error.reason,
            findings=findings_to([_with_their_words(each) for each in error.findings]), response_message=str(error),
        )  # fmt: skip


def _with_their_words(finding: Finding) -> Finding:
    """What was refused says little without why."""
    words = " ".join(finding.vendor_text.split())[:LONGEST_WORDS].rstrip(".")
    return replace(finding, subject=f"{finding.subject} ({words})") if words else finding


def _lasting_key(document: Document) -> str:
    """One for each admission: only where one came to nothing for good is there another."""
    return f"{document.key}/{document.admissions}" if document.admissions else document.key
