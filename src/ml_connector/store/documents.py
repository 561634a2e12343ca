"""Documents: one row an approved invoice and transfer attempt. The row's own state is the checkpoint."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind, DocumentStatus
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.changes import Change, Pen
from ml_connector.store.database import Database
from ml_connector.store.trail import Entry, Scribe


@dataclass(frozen=True, slots=True)
class Document:
    """An approved invoice on its way, as stored."""

    key: str
    connection_id: str
    document_id: str
    attempt: int
    flow: Flow
    """Which way it goes."""
    status: DocumentStatus
    intent: str | None
    intent_at: datetime | None
    kind: DocumentKind
    invoice_number: str
    supplier: str
    supplier_name: str
    net: Decimal | None
    gross: Decimal | None
    currency: str
    invoice_date: date | None
    posting_date: date | None
    payload: Mapping[str, Any]
    payload_hash: str
    source_updated: datetime | None
    acknowledged: bool
    reason: Reason | None
    findings: tuple[Finding, ...]
    attempts: int
    next_due: datetime | None
    bill_id: str | None
    bill_number: str | None
    bill_journal: str | None
    bill_gross: Decimal | None
    linked_by: str | None
    attached: bool
    response_message: str | None
    responded_at: datetime | None
    posted_at: datetime | None
    paid_total: Decimal | None
    paid_on: date | None
    payment_count: int
    payment_hash: str | None
    payment_due: Mapping[str, Any] | None
    content_at: datetime | None
    """When this version of a supplier invoice was read."""
    admission_id: str | None
    """Under what a supplier invoice enters the payables system."""
    admission_token: str | None
    admission_expires: datetime | None
    admissions: int
    """Admissions before this one, which came to nothing."""
    payables_id: str | None
    standing: Mapping[str, Any] | None
    """Where a supplier invoice stood in the payables system when it was last heard of."""
    notes_due: Sequence[Mapping[str, Any]] | None
    """Sentences that are to be put to a supplier invoice in its ERP."""
    run_id: int | None
    created_at: datetime
    updated_at: datetime


_COLUMNS: Final = tuple(each.name for each in fields(Document))
ACTIVE: Final = (
    DocumentStatus.RECEIVED,
    DocumentStatus.CHECKED,
    DocumentStatus.POSTING,
    DocumentStatus.UNCONFIRMED,
    DocumentStatus.POSTED,
)
"""Statuses the engine brings on by itself."""


def document_key(connection: str, document_id: str, attempt: int) -> str:
    """The lasting key of one transfer attempt of one document."""
    return f"{connection}/{document_id}/{attempt}"


class Documents:
    """The documents of one connection, written under its lease."""

    def __init__(self, database: Database, scribe: Scribe, *, connection: str, epoch: int | None) -> None:
        self.database = database
        self.scribe = scribe
        self.connection = connection
        self.epoch = epoch
        self._pen = Pen(database, scribe, connection=connection, epoch=epoch)

    async def receive(self, rows: Sequence[Mapping[str, Any]], entries: Sequence[Entry], *, at: datetime) -> int:
        """Stores new documents; one that is there already stays as it is. The number that is new."""
        columns = ", ".join(rows[0])
        statement = text(
            f"INSERT INTO document ({columns}) SELECT {columns} "
            "FROM jsonb_populate_recordset(cast(NULL AS document), cast(:rows AS jsonb)) "
            "ON CONFLICT DO NOTHING RETURNING key"
        )
        async with self.database.transaction() as transaction:
            given = {"rows": json.dumps([dict(row) for row in rows], default=str)}
            new = set((await transaction.execute(statement, given)).scalars())
            told = [entry for row, entry in zip(rows, entries, strict=True) if row["key"] in new]
            await self.scribe.append(transaction, self.connection, told, epoch=self.epoch, at=at)
        return len(new)

    async def change(self, key: str, entry: Entry, *, at: datetime, **values: Any) -> None:
        """One step of one document in one transaction with its trail entry; steps of others may share it.

        Raises `LeaseLost` (as a database error, code ML001) where another process took the connection over.
        """
        await self._pen.write(Change(key, values, entry), at=at)

    async def change_all(self, changes: Sequence[Change], *, at: datetime) -> None:
        """Steps of different documents in one transaction."""
        if changes:
            await self._pen.write_all(changes, at=at)

    async def change_beside(
        self, key: str, entry: Entry, beside: Callable[[AsyncConnection], Awaitable[None]], *, at: datetime,
        **values: Any,
    ) -> None:  # fmt: skip
        """As `change`, with something else that stands or falls with it."""
        async with self.database.transaction() as transaction:
            await beside(transaction)
            await self._pen.write_in(transaction, [Change(key, values, entry)], at=at)

    async def rest(self, keys: Sequence[str], *, until: datetime | None = None) -> None:
        """Documents that are due, and of which there is nothing new to tell, wait on as they are."""
        async with self.database.transaction() as transaction:
            await transaction.execute(text("SELECT fence(:c, :e)"), {"c": self.connection, "e": self.epoch})
            await transaction.execute(
                text("UPDATE document SET next_due = :until WHERE key = ANY(:keys)"),
                {"keys": list(keys), "until": until},
            )

    async def admitted(self, admission_ids: Sequence[str]) -> dict[str, Document]:
        """The documents that go, or went, into the payables system under these ids."""
        rows = await self.database.fetch(
            "SELECT * FROM document WHERE connection_id = :c AND admission_id = ANY(:ids)",
            c=self.connection, ids=list(admission_ids),
        )  # fmt: skip
        return {row["admission_id"]: document_from(row) for row in rows}

    async def linked(self, payables_ids: Sequence[str]) -> dict[str, Document]:
        """The documents that a person tied to these of the payables system."""
        rows = await self.database.fetch(
            "SELECT * FROM document WHERE connection_id = :c AND payables_id = ANY(:ids) AND linked_by IS NOT NULL",
            c=self.connection, ids=list(payables_ids),
        )  # fmt: skip
        return {row["payables_id"]: document_from(row) for row in rows}

    async def due(self, *, now: datetime, limit: int, without: Collection[str] = ()) -> list[Document]:
        """Documents to be brought on now, oldest first; `without` are the keys of those in hand."""
        rows = await self.database.fetch(
            "SELECT * FROM document WHERE connection_id = :c AND next_due <= :now AND key <> ALL(:without) "
            "ORDER BY next_due, key LIMIT :limit",
            c=self.connection, now=now, limit=limit, without=list(without),
        )  # fmt: skip
        return [document_from(row) for row in rows]

    async def latest(self, document_ids: Sequence[str]) -> dict[str, Document]:
        """The newest attempt of each document that is known, by its id."""
        rows = await self.database.fetch(
            "SELECT DISTINCT ON (document_id) * FROM document WHERE connection_id = :c AND document_id = ANY(:ids) "
            "ORDER BY document_id, attempt DESC",
            c=self.connection, ids=list(document_ids),
        )  # fmt: skip
        return {row["document_id"]: document_from(row) for row in rows}

    async def get(self, key: str) -> Document | None:
        """One document by its key."""
        row = await self.database.fetch_one("SELECT * FROM document WHERE key = :key", key=key)
        return document_from(row) if row else None

    async def owners(self, bill_ids: Sequence[str]) -> dict[str, Document]:
        """The newest document of ours behind each bill, by the bill's id."""
        rows = await self.database.fetch(
            "SELECT DISTINCT ON (bill_id) * FROM document WHERE connection_id = :c AND bill_id = ANY(:ids) "
            "ORDER BY bill_id, created_at DESC",
            c=self.connection, ids=list(bill_ids),
        )  # fmt: skip
        return {row["bill_id"]: document_from(row) for row in rows}


def document_from(row: Mapping[str, Any]) -> Document:
    """A document from its row."""
    values = {name: row[name] for name in _COLUMNS}
    values["status"] = DocumentStatus(row["status"])
    values["flow"] = Flow(row["flow"])
    values["kind"] = DocumentKind(row["kind"])
    values["reason"] = Reason(row["reason"]) if row["reason"] else None
    values["findings"] = findings_from(row["findings"])
    return Document(**values)


def findings_from(stored: Sequence[Mapping[str, str]]) -> tuple[Finding, ...]:
    """Findings as they were stored."""
    return tuple(
        Finding(Reason(each["reason"]), each.get("subject", ""), each.get("vendor_text", "")) for each in stored
    )


def findings_to(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings as they are stored."""
    return [{"reason": str(each.reason), "subject": each.subject, "vendor_text": each.vendor_text} for each in findings]
