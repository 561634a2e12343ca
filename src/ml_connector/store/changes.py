"""Steps of documents, written together: whoever has one to write waits for the transaction that carries it.

The chain of a connection's trail makes its writes follow each other. What comes while one is under way goes into
the next one, all at once: each caller still returns only when its own step is committed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.store.database import Database
from ml_connector.store.trail import APPEND, Entry, Scribe

_MOST: Final = 50
"""Steps that one transaction carries."""
_GATHER: Final = 0.005
"""Seconds that a transaction waits for company, while several documents are being worked."""
_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("status", "intent", "kind", "reason", "bill_id", "bill_number", "bill_journal", "linked_by", "payload_hash",
         "response_message", "payment_hash", "invoice_number", "supplier", "supplier_name", "currency",
         "admission_id", "admission_token", "payables_id"), "text",
    ),
    **dict.fromkeys(
        ("intent_at", "next_due", "responded_at", "posted_at", "source_updated", "content_at", "admission_expires"),
        "timestamptz",
    ),
    **dict.fromkeys(("net", "gross", "bill_gross", "paid_total"), "numeric"),
    **dict.fromkeys(("invoice_date", "posting_date", "paid_on"), "date"),
    **dict.fromkeys(("attempts", "payment_count", "admissions"), "integer"),
    **dict.fromkeys(("acknowledged", "attached"), "boolean"),
    **dict.fromkeys(("payload", "findings", "payment_due", "standing", "notes_due"), "jsonb"),
    "run_id": "bigint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What is written of one document in one step: new values of columns, and the entry beside them."""

    key: str
    values: Mapping[str, Any]
    entry: Entry


_Waiting: TypeAlias = tuple[Change, datetime, asyncio.Future[None]]


class Pen:
    """Writes the steps of one connection's documents under its lease."""

    def __init__(self, database: Database, scribe: Scribe, *, connection: str, epoch: int | None) -> None:
        self._database = database
        self._scribe = scribe
        self._connection = connection
        self._epoch = epoch
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._in_company = False

    async def write(self, change: Change, *, at: datetime) -> None:
        """Returns once the step is committed, alone or with others. Raises what its transaction raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, at, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting(), name="pen")
        await done

    async def write_all(self, changes: Sequence[Change], *, at: datetime) -> None:
        """Steps of different documents in one statement and one transaction, their trail entries with them."""
        async with self._database.statement() as connection:
            await self.write_in(connection, changes, at=at)

    async def write_in(self, transaction: AsyncConnection, changes: Sequence[Change], *, at: datetime) -> None:
        """As `write_all`, inside the caller's transaction, as its last thing."""
        patches = [(change.key, change.values) for change in changes]
        entries = [change.entry for change in changes]
        values = self._scribe.values(self._connection, entries, epoch=self._epoch, at=at)
        values["patches"] = json.dumps(patches, default=str)
        statement = _statement(tuple(sorted({name for change in changes for name in change.values})))
        await transaction.execute(statement, values)

    async def _write_waiting(self) -> None:
        taken: list[_Waiting] = []
        try:
            while self._waiting:
                if self._in_company:
                    await asyncio.sleep(_GATHER)
                taken = self._take()
                self._in_company = len(taken) > 1
                await self._write_taken(taken)
        finally:
            self._writing = None
            for _, _, done in (*taken, *self._waiting):
                done.cancel()  # nobody is left waiting, whatever ended this
            self._waiting.clear()

    async def _write_taken(self, taken: Sequence[_Waiting]) -> None:
        """All in one transaction; one step that cannot be written must not take the others with it."""
        try:
            await self.write_all([change for change, _, _ in taken], at=max(at for _, at, _ in taken))
        except Exception as error:
            if len(taken) == 1:
                _settle(taken[0][2], error)
                return
            for each in taken:
                await self._write_taken([each])
        else:
            for _, _, done in taken:
                _settle(done)

    def _take(self) -> list[_Waiting]:
        """What waits, each document at most once: its steps follow each other."""
        taken: dict[str, _Waiting] = {}
        left: list[_Waiting] = []
        for each in self._waiting:
            if each[0].key in taken or len(taken) == _MOST:
                left.append(each)
            else:
                taken[each[0].key] = each
        self._waiting = left
        return list(taken.values())


def _settle(done: asyncio.Future[None], error: Exception | None = None) -> None:
    if done.done():  # whoever waited has been cancelled meanwhile
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


@lru_cache(maxsize=256)
def _statement(names: tuple[str, ...]) -> TextClause:
    """Updates the named columns where a document's patch has them, and appends to the trail."""
    assignments = ", ".join(
        f"{name} = CASE WHEN jsonb_exists(given.patch, '{name}') THEN {_value(name)} ELSE document.{name} END"
        for name in names
    )
    return text(
        f"""WITH given AS (
            SELECT each ->> 0 AS key, each -> 1 AS patch FROM jsonb_array_elements(cast(:patches AS jsonb)) AS each
        ),
        changed AS (UPDATE document SET {assignments}, updated_at = :at FROM given WHERE document.key = given.key)
        SELECT {APPEND}"""
    )


def _value(name: str) -> str:
    if _TYPES[name] == "jsonb":
        return f"nullif(given.patch -> '{name}', 'null'::jsonb)".replace("::", r"\:\:")
    return f"cast(given.patch ->> '{name}' AS {_TYPES[name]})"
