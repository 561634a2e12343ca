"""Notifications of the payables system: checked on their raw bytes, kept once, turned into work.

Those of the ERPs stand in announcements.py.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import text

from ml_connector.connectors import registry
from ml_connector.connectors.base import Notification, NotificationKind, Verdict, WebhookVerifier
from ml_connector.engine.process import Process
from ml_connector.engine.runs import defer_work
from ml_connector.engine.schedules import BY_PAYABLES
from ml_connector.engine.sides import ConnectionSettings, UnknownConnection, load_settings
from ml_connector.engine.subscription import MADE
from ml_connector.store.keys import KeyProblem
from ml_connector.store.vault import SecretUnreadable

log = structlog.get_logger(__name__)

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a notification's body."""
TOKEN_FIELD: Final = "webhook_token"  # noqa: S105 - the setting's name
REMEMBERED: Final = 20_000
_NOBODYS_TOKEN: Final = secrets.token_hex(32)


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
        flows = [each for flow, each in settings.flows.items() if flow in BY_PAYABLES]
        return _Known(
            version=settings.version, token=settings.payables.secrets.get(TOKEN_FIELD, ""),
            verifier=_verifier(settings), wanted=any(each.enabled and each.webhook for each in flows),
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


async def wake_unsubscribed(process: Process) -> None:
    """Has the connections that notifications do not come for worked soon: whoever works one subscribes it."""
    if process.settings.public_url is None:
        return
    await process.database.execute(
        """UPDATE connection c SET next_due = least(c.next_due, :now)
        FROM schedule s LEFT JOIN mark m ON m.connection_id = s.connection_id
            AND m.flow = CASE WHEN s.flow = ANY(:by_payables) THEN 'subscription' ELSE 'changes' END
        WHERE s.connection_id = c.id AND s.enabled AND s.webhook AND c.enabled
            AND (m.value IS NULL OR NOT starts_with(m.value, :made))""",
        now=process.clock(),
        made=f"{MADE}{process.settings.public_url.rstrip('/')}/",
        by_payables=[str(each) for each in BY_PAYABLES],
    )
