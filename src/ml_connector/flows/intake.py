"""Intake: what the payables system offers becomes rows, once, by whichever door it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ml_connector.flows.coding import kind_of, posting_date_of
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import ApprovedInvoice, DocumentStatus, TransferStage
from ml_connector.store.documents import ACTIVE, Document, document_key
from ml_connector.store.trail import Entry


async def take_in(
    place: Workplace, invoices: Sequence[ApprovedInvoice], *, run_id: int | None, source: str
) -> tuple[int, int]:
    """Stores what is new. Returns how many were new and how many were known already."""
    wanted = [each for each in invoices if each.stage in (TransferStage.OFFERED, TransferStage.FETCHED)]
    if not wanted:
        return 0, len(invoices)
    documents = place.documents()
    known = await documents.latest([each.document_id for each in wanted])
    rows: list[dict[str, Any]] = []
    entries: list[Entry] = []
    for invoice in wanted:
        before = known.get(invoice.document_id)
        attempt = 1 if before is None else await _next_attempt(place, before, invoice)
        if attempt is None:
            continue
        if before is not None and before.status is DocumentStatus.HELD:
            await _supersede(place, before)
        row = _row(place, invoice, attempt=attempt, run_id=run_id)
        rows.append(row)
        entries.append(_entry(invoice, row, source=source))
    new = await documents.receive(rows, entries, at=place.clock()) if rows else 0
    return new, len(invoices) - new


async def _next_attempt(place: Workplace, before: Document, invoice: ApprovedInvoice) -> int | None:
    """The next transfer attempt's number where somebody transferred the document again; None where it is one work.

    One that is listed as fetched is ours, held. A list that offers it may be older than what we did since: the
    document itself is asked once more.
    """
    if before.status in ACTIVE or invoice.stage is not TransferStage.OFFERED:
        return None
    if before.status is DocumentStatus.HELD and not before.acknowledged:
        return None
    now = await place.payables.read_document(before.document_id)
    if now is None or now.stage is not TransferStage.OFFERED:
        return None
    return before.attempt + 1


async def _supersede(place: Workplace, held: Document) -> None:
    entry = Entry(
        flow=Flow.INVOICES, record=held.document_id, step="superseded", outcome="cancelled",
        summary="Transferred again from the payables system while it was held: the new transfer takes its place.",
    )  # fmt: skip
    await place.documents().change(
        held.key, entry, at=place.clock(), status=DocumentStatus.CANCELLED, next_due=None, intent=None
    )


def _row(place: Workplace, invoice: ApprovedInvoice, *, attempt: int, run_id: int | None) -> dict[str, Any]:
    now = place.clock()
    payload = place.payables.document_payload(invoice)
    canonical = json.dumps(payload, sort_keys=True, default=str, separators=(",", ":"))
    return {
        "key": document_key(place.connection, invoice.document_id, attempt),
        "connection_id": place.connection,
        "document_id": invoice.document_id,
        "attempt": attempt,
        "status": DocumentStatus.RECEIVED,
        "kind": kind_of(invoice, place.mapping),
        "invoice_number": invoice.number,
        "supplier": invoice.supplier,
        "supplier_name": invoice.supplier_name,
        "net": invoice.net,
        "gross": invoice.gross,
        "currency": invoice.currency,
        "invoice_date": invoice.invoice_date,
        "posting_date": posting_date_of(invoice, place.mapping, today=now.date()),
        "payload": payload,
        "payload_hash": hashlib.sha256(canonical.encode()).hexdigest(),
        "source_updated": invoice.updated,
        "next_due": now,
        "run_id": run_id,
        "created_at": now,
        "updated_at": now,
    }


def _entry(invoice: ApprovedInvoice, row: dict[str, Any], *, source: str) -> Entry:
    return Entry(
        flow=Flow.INVOICES, record=invoice.document_id, step="received", outcome="ok",
        summary=f"Read from the payables system, found by {source}.",
        detail={
            "attempt": row["attempt"], "hash": row["payload_hash"], "number": invoice.number,
            "supplier": invoice.supplier, "gross": str(invoice.gross), "currency": invoice.currency,
        },
    )  # fmt: skip
