"""An ERP's calls that something changed: each one an order to run the flows concerned, never more than a hint."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import text

from ml_connector.connectors import registry
from ml_connector.connectors.base import Announcements, SourceConnector
from ml_connector.engine.process import Process
from ml_connector.engine.runs import defer_work
from ml_connector.engine.subscription import change_secret
from ml_connector.records.flow import Flow, in_order
from ml_connector.store.keys import KeyProblem
from ml_connector.store.vault import SecretUnreadable

log = structlog.get_logger(__name__)

SIGNATURE_KEY: Final = "webhook_key"
"""The secret setting of a source that its calls are signed with: it makes the key itself, a person brings it here."""


class Heard(StrEnum):
    """What became of a call. Its sender learns only whether it could be read: a refusal may end the subscription."""

    ACCEPTED = "accepted"
    DISCARDED = "discarded"
    """Without the secret, or of flows that notifications are not to start."""
    NOT_READABLE = "not readable"


class AnnouncementDesk:
    """Takes the ERPs' calls. One for a process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        announcing = {each: registry.erp(each).announcements for each in registry.erp_ids()}
        self._readers = {each: reader for each, reader in announcing.items() if reader is not None}

    def reader(self, system: str) -> Announcements | None:
        """What reads the calls of that system; None where it makes none."""
        return self._readers.get(system)

    async def take(self, system: str, connection: str, *, body: bytes, headers: Mapping[str, str]) -> Heard:
        """Queues a run of each flow in which something changed: nothing is lost after ACCEPTED."""
        secret = await self._secret(system, connection)
        if not secret:
            log.warning("A change notification cannot be checked.", connection=connection[:64], system=system)
            return Heard.DISCARDED
        try:
            flows = self._readers[system].parse(body, headers=headers, secret=secret)
        except ValueError as error:
            log.warning("A change notification could not be read.", connection=connection[:64], error=str(error))
            return Heard.NOT_READABLE
        if not flows or not await self._queue(system, connection, flows):
            log.warning("A change notification was discarded.", connection=connection[:64], system=system)
            return Heard.DISCARDED
        return Heard.ACCEPTED

    async def _secret(self, system: str, connection: str) -> str | None:
        """What that connection's calls carry, or are signed with; None where it is not known."""
        if not isinstance(registry.erp(system), SourceConnector):
            return change_secret(self._process.scribe, connection)
        try:
            return await self._process.vault.get(self._process.database, connection[:64], "erp", SIGNATURE_KEY)
        except (KeyProblem, SecretUnreadable):
            return None

    async def _queue(self, system: str, connection: str, flows: frozenset[Flow]) -> bool:
        """Runs of those flows that notifications may start. False where there are none among them."""
        async with self._process.database.transaction() as transaction:
            values = {"c": connection, "system": system, "flows": [str(each) for each in flows]}
            wanted = {Flow(each) for each in (await transaction.execute(_WANTED, values)).scalars()}
            for flow in in_order(wanted):
                await transaction.execute(_START_RUN, {"c": connection, "f": flow, "now": self._process.clock()})
            if wanted:
                await defer_work(transaction, connection)
        return bool(wanted)


# The lock lets one call at a time look whether a run waits.
_WANTED: Final = text("""
    SELECT s.flow FROM schedule s JOIN connection c ON c.id = s.connection_id
    WHERE c.id = :c AND c.system = :system AND c.enabled AND s.enabled AND s.webhook AND s.flow = ANY(:flows)
    ORDER BY s.flow FOR UPDATE OF s""")
# A run that has begun may have read past the change already: only one that has not stands for this one too.
_START_RUN: Final = text("""
    INSERT INTO run (connection_id, flow, trigger, actor, queued_at)
    SELECT :c, :f, 'webhook', 'webhook', :now
    WHERE NOT EXISTS (SELECT 1 FROM run WHERE connection_id = :c AND flow = :f AND status = 'queued')""")
