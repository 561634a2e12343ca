"""Runs: asked for by schedule, webhook, person or replay; rows, so that nothing asked for is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.records.flow import Flow, in_order
from ml_connector.store.database import Database


@dataclass(frozen=True, slots=True)
class Run:
    """A run to be done."""

    id: int
    flow: Flow
    trigger: str
    actor: str
    options: Mapping[str, Any]

    @property
    def by_person(self) -> bool:
        """True where a person waits for it."""
        return bool(self.options.get("by_person"))


async def defer_work(transaction: AsyncConnection, connection: str) -> None:
    """Puts `work(connection)` into the queue inside the caller's transaction; at most one of them waits."""
    await transaction.execute(text("SELECT defer_work(:c)"), {"c": connection})


async def request_runs(
    database: Database,
    connection: str,
    flows: Sequence[Flow],
    *,
    trigger: str,
    actor: str,
    options: Mapping[str, Any],
    now: datetime,
) -> list[int]:
    """Queues a run of each flow, in the order they depend on each other, and the work itself: one transaction."""
    ids: list[int] = []
    async with database.transaction() as transaction:
        for flow in in_order(set(flows)):
            values = {
                "c": connection, "f": flow, "trigger": trigger, "actor": actor, "options": json.dumps(dict(options)),
                "now": now,
            }  # fmt: skip
            ids.append((await transaction.execute(_REQUEST, values)).scalar_one())
        await defer_work(transaction, connection)
    return ids


_REQUEST = text(
    """INSERT INTO run (connection_id, flow, trigger, actor, options, queued_at)
    VALUES (:c, :f, :trigger, :actor, cast(:options AS jsonb), :now) RETURNING id"""
)
