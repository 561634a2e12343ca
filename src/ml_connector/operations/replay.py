"""What a person does about a document at rest: tries it again, links it to a bill, returns it to the clerk."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ml_connector.engine.process import Process
from ml_connector.engine.sides import Sides
from ml_connector.flows.coding import code_invoice, kind_of, posting_date_of
from ml_connector.operations import replay_supplied as supplied
from ml_connector.operations.moves import Move, NotPossible, Step, change
from ml_connector.operations.runs import LOOK_EVERY, working
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import ApprovedInvoice, BillStatus, DocumentStatus, LedgerBill, TransferStage
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import ACTIVE, Document, document_from, findings_to

__all__ = ["NotPossible", "Replayed", "Step", "follow_documents", "link", "reject", "replay"]

REST_WITHIN: Final = timedelta(seconds=90)
"""A document that is tried again later than this is not waited for."""
_STILL_OPEN: Final = (TransferStage.OFFERED, TransferStage.FETCHED)
_AT_END: Final = (DocumentStatus.TRANSFERRED, DocumentStatus.PAID, DocumentStatus.CANCELLED)
_DISCARD: Final = "discard"
_REJECT: Final = "reject"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one document's replay. `refusal` is None where it goes back to work."""

    key: str
    connection: str
    document_id: str
    invoice_number: str
    refusal: str | None = None


# ------------------------------------------------------------------ replay


async def replay(process: Process, documents: Sequence[Document], *, step: Step, actor: str) -> list[Replayed]:
    """Sends documents back to work; one that is posted is never posted a second time.

    Raises `ConnectorError` where the payables system has to be asked (`Step.START`, or for a returned document)
    and cannot be.
    """
    by_connection: dict[str, list[Document]] = defaultdict(list)
    done: list[Replayed] = []
    for document in documents:
        if document.flow is Flow.SUPPLIER_INVOICES:
            done.append(await _replay_supplied(process, document, step=step, actor=actor))
        else:
            by_connection[document.connection_id].append(document)
    for connection, theirs in by_connection.items():
        fresh, refusals = await _read_again(process, connection, theirs, step=step)
        for document in theirs:
            refusal = refusals.get(document.key)
            if refusal is None:
                refusal = await _send_back(process, document, fresh.get(document.key), step=step, actor=actor)
            done.append(Replayed(document.key, connection, document.document_id, document.invoice_number, refusal))
    return done


async def _replay_supplied(process: Process, document: Document, *, step: Step, actor: str) -> Replayed:
    refusal = await supplied.send_back(process, document, step=step, actor=actor)
    return Replayed(document.key, document.connection_id, document.document_id, document.invoice_number, refusal)


async def _read_again(
    process: Process, connection: str, documents: Sequence[Document], *, step: Step
) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, str]]:
    """The newest content of those documents that begin anew, by key; and why some cannot."""
    wanted = [
        each for each in documents
        if each.posted_at is None
        and (each.status is DocumentStatus.REJECTED or (each.status is DocumentStatus.HELD and step is Step.START))
    ]  # fmt: skip
    if not wanted:
        return {}, {}
    sides = await process.open_sides(connection)
    slots = asyncio.Semaphore(sides.payables.capabilities.parallel_documents)

    async def read(document: Document) -> ApprovedInvoice | None:
        async with slots:
            return await sides.payables.read_document(document.document_id)

    try:
        found = await asyncio.gather(*(read(each) for each in wanted))
        fresh = {
            document.key: _content(sides, invoice, today=process.clock().date())
            for document, invoice in zip(wanted, found, strict=True)
            if invoice is not None and invoice.stage in _STILL_OPEN
        }
    finally:
        await sides.close()
    closed = {
        document.key: _closed_sentence(document, invoice)
        for document, invoice in zip(wanted, found, strict=True)
        if document.key not in fresh
    }
    return fresh, closed


def _closed_sentence(document: Document, invoice: ApprovedInvoice | None) -> str:
    stands = "is no longer there" if invoice is None else f"has the status {invoice.status} there"
    if document.status is DocumentStatus.REJECTED:
        return (
            f"It was returned to the clerk and {stands}: the clerk transfers it again in the payables system, "
            "which makes a new attempt."
        )
    return (
        f"In the payables system it {stands}, so it cannot be posted from here: have it transferred again there, "
        "or use --from check to go on with what is stored."
    )


def _content(sides: Sides, invoice: ApprovedInvoice, *, today: date) -> dict[str, Any]:
    payload = sides.payables.document_payload(invoice)
    canonical = json.dumps(payload, sort_keys=True, default=str, separators=(",", ":"))
    return {
        "payload": json.dumps(payload, default=str), "payload_hash": hashlib.sha256(canonical.encode()).hexdigest(),
        "invoice_number": invoice.number, "supplier": invoice.supplier, "supplier_name": invoice.supplier_name,
        "net": invoice.net, "gross": invoice.gross, "currency": invoice.currency,
        "invoice_date": invoice.invoice_date, "kind": str(kind_of(invoice, sides.mapping)),
        "posting_date": posting_date_of(invoice, sides.mapping, today=today),
        "acknowledged": invoice.stage is TransferStage.FETCHED,
    }  # fmt: skip


async def _send_back(
    process: Process, document: Document, fresh: Mapping[str, Any] | None, *, step: Step, actor: str
) -> str | None:
    """Writes the replay; a sentence where the document does not allow it."""

    def move(now: Document) -> Move:
        again = _again(now, step)
        if fresh is None or now.posted_at is not None:
            return again
        # A bill that may stand in the ledger belongs to the content it was made from: that is kept.
        content = {} if now.bill_id else fresh
        return Move({**content, **again.values}, again.summary)

    try:
        await change(process, document.key, move, step="replayed", actor=actor)
    except NotPossible as refused:
        return str(refused)
    return None


def _again(document: Document, step: Step) -> Move:
    """How a document goes on, from what is stored of it. Raises `NotPossible`."""
    if document.status in _AT_END:
        raise NotPossible(_ended_sentence(document))
    if document.status in ACTIVE:
        return Move({}, "Tried again at once.")
    if document.posted_at is not None:
        return Move(
            {"status": DocumentStatus.POSTED, "intent": None},
            f"Its bill {document.bill_number} is posted: the payables system is told again.",
        )
    if step is Step.RESPOND:
        raise NotPossible("No bill is posted for it yet, so there is nothing to tell. Use --from post or --from check.")
    if document.status is DocumentStatus.REJECTED:
        # A new answer needs a code of its own: the attempt is part of it.
        values: dict[str, Any] = {
            "status": DocumentStatus.RECEIVED, "intent": None, "responded_at": None, "response_message": None,
            "attempts": document.attempts + 1,
        }  # fmt: skip
        return Move(values, "Taken up again: it is still open in the payables system.")
    if document.intent is not None:
        return Move({}, "Tried again at once.")
    if document.bill_id is not None and step in (Step.START, Step.POST):
        return Move({"status": DocumentStatus.POSTING, "intent": None}, "Goes on with the draft that is there.")
    return Move({"status": DocumentStatus.RECEIVED, "intent": None}, "Checked again from the start.")


def _ended_sentence(document: Document) -> str:
    if document.status is DocumentStatus.CANCELLED:
        return "It was cancelled: a later transfer took its place, or the payables system no longer has it."
    return f"It is posted as {document.bill_number} and the payables system was told: there is nothing to replay."


async def follow_documents(process: Process, keys: Sequence[str], told: Callable[[int, int], None]) -> list[Document]:
    """Works the documents' connections until they rest, one after the other. `told` hears how many of all do."""
    by_connection: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_connection[key.split("/", 1)[0]].append(key)
    at_rest: list[Document] = []
    for connection, theirs in by_connection.items():
        async with working(process, connection):
            while True:
                documents = await _read(process, theirs)
                moving = sum(not _rests(process, each) for each in documents)
                told(len(at_rest) + len(theirs) - moving, len(keys))
                if not moving:
                    break
                await asyncio.sleep(LOOK_EVERY)
        at_rest += documents
    return at_rest


async def _read(process: Process, keys: Sequence[str]) -> list[Document]:
    rows = await process.database.fetch("SELECT * FROM document WHERE key = ANY(:keys) ORDER BY key", keys=list(keys))
    return [document_from(row) for row in rows]


def _rests(process: Process, document: Document) -> bool:
    now = process.clock()
    if document.next_due is None:
        return True
    if document.status in ACTIVE or document.intent is not None:
        return document.next_due > now + REST_WITHIN
    return document.next_due > now


# ------------------------------------------------------------------ link and reject


async def link(process: Process, document: Document, bill: str, *, actor: str) -> Document:
    """A person says: this bill in the ledger is this invoice. The payables system is told as of any posting.

    Of an invoice on its way into the payables system it says which document there it is. Raises `NotPossible`, and
    `ConnectorError` where the other side cannot be asked.
    """
    if document.flow is Flow.SUPPLIER_INVOICES:
        return await supplied.link(process, document, bill, actor=actor)
    _require_open(document)
    sides = await process.open_sides(document.connection_id)
    try:
        found = await _bill_named(sides, document, bill)
    finally:
        await sides.close()
    rows = await process.database.fetch(
        "SELECT key FROM document WHERE connection_id = :c AND bill_id = :b AND key <> :key "
        "AND status NOT IN ('cancelled', 'rejected')",
        c=document.connection_id, b=found.id, key=document.key,
    )  # fmt: skip
    if rows:
        raise NotPossible(f"The bill {found.number} is tied to the document {rows[0]['key']} already.")

    def move(now: Document) -> Move:
        _require_open(now)
        if now.bill_id is not None and now.bill_id != found.id:
            raise NotPossible(
                f"A draft of this invoice ({now.bill_number}) stands in the ledger. Reject the document, or delete "
                "the draft in the ledger and replay with --from check, before it is linked to another bill."
            )
        values: dict[str, Any] = {
            "status": DocumentStatus.POSTED, "intent": None, "bill_id": found.id, "bill_number": found.number,
            "bill_journal": found.journal or None, "bill_gross": found.gross, "posted_at": process.clock(),
            "linked_by": actor, "reason": None, "findings": "[]",
        }  # fmt: skip
        return Move(values, f"Linked by a person to the bill {found.number}; no bill is made.")

    return await change(process, document.key, move, step="linked", actor=actor, bill=found.number)


async def _bill_named(sides: Sides, document: Document, name: str) -> LedgerBill:
    invoice = sides.payables.parse_document(document.payload)
    coded = code_invoice(
        invoice, sides.mapping, key=document.key, today=document.posting_date or date.min,
        number_length=sides.ledger.capabilities.number_length,
    )  # fmt: skip
    if coded.bill is None:
        words = " ".join(each.sentence() for each in coded.findings)
        raise NotPossible(f"The ledger cannot be asked for the bills of this invoice. {words}")
    there = (await sides.ledger.find([coded.bill])).get(document.key, ())
    for each in there:
        if name in (each.number, each.id):
            if each.status in (BillStatus.POSTED, BillStatus.PAID):
                return each
            raise NotPossible(f"The bill {each.number} is not posted ({each.status}). Have it posted or deleted first.")
    known = ", ".join(f"{each.number} ({each.status})" for each in there) or "none"
    raise NotPossible(
        f"The ledger has no bill {name} of supplier {document.supplier} with the number {document.invoice_number}. "
        f"Of that supplier and number it has: {known}."
    )


async def reject(process: Process, document: Document, message: str, *, actor: str) -> Document:
    """A person returns a held document to the clerk, with a message. A draft of it is removed first.

    An invoice on its way into the payables system is left out instead.

    Raises `NotPossible`.
    """
    words = " ".join(message.split())
    if not words:
        raise NotPossible("Say in the message why the invoice is returned: the clerk reads it.")

    if document.flow is Flow.SUPPLIER_INVOICES:
        return await supplied.leave_out(process, document, words, actor=actor)

    def move(now: Document) -> Move:
        _require_open(now)
        values: dict[str, Any] = {
            "intent": _DISCARD if now.bill_id else _REJECT, "reason": str(Reason.RETURNED),
            "findings": json.dumps(findings_to([Finding(Reason.RETURNED, words)])), "attempts": now.attempts + 1,
        }  # fmt: skip
        return Move(values, f"Returned to the clerk by a person: {words}")

    return await change(process, document.key, move, step="to reject", actor=actor)


def _require_open(document: Document) -> None:
    if document.posted_at is not None:
        raise NotPossible(
            f"It is posted already as {document.bill_number}. What is posted is corrected in the ledger, by a credit."
        )
    if document.intent in (_REJECT, _DISCARD):
        raise NotPossible("It is being returned to the clerk already.")
    if document.status is not DocumentStatus.HELD:
        raise NotPossible(f"Only a held document can be decided on; this one is {document.status}.")
