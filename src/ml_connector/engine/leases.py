"""Leases: one process works a connection at a time, and one that lost it can write nothing more.

A process holds a PostgreSQL advisory lock for each connection it works, all of them on one session: when the
process dies the session ends and the locks go with it. Each taking raises the connection's epoch, which every
write checks. A process that is merely stopped keeps its session: whoever finds its heartbeat stale ends it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import structlog
from psycopg.rows import dict_row

from ml_connector.flows.workplace import LeaseLost

log = structlog.get_logger(__name__)

BEAT_EVERY: Final = 1.0
TRUSTED_FOR: Final = 5.0
"""Seconds after the last heartbeat in which this process still trusts its leases."""
DEAD_AFTER: Final = 8.0
"""Seconds without a heartbeat after which others take the leases; more than TRUSTED_FOR, always."""

LOCK_WAIT: Final = 1
"""Seconds for which a lease's row is waited for."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work a connection, under an epoch that nobody had before."""

    connection: str
    epoch: int


@dataclass(slots=True)
class LeaseKeeper:
    """The leases of this process."""

    dsn: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _session: psycopg.AsyncConnection[dict[str, Any]] | None = None
    _held: dict[str, Lease] = field(default_factory=dict)
    _beaten: float = 0.0
    _beat: asyncio.Task[None] | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """Opens the session that holds the locks, and starts its heartbeat."""
        await self._connect()
        self._beat = asyncio.create_task(self._keep_beating(), name="heartbeat")

    async def close(self) -> None:
        """Gives everything back."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        if self._session is not None and not self._session.closed:
            try:
                await self._session.execute("DELETE FROM process WHERE id = %s", (self.id,))
            except psycopg.Error:
                log.info("The database was gone before the process could sign off.")
            await self._session.close()
        self._held.clear()

    def guard(self, lease: Lease) -> None:
        """Raises `LeaseLost` where this process may no longer write for the connection: asked before each write."""
        if self._held.get(lease.connection) != lease:
            raise LeaseLost(f"{lease.connection} is no longer worked by this process.")
        if time.monotonic() - self._beaten > TRUSTED_FOR:
            raise LeaseLost(f"The database has not been heard for {TRUSTED_FOR:.0f} s: {lease.connection} is let go.")

    async def take(self, connection: str) -> Lease | None:
        """The lease, or None while another process that lives has it."""
        async with self._turn:
            if connection in self._held:
                return None
            session = await self._live_session()
            if not await self._lock(session, connection):
                if not await self._end_dead_holder(session, connection):
                    return None
                if not await self._lock(session, connection):
                    return None
            epoch = await self._raise_epoch(session, connection)
            if epoch is None:
                await self._unlock(session, connection)
                return None
            lease = Lease(connection, epoch)
            self._held[connection] = lease
            return lease

    async def give_back(self, lease: Lease) -> None:
        """Lets others have it. Never raises: a lost session has given it back already."""
        async with self._turn:
            if self._held.get(lease.connection) != lease:
                return
            del self._held[lease.connection]
            if self._session is not None and not self._session.closed:
                try:
                    await self._unlock(self._session, lease.connection)
                except psycopg.Error:
                    await self._session.close()

    async def _lock(self, session: psycopg.AsyncConnection[dict[str, Any]], connection: str) -> bool:
        row = await (
            await session.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1)) AS got", (connection,))
        ).fetchone()
        return bool(row and row["got"])

    async def _raise_epoch(self, session: psycopg.AsyncConnection[dict[str, Any]], connection: str) -> int | None:
        """The new epoch; None where the connection was deleted, or the one before has a write open still.

        That write ends by itself or is ended by the server. It is not waited for here: heartbeats must go on.
        """
        try:
            row = await (
                await session.execute(
                    "UPDATE lease SET epoch = epoch + 1, process_id = %s, taken_at = now() WHERE connection_id = %s "
                    "RETURNING epoch",
                    (self.id, connection),
                )
            ).fetchone()
        except psycopg.errors.LockNotAvailable:
            return None
        return row["epoch"] if row else None

    async def _unlock(self, session: psycopg.AsyncConnection[dict[str, Any]], connection: str) -> None:
        await session.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", (connection,))

    async def _end_dead_holder(self, session: psycopg.AsyncConnection[dict[str, Any]], connection: str) -> bool:
        """Ends the session of a holder that stopped beating. True when the lock may be free now."""
        row = await (
            await session.execute(
                """SELECT p.id, pg_terminate_backend(p.backend_pid, 2000) AS ended
                FROM lease l JOIN process p ON p.id = l.process_id
                JOIN pg_stat_activity a ON a.pid = p.backend_pid AND a.application_name = 'ml-connector ' || p.id
                WHERE l.connection_id = %s AND p.id <> %s
                    AND p.heartbeat_at < clock_timestamp() - make_interval(secs => %s)""",
                (connection, self.id, DEAD_AFTER),
            )
        ).fetchone()
        if row is None:
            return False
        log.warning("A process stopped beating; its leases were taken from it.", process=row["id"])
        return True

    async def _live_session(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        if self._session is None or self._session.closed:
            await self._connect()
        assert self._session is not None
        return self._session

    async def _connect(self) -> None:
        self._held.clear()
        started = time.monotonic()
        session = await psycopg.AsyncConnection[dict[str, Any]].connect(
            self.dsn, autocommit=True, row_factory=dict_row, application_name=f"ml-connector {self.id}"
        )
        await session.execute(
            """INSERT INTO process (id, backend_pid, host, started_at, heartbeat_at)
            VALUES (%s, pg_backend_pid(), %s, clock_timestamp(), clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET backend_pid = excluded.backend_pid, heartbeat_at = clock_timestamp()""",
            (self.id, f"{socket.gethostname()}:{os.getpid()}"),
        )
        await session.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_WAIT}s",))
        self._session = session
        self._beaten = started

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            try:
                async with self._turn:
                    await self._beat_once()
            except (psycopg.Error, OSError) as error:
                log.warning("The database cannot be reached; all connections are let go.", error=str(error))
                self._held.clear()

    async def _beat_once(self) -> None:
        started = time.monotonic()
        if started - self._beaten > DEAD_AFTER:
            # We slept too long: others may have taken everything. Begin anew under new epochs.
            self._held.clear()
            if self._session is not None:
                await self._session.close()
        session = await self._live_session()
        await session.execute("UPDATE process SET heartbeat_at = clock_timestamp() WHERE id = %s", (self.id,))
        self._beaten = started
