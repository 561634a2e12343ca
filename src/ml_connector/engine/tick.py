"""The tick: defers the connections that have something due, and sweeps up after workers that died.

Every process ticks; a transaction lock lets one of them through at a time. A missed tick catches up once.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.connectors.side import Clock
from ml_connector.engine.runs import defer_work
from ml_connector.engine.schedules import FlowSchedule
from ml_connector.store.database import Database
from ml_connector.store.settings import Settings
from ml_connector.store.trail import drop_old_partitions, prepare_partitions

if TYPE_CHECKING:
    import procrastinate

log = structlog.get_logger(__name__)

EVERY: Final = 0.5
SWEEP_EVERY: Final = 2.0
HOUSEKEEPING_EVERY: Final = 3600.0
STALLED_AFTER: Final = 8.0
BATCH: Final = 500
KEEP_NOTIFICATIONS: Final = timedelta(days=90)


class Tick:
    """The periodic part of a process."""

    def __init__(self, database: Database, queue: procrastinate.App, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.queue = queue
        self.settings = settings
        self.clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Ticks until `stop` is set. A database that is away for a while is waited for."""
        loop = asyncio.get_running_loop()
        swept = kept_house = 0.0
        while not stop.is_set():
            try:
                await self.start_due()
                if loop.time() - swept >= SWEEP_EVERY:
                    swept = loop.time()
                    await self.sweep()
                if kept_house == 0.0 or loop.time() - kept_house >= HOUSEKEEPING_EVERY:
                    kept_house = loop.time()
                    await self.keep_house()
            except Exception as error:
                # The tick must outlive whatever one round of it met; the next round tries again.
                log.warning("A tick failed; the next one tries again.", error=str(error))
            try:
                await asyncio.wait_for(stop.wait(), timeout=EVERY)
            except TimeoutError:
                continue

    async def start_due(self) -> int:
        """Turns schedules that are due into runs and defers what is due; how many connections."""
        async with self.database.transaction() as transaction:
            if not (await transaction.execute(text("SELECT pg_try_advisory_xact_lock(7301)"))).scalar():
                return 0
            now = self.clock()
            due = (await transaction.execute(_DUE_SCHEDULES, {"now": now, "limit": BATCH})).mappings().all()
            for row in due:
                await self._start(transaction, dict(row), now)
            woken = (await transaction.execute(_WAKE_DUE, {"now": now, "limit": BATCH})).scalars().all()
            for connection in woken:
                await defer_work(transaction, connection)
            return len(due) + len(woken)

    async def _start(self, transaction: AsyncConnection, row: dict[str, Any], now: datetime) -> None:
        schedule = FlowSchedule(
            every=row["every_seconds"], cron=row["cron"], timezone=row["timezone"], webhook=row["webhook"]
        )
        values = {"c": row["connection_id"], "f": row["flow"], "now": now}
        await transaction.execute(_MOVE_ON, {**values, "next": schedule.next_after(now)})
        started = await transaction.execute(_START_RUN, values)
        if started.scalar() is not None:
            await defer_work(transaction, row["connection_id"])

    async def sweep(self) -> None:
        """Defers anew what a worker that died had in hand."""
        for job in await self.queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
            connection = str(job.task_kwargs["connection"])
            async with self.database.transaction() as transaction:
                await transaction.execute(
                    text("DELETE FROM procrastinate_jobs WHERE id = :id AND status = 'doing'"), {"id": job.id}
                )
                await defer_work(transaction, connection)
            log.warning("A worker died; its connection goes on in another.", connection=connection)

    async def keep_house(self) -> None:
        """Partitions of the trail, retention, old notifications and signs of dead processes."""
        now = self.clock()
        await prepare_partitions(self.database, now=now)
        await drop_old_partitions(self.database, now=now, months=self.settings.trail_retention_months)
        await self.database.execute(
            "DELETE FROM notification WHERE received_at < :limit AND handled_at IS NOT NULL",
            limit=now - KEEP_NOTIFICATIONS,
        )
        await self.database.execute("DELETE FROM process WHERE heartbeat_at < now() - interval '1 day'")
        await self.database.execute(
            "DELETE FROM run WHERE status = 'finished' AND finished_at < :limit AND outcome = 'ok'",
            limit=now - KEEP_NOTIFICATIONS,
        )


_DUE_SCHEDULES = text(
    """SELECT s.* FROM schedule s JOIN connection c ON c.id = s.connection_id
    WHERE s.enabled AND c.enabled AND s.next_due <= :now ORDER BY s.next_due LIMIT :limit"""
)
_MOVE_ON = text("UPDATE schedule SET next_due = :next WHERE connection_id = :c AND flow = :f")
# A run of the flow that is still open stands for this one too.
_START_RUN = text(
    """INSERT INTO run (connection_id, flow, trigger, actor, queued_at)
    SELECT :c, :f, 'schedule', 'schedule', :now
    WHERE NOT EXISTS (SELECT 1 FROM run WHERE connection_id = :c AND flow = :f AND status <> 'finished')
    RETURNING id"""
)
_WAKE_DUE = text(
    """UPDATE connection SET next_due = NULL WHERE id IN (
        SELECT id FROM connection WHERE enabled AND next_due <= :now ORDER BY next_due LIMIT :limit
    ) RETURNING id"""
)
