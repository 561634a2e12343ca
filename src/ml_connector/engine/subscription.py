"""The subscriptions to notifications, kept alive, and the way a notification takes to its connection.

The payables system keeps one subscription a kind for a whole tenant. Connections of one tenant therefore share the
address of the first of them, and what is for another company is passed on to the connection of that company.
An ERP keeps them company by company: each connection has its own.
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
from ml_connector.engine.schedules import BY_PAYABLES
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.store.trail import Scribe

log = structlog.get_logger(__name__)

RENEW_EVERY: Final = timedelta(hours=12)
TRY_AGAIN: Final = timedelta(minutes=10)
_MARK: Final = "subscription"
MADE: Final = "at "
CHANGES: Final = "changes"
"""The mark of an ERP's subscriptions: there for as long as there may be any."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where notifications are received, if they are: the public address of the webhooks of this product."""

    public_url: str


async def keep_subscribed(place: Workplace, receiver: Receiver, *, token: str | None) -> None:
    """Sees to it twice a day that notifications come. A failure is told and tried again; polls go on meanwhile."""
    address = _address(receiver, registry.payables().manifest.id, place)
    if token is None or not place.payables.capabilities.notifies or not await _is_due(place, _MARK, address):
        return
    if not await _is_first_of_tenant(place):
        return
    try:
        await place.payables.subscribe(url=address, token=token)
        await _note(place, _MARK, _made(place, address))
    except ConnectorError as error:
        log.warning(
            "Notifications could not be subscribed to; the poll goes on.", connection=place.connection, error=str(error)
        )
        await _note(place, _MARK, str(error))


async def keep_announced(place: Workplace, receiver: Receiver, *, system: str, flows: frozenset[Flow]) -> None:
    """Sees to it twice a day that the ERP tells of changes in these flows, and in no others any more.

    A failure is told and tried again; the flows run by their schedules whatever comes of it.
    """
    address = _address(receiver, system, place)
    if not place.erp.capabilities.announces:
        return
    if not await _is_due(place, CHANGES, address, or_missing=bool(flows)):
        return
    secret = change_secret(place.scribe, place.connection)
    # From here on there may be subscriptions, whatever becomes of this process.
    await _note(place, CHANGES, "The ledger was asked to tell of changes; it has not answered yet.")
    try:
        await place.erp.subscribe_changes(flows, url=address, secret=secret, now=place.clock())
    except ConnectorError as error:
        log.warning(
            "The ledger does not tell of changes; the schedules go on.", connection=place.connection, error=str(error)
        )
        await _note(place, CHANGES, str(error))
        return
    if flows:
        await _note(place, CHANGES, _made(place, address))
    else:
        await place.database.execute(
            "DELETE FROM mark WHERE connection_id = :c AND flow = :f", c=place.connection, f=CHANGES
        )


def change_secret(scribe: Scribe, connection: str) -> str:
    """What an ERP's notifications of changes for that connection carry. Never configured, never stored."""
    return scribe.derived_secret("change notifications", connection)


def _address(receiver: Receiver, system: str, place: Workplace) -> str:
    return f"{receiver.public_url.rstrip('/')}/webhooks/{system}/{place.connection}"


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


async def _is_due(place: Workplace, mark: str, address: str, *, or_missing: bool = True) -> bool:
    row = await place.database.fetch_one(
        """SELECT m.value, m.updated_at, c.updated_at > m.updated_at AS changed FROM mark m
        JOIN connection c ON c.id = m.connection_id WHERE m.connection_id = :c AND m.flow = :f""",
        c=place.connection, f=mark,
    )  # fmt: skip
    if row is None:
        return or_missing
    if row["value"] == _made(place, address):
        return row["updated_at"] + RENEW_EVERY <= place.clock()
    if str(row["value"]).startswith(MADE):
        return True  # with other settings, or at another address
    return row["changed"] or row["updated_at"] + TRY_AGAIN <= place.clock()


def _made(place: Workplace, address: str) -> str:
    """What the mark says of subscriptions that were made; anything else in it is why they were not."""
    return f"{MADE}{address}, settings {place.version}"


async def _is_first_of_tenant(place: Workplace) -> bool:
    payables = registry.payables().manifest.id
    row = await place.database.fetch_one(
        """SELECT min(other.id) AS first FROM connection other
        JOIN connection mine ON mine.id = :c
        JOIN schedule s ON s.connection_id = other.id AND s.flow = ANY(:flows) AND s.webhook AND s.enabled
        WHERE other.enabled AND other.settings -> :p ->> 'client_id' = mine.settings -> :p ->> 'client_id'
            AND other.settings -> :p ->> 'base_url' IS NOT DISTINCT FROM mine.settings -> :p ->> 'base_url'""",
        c=place.connection, p=payables, flows=[str(each) for each in BY_PAYABLES],
    )  # fmt: skip
    return row is not None and row["first"] == place.connection


async def _note(place: Workplace, mark: str, value: str) -> None:
    await place.marks().move(mark, value, at=place.clock())
