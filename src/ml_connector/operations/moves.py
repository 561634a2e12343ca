"""How a person's decision about a document is written: on the row as it stands, with its trail, and the work woken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.engine.process import Process
from ml_connector.engine.runs import defer_work
from ml_connector.operations.documents import UnknownDocument
from ml_connector.records.invoice import DocumentStatus
from ml_connector.store.documents import Document, document_from
from ml_connector.store.trail import Entry

IN_HAND: Final = timedelta(seconds=5)
"""A document that is due within this time may be taken up while a person decides."""


class Step(StrEnum):
    """Where a replay begins."""

    START = "start"
    """Reads the document from the payables system again."""
    CHECK = "check"
    """Maps and checks what is stored again."""
    POST = "post"
    """Goes on with the draft that is there, or checks where there is none."""
    RESPOND = "respond"
    """Tells the payables system of a bill that is posted."""


class NotPossible(RuntimeError):
    """What was asked cannot be done with the document as it stands; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Move:
    """New values of a document, and the words for the trail."""

    values: Mapping[str, Any]
    summary: str


def _require_out_of_hand(document: Document, *, now: datetime) -> None:
    """A held document that is due may be in a worker's hand: what is decided now would be written over."""
    due = document.next_due
    if document.status is DocumentStatus.HELD and due is not None and due <= now + IN_HAND:
        raise NotPossible("It is being tried again by itself at this moment. Look what comes of it, then ask again.")


async def change(
    process: Process, key: str, move: Callable[[Document], Move], *, step: str, actor: str, **detail: str
) -> Document:
    """Decides on the row as it stands now, writes it with its trail entry, and wakes the work: one transaction."""
    now = process.clock()
    async with process.database.transaction() as transaction:
        document = await _locked(transaction, key)
        _require_out_of_hand(document, now=now)
        moved = move(document)
        values = {"next_due": now, **moved.values, "updated_at": now}
        assignments = ", ".join(f"{name} = {_bound(name)}" for name in values)
        bound = {**{name: _plain(value) for name, value in values.items()}, "the_key": key}
        try:
            await transaction.execute(
                text(f"UPDATE document SET {assignments} WHERE key = :the_key"),  # noqa: S608 - names are our own
                bound,
            )
        except IntegrityError as taken:
            raise NotPossible("A later transfer of the same document is being worked: look at that one.") from taken
        await defer_work(transaction, document.connection_id)
        entry = Entry(
            flow=document.flow, record=document.document_id, step=step, outcome="begun", summary=moved.summary,
            actor=actor, detail={"transfer": document.attempt, "before": str(document.status), **detail},
        )  # fmt: skip
        await process.scribe.append(transaction, document.connection_id, [entry], epoch=None, at=now)
        return await _locked(transaction, key)


def _bound(name: str) -> str:
    return f"cast(:{name} AS jsonb)" if name in ("payload", "findings", "standing") else f":{name}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, StrEnum) else value


async def _locked(transaction: AsyncConnection, key: str) -> Document:
    found = await transaction.execute(text("SELECT * FROM document WHERE key = :key FOR UPDATE"), {"key": key})
    row = found.mappings().first()
    if row is None:
        raise UnknownDocument(f"There is no document {key}.")
    return document_from(dict(row))
