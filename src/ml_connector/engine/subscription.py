"""The subscription to notifications, kept alive, and the way a notification takes to its connection.

The payables system keeps one subscription a kind for a whole tenant. Connections of one tenant therefore share the
address of the first of them, and what is for another company is passed on to the connection of that company.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import text

from ml_connector.connectors import registry
from ml_connector.connectors.errors import ConnectorError
from ml_connector.engine.runs import defer_work
from ml_connector.flows.workplace import Workplace

log = structlog.get_logger(__name__)

RENEW_EVERY: Final = timedelta(hours=12)
TRY_AGAIN: Final = timedelta(minutes=10)
_MARK: Final = "subscription"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where notifications are received, if they are: the public address of the webhooks of this product."""

    public_url: str


async def keep_subscribed(place: Workplace, receiver: Receiver, *, token: str | None) -> None:
    """Sees to it twice a day that notifications come. A failure is told and tried again; polls go on meanwhile."""
    if token is None or not place.payables.capabilities.notifies or not await _is_due(place):
        return
    if not await _is_first_of_tenant(place):
        return
    address = f"{receiver.public_url.rstrip('/')}/webhooks/{registry.payables().manifest.id}/{place.connection}"
    try:
        await place.payables.subscribe(url=address, token=token)
        await _note(place, None)
    except ConnectorError as error:
        log.warning(
            "Notifications could not be subscribed to; the poll goes on.", connection=place.connection, error=str(error)
        )
        await _note(place, str(error))


async def pass_on(place: Workplace, *, company: str, task_id: str, kind: str, subject: str) -> None:
    """Gives a notification that is for another company of the tenant to the connection of that company."""
    payables = registry.payables().manifest.id
    async with place.database.transaction() as transaction:
        row = (
            await transaction.execute(
                text(
                    """SELECT other.id FROM connection other JOIN connection mine ON mine.id = :c
                    WHERE other.company = :company AND other.enabled
                        AND other.settings -> :p ->> 'client_id' = mine.settings -> :p ->> 'client_id'
                    ORDER BY other.id LIMIT 1"""
                ),
                {"c": place.connection, "company": company, "p": payables},
            )
        ).first()
        if row is None:
            return
        await transaction.execute(
            text(
                """INSERT INTO notification (connection_id, task_id, kind, subject, received_at)
                VALUES (:c, :task, :kind, :subject, :now) ON CONFLICT DO NOTHING"""
            ),
            {"c": row.id, "task": task_id, "kind": kind, "subject": subject, "now": place.clock()},
        )
        await defer_work(transaction, row.id)


async def _is_due(place: Workplace) -> bool:
    row = await place.database.fetch_one(
        "SELECT value, swept_at, updated_at FROM mark WHERE connection_id = :c AND flow = :f",
        c=place.connection, f=_MARK,
    )  # fmt: skip
    if row is None:
        return True
    wait = RENEW_EVERY if row["value"] is None else TRY_AGAIN
    changed = await place.database.fetch_one(
        "SELECT 1 AS yes FROM connection WHERE id = :c AND updated_at > :at", c=place.connection, at=row["updated_at"]
    )
    return changed is not None or row["updated_at"] + wait <= place.clock()


async def _is_first_of_tenant(place: Workplace) -> bool:
    payables = registry.payables().manifest.id
    row = await place.database.fetch_one(
        """SELECT min(other.id) AS first FROM connection other
        JOIN connection mine ON mine.id = :c
        JOIN schedule s ON s.connection_id = other.id AND s.flow = 'invoices' AND s.webhook AND s.enabled
        WHERE other.enabled AND other.settings -> :p ->> 'client_id' = mine.settings -> :p ->> 'client_id'
            AND other.settings -> :p ->> 'base_url' IS NOT DISTINCT FROM mine.settings -> :p ->> 'base_url'""",
        c=place.connection, p=payables,
    )  # fmt: skip
    return row is not None and row["first"] == place.connection


async def _note(place: Workplace, failure: str | None) -> None:
    await place.database.execute(
        """INSERT INTO mark (connection_id, flow, value, updated_at) VALUES (:c, :f, :v, :now)
        ON CONFLICT (connection_id, flow) DO UPDATE SET value = :v, updated_at = :now""",
        c=place.connection, f=_MARK, v=failure, now=place.clock(),
    )  # fmt: skip
