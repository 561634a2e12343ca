"""Documents as a person asks for them: lists, one by one, and their trails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Reason, explain
from ml_connector.store.database import Database
from ml_connector.store.documents import Document, document_from
from ml_connector.store.trail import Written, read_trail

PAGE: Final = 1000


class UnknownDocument(LookupError):
    """There is no such document, or the id fits several; the text says which."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents are meant; all that is None or empty does not narrow."""

    connection: str | None = None
    status: DocumentStatus | None = None
    reason: Reason | None = None
    text: str = ""
    """An invoice number, a supplier, a bill's number or a document's id, exactly."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as lists show it."""

    key: str
    connection: str
    document_id: str
    attempt: int
    invoice_number: str
    kind: str
    supplier: str
    supplier_name: str
    gross: str | None
    currency: str
    status: str
    reason: str | None
    message: str
    erp_number: str | None
    attempts: int
    next_due: datetime | None
    created: datetime
    updated: datetime

    def as_json(self) -> dict[str, Any]:
        """The shape that `invoices --json` prints: sums are texts, so that they stay exact."""
        return {
            "document_id": self.document_id, "invoice_number": self.invoice_number, "supplier": self.supplier,
            "gross": self.gross, "currency": self.currency, "status": self.status, "reason": self.reason,
            "erp_number": self.erp_number, "attempts": self.attempts, "updated": self.updated.isoformat(),
            "connection": self.connection, "kind": self.kind, "supplier_name": self.supplier_name,
            "transfer": self.attempt, "message": self.message,
            "next_due": self.next_due.isoformat() if self.next_due else None, "created": self.created.isoformat(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a list ended."""

    updated: datetime
    key: str


async def list_documents(
    database: Database, wanted: Filter, *, limit: int = PAGE, after: Position | None = None
) -> list[Listed]:
    """Documents, the one changed last first; `after` is where the page before ended."""
    # Each connection's newest come from its own index: no list is sorted whole, however many rows there are.
    conditions, values = _conditions(wanted)
    if after is not None:
        conditions.append("(d.updated_at, d.key) < (:updated, :key)")
        values |= {"updated": after.updated, "key": after.key}
    chosen = " AND ".join(["d.connection_id = c.id", *conditions])
    rows = await database.fetch(
        f"""SELECT page.* FROM connection c CROSS JOIN LATERAL (
            SELECT d.* FROM document d WHERE {chosen} ORDER BY d.updated_at DESC, d.key DESC LIMIT :limit) page
        WHERE (cast(:c AS text) IS NULL OR c.id = :c)
        ORDER BY page.updated_at DESC, page.key DESC LIMIT :limit""",  # noqa: S608 - conditions are our own
        limit=limit, **values,
    )  # fmt: skip
    return [_listed(document_from(row)) for row in rows]


def _conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {"c": wanted.connection}
    if wanted.status is not None:
        conditions.append("d.status = :status")
        values["status"] = str(wanted.status)
    if wanted.reason is not None:
        conditions.append("d.reason = :reason")
        values["reason"] = str(wanted.reason)
    if wanted.text:
        conditions.append("(:text IN (d.invoice_number, d.supplier, d.bill_number, d.document_id))")
        values["text"] = wanted.text
    return conditions, values


async def stream_documents(database: Database, wanted: Filter, *, limit: int = 0) -> AsyncIterator[Listed]:
    """As `list_documents`, page by page; `limit` 0 gives all."""
    after: Position | None = None
    given = 0
    while True:
        page = await list_documents(database, wanted, limit=min(PAGE, limit - given) if limit else PAGE, after=after)
        for each in page:
            yield each
        given += len(page)
        if len(page) < PAGE or given == limit:
            return
        after = Position(page[-1].updated, page[-1].key)


async def find_document(database: Database, name: str, *, connection: str | None = None) -> Document:
    """The newest transfer of one document by its id, key, invoice number or bill number.

    Raises `UnknownDocument` where there is none, or more than one.
    """
    rows = await database.fetch(_FIND, name=name, c=connection)
    if not rows:
        raise UnknownDocument(f"There is no document {name}. `ml-connector invoices` lists those there are.")
    if len(rows) > 1:
        raise UnknownDocument(
            f"{name} fits {len(rows)} documents. Name one by its key: {', '.join(row['key'] for row in rows)}."
        )
    return document_from(rows[0])


# One branch an index; a document's id fits best, then its key, then the two numbers.
_FIND: Final = """
    WITH hit AS (
        SELECT 1 AS rank, connection_id, document_id FROM document WHERE document_id = :name
        UNION SELECT 1, connection_id, document_id FROM document WHERE key = :name
        UNION SELECT 2, connection_id, document_id FROM document WHERE invoice_number = :name
        UNION SELECT 2, d.connection_id, d.document_id FROM connection c JOIN document d
            ON d.connection_id = c.id AND d.bill_id IS NOT NULL AND d.bill_number = :name
    )
    SELECT DISTINCT ON (d.connection_id, d.document_id) d.* FROM document d JOIN hit USING (connection_id, document_id)
    WHERE hit.rank = (SELECT min(rank) FROM hit) AND (cast(:c AS text) IS NULL OR d.connection_id = :c)
    ORDER BY d.connection_id, d.document_id, d.attempt DESC LIMIT 5"""


async def select_documents(
    database: Database, *, status: DocumentStatus | None, reason: Reason | None, connection: str | None
) -> list[Document]:
    """The documents at rest aside that are meant, oldest first."""
    rows = await database.fetch(
        """SELECT * FROM document WHERE status = ANY(:statuses) AND (cast(:r AS text) IS NULL OR reason = :r)
            AND (cast(:c AS text) IS NULL OR connection_id = :c) ORDER BY created_at, key""",
        statuses=[str(status)] if status else [str(DocumentStatus.HELD)],
        r=str(reason) if reason else None, c=connection,
    )  # fmt: skip
    return [document_from(row) for row in rows]


_CODES_OF: Final = """
    SELECT i.code FROM connection c JOIN imported i ON i.connection_id = c.id AND i.flow = ANY(:flows)
        AND i.number IS NOT NULL AND i.number = :name
    UNION SELECT i.code FROM connection c JOIN imported i ON i.connection_id = c.id AND i.flow = ANY(:flows)
        AND i.active AND i.erp_key = :name
    ORDER BY code LIMIT 100"""


async def trail_of(database: Database, name: str) -> list[Written]:
    """Everything that was done about one record, oldest first. Raises `UnknownDocument` where nothing is known.

    A vendor, an account or an order is also known by its number or key in the ERP.
    """
    entries = await read_trail(database, name)
    if not entries:
        codes = await database.fetch(_CODES_OF, name=name, flows=[str(each) for each in MASTER_DATA])
        for row in codes:
            entries += await read_trail(database, row["code"])
        entries.sort(key=lambda each: (each.connection, each.seq))
    if not entries:
        raise UnknownDocument(f"There is no record {name} in the trail. `ml-connector invoices` lists the documents.")
    return entries


def entry_as_json(entry: Written, *, full: bool) -> dict[str, Any]:
    """A trail entry for machines; `full` adds the requests and answers."""
    told: dict[str, Any] = {
        "connection": entry.connection, "seq": entry.seq, "at": entry.at.isoformat(), "flow": entry.flow,
        "record": entry.record, "actor": entry.actor, "step": entry.step, "outcome": entry.outcome,
        "summary": entry.summary, "detail": dict(entry.detail),
    }  # fmt: skip
    return {**told, "exchanges": entry.exchanges} if full else told


def document_as_json(document: Document) -> dict[str, Any]:
    """One document with all that is worth knowing of it, its payload and bank details left out."""
    listed = _listed(document)
    return {
        **listed.as_json(), "key": document.key, "net": _text(document.net),
        "invoice_date": _text(document.invoice_date), "posting_date": _text(document.posting_date),
        "findings": [_finding_as_json(each) for each in document.findings],
        "erp_id": document.bill_id, "erp_journal": document.bill_journal, "linked_by": document.linked_by,
        "response_message": document.response_message, "responded": _time(document.responded_at),
        "posted": _time(document.posted_at), "paid_total": _text(document.paid_total),
        "paid_on": _text(document.paid_on),
    }  # fmt: skip


def _finding_as_json(finding: Finding) -> dict[str, str]:
    """One reason in words: what happened, what to do, who can, and the other side's own words."""
    explanation = explain(finding.reason)
    return {
        "reason": str(finding.reason), "subject": finding.subject, "sentence": finding.sentence(),
        "engineer": explanation.engineer, "owner": str(explanation.owner), "vendor_text": finding.vendor_text,
    }  # fmt: skip


def status_named(name: str) -> DocumentStatus:
    """A status by its name. Raises ValueError with those there are."""
    try:
        return DocumentStatus(name)
    except ValueError:
        raise ValueError(f"There is no status {name}. Known: {', '.join(DocumentStatus)}.") from None


def reason_named(name: str) -> Reason:
    """A reason by its name, with hyphens or spaces. Raises ValueError with those there are."""
    spoken = name.strip().lower()
    for reason in Reason:
        if spoken in (reason.value, reason.value.replace(" ", "-"), reason.name.lower()):
            return reason
    raise ValueError(f"There is no reason {name!r}. Known: {', '.join(Reason)}.")


def _listed(document: Document) -> Listed:
    findings: Sequence[str] = [each.sentence() for each in document.findings]
    return Listed(
        key=document.key, connection=document.connection_id, document_id=document.document_id,
        attempt=document.attempt, invoice_number=document.invoice_number, kind=str(document.kind),
        supplier=document.supplier, supplier_name=document.supplier_name, gross=_text(document.gross),
        currency=document.currency, status=str(document.status),
        reason=str(document.reason) if document.reason else None, message=" ".join(dict.fromkeys(findings)),
        erp_number=document.bill_number if _is_in_erp(document) else None, attempts=document.attempts,
        next_due=document.next_due, created=document.created_at, updated=document.updated_at,
    )  # fmt: skip


def _is_in_erp(document: Document) -> bool:
    return document.posted_at is not None or document.flow is Flow.SUPPLIER_INVOICES


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
