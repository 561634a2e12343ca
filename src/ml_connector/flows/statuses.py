"""Statuses: what becomes of a supplier invoice in the payables system comes back to its trail, and as a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.http import recording
from ml_connector.flows.pages import read_ahead
from ml_connector.flows.supplier_invoices.notes import ADDRESSES
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.money import round_amount
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import Standing, StandingStage
from ml_connector.store.changes import Change
from ml_connector.store.documents import Document, document_from, findings_to
from ml_connector.store.trail import Entry

NOTE_TRIES: Final = 50
"""Runs after which a note that could not be written is given up."""
REFUSALS: Final = 3
"""The same for one that the ERP refuses: it may be locked for the moment, a released invoice is for good."""
_OUTCOMES: Final = {
    StandingStage.DISPUTED: "held", StandingStage.REFUSED: "rejected", StandingStage.REMOVED: "cancelled",
}  # fmt: skip
_WORDS: Final = {
    StandingStage.ENTERED: "in process",
    StandingStage.APPROVED: "approved",
    StandingStage.PAID: "paid",
    StandingStage.DISPUTED: "disputed",
    StandingStage.REFUSED: "turned away on its way in",
    StandingStage.REMOVED: "removed",
}


@dataclass(frozen=True, slots=True)
class _Heard:
    """A standing that differs from the one before, and the sentence about it."""

    document: Document
    standing: Standing
    sentence: str
    to_be_noted: bool


class StatusFlow:
    """One run: hears what changed in the payables system, keeps it, and puts it to the ERP's invoices as notes."""

    def __init__(self, place: Workplace, *, run_id: int, full: bool = False) -> None:
        self.place = place
        self.run_id = run_id
        self.full = full
        self.counts = Counts()
        self.documents = place.documents()

    async def run(self) -> Counts:
        """Raises ConnectorError where a side cannot be worked with; what was heard is kept."""
        await self._hear()
        if self.place.writes_notes:
            await self._write_notes()
        return self.counts

    # ------------------------------------------------------------------ hearing

    async def _hear(self) -> None:
        marks = self.place.marks()
        mark = await marks.read(Flow.STATUSES)
        before = mark.value if mark else None
        newest = before
        async for page in read_ahead(self.place.inbound.standings(since=None if self.full else before)):
            self.place.go_on()
            self.counts.read += len(page.records)
            await self._keep(page.records)
            if page.mark is not None and page.mark != newest:
                newest = page.mark
                await marks.move(Flow.STATUSES, newest, at=self.place.clock())
        if mark is None and newest is None:
            await marks.move(Flow.STATUSES, None, at=self.place.clock())

    async def _keep(self, standings: Sequence[Standing]) -> None:
        """What is not of ours is passed over; several standings of one invoice are kept one after the other."""
        left = list(standings)
        while left:
            alone = {each.id: each for each in reversed(left)}
            ours = await self._ours(list(alone.values()))
            heard = [_heard(ours[each.id], each, self.place) for each in alone.values() if each.id in ours]
            changes = [self._change(each) for each in heard if each is not None]
            self.counts.unchanged += sum(each is None for each in heard)
            self.counts.rejected += sum(
                each is not None and each.standing.stage is StandingStage.REFUSED for each in heard
            )
            await self.documents.change_all(changes, at=self.place.clock())
            await self._forget_addresses([each.document for each in heard if each is not None])
            taken = {id(each) for each in alone.values()}
            left = [each for each in left if id(each) not in taken]

    async def _ours(self, standings: Sequence[Standing]) -> dict[str, Document]:
        """The documents that these standings are about, by the standing's id."""
        linked = await self.documents.linked([each.document_id for each in standings if each.document_id])
        ours = {each.id: linked[each.document_id] for each in standings if each.document_id in linked}
        return {**ours, **await self.documents.admitted([each.id for each in standings])}

    async def _forget_addresses(self, documents: Sequence[Document]) -> None:
        """What stands in the payables system needs no address any more to be handed in at."""
        keys = [each.key for each in documents if each.admission_expires is not None and each.intent is not None]
        if keys:
            await self.place.database.execute(
                "DELETE FROM secret WHERE connection_id = :c AND side = :side AND field = ANY(:keys)",
                c=self.place.connection, side=ADDRESSES, keys=keys,
            )  # fmt: skip

    def _change(self, heard: _Heard) -> Change:
        document, standing = heard.document, heard.standing
        values: dict[str, Any] = {
            **self._state(document, standing), "standing": {**_kept(standing), "at": _time(standing)},
            "run_id": self.run_id,
            "payables_id": standing.document_id or document.payables_id, "paid_total": standing.paid_total,
            "paid_on": standing.paid_on,
        }  # fmt: skip
        if heard.to_be_noted and self.place.writes_notes:
            values["notes_due"] = [*(document.notes_due or ()), {"text": heard.sentence, "tries": 0}]
        entry = Entry(
            Flow.STATUSES, document.document_id, "status", _OUTCOMES.get(standing.stage, "ok"), heard.sentence,
            detail={"admission": standing.id, "document": standing.document_id, "status": standing.status},
        )  # fmt: skip
        return Change(document.key, values, entry)

    def _state(self, document: Document, standing: Standing) -> dict[str, Any]:
        """Whatever we thought of it: what the payables system says of its own documents is so."""
        at_rest: dict[str, Any] = {"intent": None, "next_due": None}
        if standing.stage is StandingStage.REFUSED:
            finding = Finding(Reason.TURNED_AWAY, standing.message or standing.status, standing.status)
            return {
                **at_rest, "status": DocumentStatus.REJECTED, "reason": finding.reason, "posted_at": None,
                "findings": findings_to([finding]),
            }  # fmt: skip
        if standing.stage is StandingStage.REMOVED:
            finding = Finding(Reason.REMOVED, standing.message or standing.status, standing.status)
            return {
                **at_rest, "status": DocumentStatus.CANCELLED, "reason": finding.reason, "posted_at": None,
                "findings": findings_to([finding]),
            }  # fmt: skip
        paid = standing.stage is StandingStage.PAID
        return {
            **at_rest, "status": DocumentStatus.PAID if paid else DocumentStatus.TRANSFERRED, "reason": None,
            "findings": [], "posted_at": document.posted_at or self.place.clock(),
        }  # fmt: skip

    # ------------------------------------------------------------------ notes

    async def _write_notes(self) -> None:
        after = ""
        while True:
            rows = await self.place.database.fetch(
                "SELECT * FROM document WHERE connection_id = :c AND notes_due IS NOT NULL AND key > :after "
                "ORDER BY key LIMIT 100",
                c=self.place.connection, after=after,
            )  # fmt: skip
            if not rows:
                return
            for row in rows:
                self.place.go_on()
                await self._note(document_from(row))
            after = rows[-1]["key"]

    async def _note(self, document: Document) -> None:
        """In the order in which they were heard; the first one that fails keeps those after it waiting."""
        left = [dict(each) for each in document.notes_due or ()]
        while left:
            async with recording() as exchanges:
                try:
                    await self.place.source.write_note(document.document_id, str(left[0]["text"]))
                except ConnectorError as error:
                    if self.place.concerns_side(error):
                        raise
                    await self._note_failed(document, left, error)
                    return
            told = left.pop(0)
            self.counts.sent += 1
            entry = Entry(
                Flow.STATUSES, document.document_id, "noted", "ok", f"Put to the invoice in the ERP: {told['text']}",
                exchanges=tuple(exchanges),
            )  # fmt: skip
            await self.documents.change(document.key, entry, at=self.place.clock(), notes_due=left or None)

    async def _note_failed(self, document: Document, left: list[dict[str, Any]], error: ConnectorError) -> None:
        self.counts.failed += 1
        left[0]["tries"] = int(left[0]["tries"]) + 1
        given_up = left[0]["tries"] >= (REFUSALS if isinstance(error, Refused) else NOTE_TRIES)
        words = "It is given up." if given_up else "It is tried again with the next run."
        entry = Entry(
            Flow.STATUSES, document.document_id, "noted", "failed", f"The note could not be written. {words} {error}"
        )  # fmt: skip
        rest = left[1:] if given_up else left
        await self.documents.change(document.key, entry, at=self.place.clock(), notes_due=rest or None)


def _heard(document: Document, standing: Standing, place: Workplace) -> _Heard | None:
    """None where it stands as it did."""
    before: Mapping[str, Any] = document.standing or {}
    kept = _kept(standing)
    if {name: before.get(name) for name in kept} == kept or _is_older(standing, before):
        return None
    spoken = ("stage", "message", "paid_total", "paid_on")
    differs = any(before.get(name) != kept[name] for name in spoken)
    is_news = standing.stage is not StandingStage.ENTERED or bool(before)
    return _Heard(document, standing, _sentence(document, standing, place), to_be_noted=differs and is_news)


def _kept(standing: Standing) -> dict[str, Any]:
    """What of a standing makes it another one."""
    return {
        "stage": str(standing.stage), "status": standing.status, "message": standing.message,
        "paid_total": None if standing.paid_total is None else _plain(standing.paid_total),
        "paid_on": standing.paid_on.isoformat() if standing.paid_on else None,
    }  # fmt: skip


def _is_older(standing: Standing, before: Mapping[str, Any]) -> bool:
    """True for one that comes late: two lists tell of the same invoice, and what overlaps is told again."""
    known = before.get("at")
    return standing.at is not None and known is not None and standing.at < datetime.fromisoformat(known)


def _time(standing: Standing) -> str | None:
    return None if standing.at is None else standing.at.isoformat()


def _sentence(document: Document, standing: Standing, place: Workplace) -> str:
    """One line about it, with the moment: the same news on another day is another sentence."""
    at = standing.at or place.clock()
    paid = ""
    if standing.stage is StandingStage.PAID and standing.paid_total is not None:
        paid = f", {round_amount(standing.paid_total, document.currency)} {document.currency}"
        paid += f" on {standing.paid_on.isoformat()}" if standing.paid_on else ""
    said = f": {' '.join(standing.message.split())}" if standing.message else ""
    return f"{at:%Y-%m-%d %H:%M} {place.payables.name}: {_WORDS[standing.stage]}{paid} ({standing.status}){said}"


def _plain(amount: Decimal) -> str:
    """124 and 124.00 are one amount."""
    return f"{amount.normalize():f}"
