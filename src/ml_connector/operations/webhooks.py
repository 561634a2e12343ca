"""Notifications of the payables system: checked on their raw bytes, kept once, turned into work."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import text

from ml_connector.connectors import registry
from ml_connector.connectors.base import Notification, NotificationKind, Verdict, WebhookVerifier
from ml_connector.connectors.errors import ConnectorError
from ml_connector.engine.process import Process
from ml_connector.engine.runs import defer_work
from ml_connector.engine.sides import ConnectionSettings, UnknownConnection, load_settings
from ml_connector.records.flow import Flow
from ml_connector.store.keys import KeyProblem
from ml_connector.store.vault import SecretUnreadable

log = structlog.get_logger(__name__)

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a notification's body."""
TOKEN_FIELD: Final = "webhook_token"  # noqa: S105 - the setting's name
REMEMBERED: Final = 20_000
SUBSCRIBE_EVERY: Final = 60.0
_NOBODYS_TOKEN: Final = secrets.token_hex(32)
_MARK: Final = "webhook"


class Answer(StrEnum):
    """What a notification's sender is told."""

    ACCEPTED = "accepted"
    NOT_GENUINE = "not genuine"
    """Wrong signature, too old, or no such connection: which one is nobody's business."""
    NOT_READABLE = "not readable"


@dataclass(frozen=True, slots=True)
class _Known:
    """What checking a connection's notifications takes."""

    version: int
    token: str = field(repr=False)
    verifier: WebhookVerifier
    wanted: bool


class WebhookDesk:
    """Takes notifications in. One for a process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def take(
        self, payables: str, connection: str, *, body: bytes, headers: Mapping[str, str]
    ) -> Answer:  # fmt: skip
        """Checks a call and keeps what it orders, once, together with the work: nothing is lost after ACCEPTED."""
        known = await self._knowledge(connection) if payables == registry.payables().manifest.id else None
        verifier = known.verifier if known else registry.payables().webhook
        token = known.token if known and known.token else _NOBODYS_TOKEN
        verdict = verifier.verify(body=body, headers=headers, token=token, now=self._process.clock())
        if verdict is not Verdict.GENUINE or known is None or not known.token:
            log.warning("A notification was refused.", connection=connection[:64], verdict=str(verdict))
            return Answer.NOT_GENUINE
        try:
            notification = verifier.parse(body)
        except ValueError as error:
            log.warning("A genuine notification could not be read.", connection=connection, error=str(error))
            return Answer.NOT_READABLE
        if known.wanted and notification.kind is not NotificationKind.CONNECTION_TEST:
            await self._keep(connection, notification)
        return Answer.ACCEPTED

    async def _knowledge(self, connection: str) -> _Known | None:
        row = await self._process.database.fetch_one(
            "SELECT version FROM connection WHERE id = :c AND enabled", c=connection
        )
        if row is None:
            self._known.pop(connection, None)
            return None
        known = self._known.get(connection)
        if known is None or known.version != row["version"]:
            known = await self._read(connection)
            if known is None:
                return None
            self._known[connection] = known
        self._known.move_to_end(connection)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def _read(self, connection: str) -> _Known | None:
        try:
            settings = await load_settings(self._process.database, self._process.vault, connection)
        except (UnknownConnection, KeyProblem, SecretUnreadable) as error:
            log.warning("A notification cannot be checked.", connection=connection, error=str(error))
            return None
        flow = settings.flows.get(Flow.INVOICES)
        return _Known(
            version=settings.version, token=settings.payables.secrets.get(TOKEN_FIELD, ""),
            verifier=_verifier(settings), wanted=flow is not None and flow.enabled and flow.webhook,
        )  # fmt: skip

    async def _keep(self, connection: str, notification: Notification) -> None:
        async with self._process.database.transaction() as transaction:
            values = {
                "c": connection, "task": notification.id, "kind": str(notification.kind),
                "subject": notification.subject, "now": self._process.clock(),
            }  # fmt: skip
            new = (await transaction.execute(_KEEP, values)).scalar()
            if new is not None:
                await defer_work(transaction, connection)


_KEEP: Final = text("""
    INSERT INTO notification (connection_id, task_id, kind, subject, received_at)
    VALUES (:c, :task, :kind, :subject, :now) ON CONFLICT DO NOTHING RETURNING task_id""")


def _verifier(settings: ConnectionSettings) -> WebhookVerifier:
    payables = registry.payables()
    if payables.webhook_for is not None:
        return payables.webhook_for(settings.payables.values)
    return payables.webhook


# ------------------------------------------------------------------ subscriptions


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What became of one connection's subscription. `fault` is None where notifications come."""

    connection: str
    url: str
    fault: str | None = None


def webhook_url(public_url: str, connection: str) -> str:
    """Where a connection's notifications come in."""
    return f"{public_url.rstrip('/')}/webhooks/{registry.payables().manifest.id}/{connection}"


async def subscribe_due(process: Process, *, limit: int = 50) -> list[Subscribed]:
    """Subscribes the connections that are new or changed since they last were. The webhook must be served."""
    public_url = process.settings.public_url
    if not public_url:
        return []
    rows = await process.database.fetch(
        _DUE, side=registry.payables().manifest.id, field=TOKEN_FIELD, url=public_url, limit=limit,
        now=process.clock(),
    )  # fmt: skip
    return [await _subscribe(process, row["id"], row["version"], public_url) for row in rows]


async def _subscribe(process: Process, connection: str, version: int, public_url: str) -> Subscribed:
    url = webhook_url(public_url, connection)
    fault: str | None = None
    sides = None
    try:
        settings = await load_settings(process.database, process.vault, connection)
        sides = await process.open_sides(connection)
        await sides.payables.subscribe(url=url, token=settings.payables.secrets[TOKEN_FIELD])
    except (ConnectorError, KeyProblem, SecretUnreadable, UnknownConnection) as error:
        fault = str(error)
        log.warning("Notifications could not be subscribed to; the poll does the work.",
                    connection=connection, url=url, error=fault)  # fmt: skip
    finally:
        if sides is not None:
            await sides.close()
    await _note(process, connection, {"url": public_url, "version": version, "fault": fault}, now=process.clock())
    return Subscribed(connection, url, fault)


async def _note(process: Process, connection: str, value: Mapping[str, Any], *, now: datetime) -> None:
    await process.database.execute(
        """INSERT INTO mark (connection_id, flow, value, updated_at) VALUES (:c, :f, :v, :now)
        ON CONFLICT (connection_id, flow) DO UPDATE SET value = :v, updated_at = :now""",
        c=connection, f=_MARK, v=json.dumps(value), now=now,
    )  # fmt: skip


async def keep_subscribed(process: Process, stop: asyncio.Event) -> None:
    """Subscribes whatever is due until `stop` is set; several processes may do so, a repetition is harmless."""
    while not stop.is_set():
        try:
            more = len(await subscribe_due(process)) > 0
        except Exception as error:
            # The database may be away for a while: the next round tries again.
            log.warning("The subscriptions could not be looked through.", error=str(error))
            more = False
        try:
            await asyncio.wait_for(stop.wait(), timeout=0.1 if more else SUBSCRIBE_EVERY)
        except TimeoutError:
            continue


_DUE: Final = """
    SELECT c.id, c.version FROM connection c
    JOIN schedule s ON s.connection_id = c.id AND s.flow = 'invoices' AND s.enabled AND s.webhook
    JOIN secret k ON k.connection_id = c.id AND k.side = :side AND k.field = :field
    LEFT JOIN mark m ON m.connection_id = c.id AND m.flow = 'webhook'
    WHERE c.enabled AND (m.value IS NULL
        OR cast(m.value AS jsonb) ->> 'url' IS DISTINCT FROM :url
        OR cast(cast(m.value AS jsonb) ->> 'version' AS int) <> c.version
        OR (cast(m.value AS jsonb) ->> 'fault' IS NOT NULL
            AND m.updated_at < cast(:now AS timestamptz) - interval '15 minutes'))
    ORDER BY c.id LIMIT :limit"""
