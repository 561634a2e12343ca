"""Payments, ledger to payables: the whole current picture of a bill's payment, sent only when it changed."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.connectors.base import PaymentResponse
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.http import recording
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus, Settlement
from ml_connector.store.documents import Document, document_from
from ml_connector.store.trail import Entry

_CODES: Final = uuid.UUID("0b1c8f52-7d1a-5d0e-9a77-3f6f3b7f0f52")


class PaymentFlow:
    """One run: read what changed in the ledger, keep it, tell the payables system."""

    def __init__(self, place: Workplace, *, run_id: int, full: bool = False) -> None:
        self.place = place
        self.run_id = run_id
        self.full = full
        self.counts = Counts()
        self.documents = place.documents()

    async def run(self) -> Counts:
        """Raises ConnectorError where a side cannot be worked with; what was read is kept for the next run."""
        await self._read()
        await self._send()
        return self.counts

    async def _read(self) -> None:
        marks = self.place.marks()
        mark = await marks.read(Flow.PAYMENTS)
        since = mark.value if mark and not self.full else None
        newest = since
        async for page in self.place.ledger.settlements(since=since, ours=self._ours):
            newest = page.mark or newest
            self.counts.read += len(page.records)
            await self._keep(page.records)
        if mark is None or newest != mark.value:
            await marks.move(Flow.PAYMENTS, newest, at=self.place.clock())

    async def _ours(self, bill_ids: Sequence[str]) -> Mapping[str, str]:
        rows = await self.place.database.fetch(
            "SELECT bill_id, bill_number FROM document WHERE connection_id = :c AND bill_id = ANY(:ids) "
            "AND status IN ('transferred', 'paid', 'posted')",
            c=self.place.connection, ids=list(bill_ids),
        )  # fmt: skip
        return {row["bill_id"]: row["bill_number"] or "" for row in rows}

    async def _keep(self, settlements: Sequence[Settlement]) -> None:
        """Stores the picture of every bill of ours that looks different from what was last told."""
        by_bill = {each.bill_id: each for each in settlements}
        owners = await self.documents.owners(list(by_bill)) if by_bill else {}
        cancelled: list[Document] = []
        async with self.place.database.transaction() as transaction:
            for bill_id, document in owners.items():
                settlement = by_bill[bill_id]
                if settlement.is_settled and settlement.paid_total == 0:
                    cancelled.append(document)
                    if not document.paid_total:
                        await _set_due(transaction, document, None)
                        continue
                    # A payment that was told is gone with the bill: that is told, too.
                    settlement = replace(settlement, is_settled=False)
                picture = _picture(settlement)
                due = document.payment_due
                if _hash(picture) == (_hash(due) if due is not None else document.payment_hash):
                    self.counts.unchanged += 1
                    continue
                if document.payment_hash is None and due is None and settlement.paid_total == 0:
                    self.counts.unchanged += 1
                    continue
                await _set_due(transaction, document, picture)
            await transaction.execute(text("SELECT fence(:c, :e)"), {"c": self.place.connection, "e": self.place.epoch})

        for document in cancelled:
            await self._note_cancelled(document)

    async def _note_cancelled(self, document: Document) -> None:
        """Settled without a payment: somebody cancelled the bill. The payables system has no word for that."""
        if document.status is DocumentStatus.CANCELLED:
            return
        entry = Entry(
            flow=Flow.PAYMENTS, record=document.document_id, step="cancelled", outcome="cancelled",
            summary=f"The bill {document.bill_number} was cancelled in the ledger.",
        )  # fmt: skip
        await self.documents.change(document.key, entry, at=self.place.clock(), status=DocumentStatus.CANCELLED)

    async def _send(self) -> None:
        after = ""
        while True:
            rows = await self.place.database.fetch(
                "SELECT * FROM document WHERE connection_id = :c AND payment_due IS NOT NULL AND key > :after "
                "AND status IN ('transferred', 'paid', 'cancelled') ORDER BY key LIMIT 100",
                c=self.place.connection, after=after,
            )  # fmt: skip
            if not rows:
                return
            for row in rows:
                self.place.go_on()
                await self._tell(document_from(row))
            after = rows[-1]["key"]

    async def _tell(self, document: Document) -> None:
        picture = document.payment_due
        assert picture is not None, "only documents with a picture to send are read"
        response = self._response(document, picture)
        async with recording() as exchanges:
            try:
                await self.place.payables.respond_payment(document.document_id, response)
            except Refused as refused:
                if self.place.concerns_side(refused):
                    raise
                self.counts.failed += 1
                entry = Entry(
                    flow=Flow.PAYMENTS, record=document.document_id, step="payment told", outcome="failed",
                    summary=str(refused), exchanges=tuple(exchanges),
                )  # fmt: skip
                await self.documents.change(document.key, entry, at=self.place.clock(), payment_due=picture)
                return
        self.counts.sent += 1
        await self._told(document, picture, response, exchanges)

    async def _told(
        self, document: Document, picture: Mapping[str, Any], response: PaymentResponse, exchanges: Sequence[Any]
    ) -> None:
        status = DocumentStatus.PAID if picture["settled"] else DocumentStatus.TRANSFERRED
        if document.status is DocumentStatus.CANCELLED:
            status = document.status
        entry = Entry(
            flow=Flow.PAYMENTS, record=document.document_id, step="payment told", outcome="ok",
            summary=response.message, detail=dict(picture), exchanges=tuple(exchanges),
        )  # fmt: skip
        await self.documents.change(
            document.key, entry, at=self.place.clock(), status=status, payment_due=None,
            payment_hash=_hash(picture), payment_count=document.payment_count + 1,
            paid_total=Decimal(picture["paid_total"]), paid_on=response.paid_on, run_id=self.run_id,
        )  # fmt: skip

    def _response(self, document: Document, picture: Mapping[str, Any]) -> PaymentResponse:
        invoice = self.place.payables.parse_document(document.payload)
        # The same for every try of the same picture; a picture that comes back later is a new one.
        code = uuid.uuid5(_CODES, f"{document.key}/{document.payment_count}/{_hash(picture)}")
        return PaymentResponse(
            code=str(code),
            paid_total=Decimal(picture["paid_total"]),
            currency=picture["currency"],
            paid_on=date.fromisoformat(picture["paid_on"]) if picture["paid_on"] else None,
            discount=Decimal(picture["discount"]),
            payment_number=picture["number"],
            payment_term=invoice.payment_term,
            method=picture["method"],
            message=_message(picture),
            reversal_of=picture["reversal_of"],
        )


async def _set_due(transaction: AsyncConnection, document: Document, picture: Mapping[str, Any] | None) -> None:
    await transaction.execute(
        text("UPDATE document SET payment_due = cast(:picture AS jsonb) WHERE key = :key"),
        {"picture": None if picture is None else json.dumps(picture), "key": document.key},
    )


def _picture(settlement: Settlement) -> dict[str, Any]:
    return {
        "paid_total": str(settlement.paid_total),
        "currency": settlement.currency,
        "paid_on": settlement.paid_on.isoformat() if settlement.paid_on else None,
        "discount": str(settlement.discount),
        "number": settlement.payment_number,
        "method": settlement.method,
        "reversal_of": settlement.reversal_of,
        "settled": settlement.is_settled,
        "dated": settlement.dated_by_ledger,
    }


def _hash(picture: Mapping[str, Any]) -> str:
    # A date that is only the day we noticed must not make the same payment look new the next day.
    told = {name: value for name, value in picture.items() if name != "paid_on" or picture["dated"]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _message(picture: Mapping[str, Any]) -> str:
    paid = Decimal(picture["paid_total"])
    if picture["reversal_of"] or paid == 0:
        return "The payment was taken back in the ledger."
    noticed = "" if picture["dated"] else " (date: the day it was noticed)"
    return f"{'Paid' if picture['settled'] else 'Partly paid'}: {paid} {picture['currency']}{noticed}"
