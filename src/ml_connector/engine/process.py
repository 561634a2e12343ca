"""A process of the product: its database, its leases, its workers."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ml_connector.connectors.side import Clock
from ml_connector.engine.leases import Lease, LeaseKeeper
from ml_connector.engine.runs import defer_work
from ml_connector.engine.shift import Shift
from ml_connector.engine.sides import Sides, load_settings, open_sides
from ml_connector.engine.subscription import Receiver
from ml_connector.engine.tick import STALLED_AFTER, Tick
from ml_connector.flows.workplace import LeaseLost, Workplace
from ml_connector.store.database import Database, open_database
from ml_connector.store.keys import Keys
from ml_connector.store.settings import Settings
from ml_connector.store.trail import Scribe, prepare_partitions
from ml_connector.store.vault import Vault

if TYPE_CHECKING:
    import procrastinate

log = structlog.get_logger(__name__)

KEEP_OPEN: Final = 600.0
"""Seconds for which the sides of an idle connection stay open, with their sign-in."""
MOST_OPEN: Final = 200
LONGEST_FAREWELL: Final = 10.0
"""Seconds for which work in hand is waited for when the process is told to end; then it is broken off."""
SERVE_AGAIN_AFTER: Final = 1.0
_COLLECT_AFTER: Final = (20_000, 20, 20)


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class _SwitchableGuard:
    """Sides outlive a lease: their guard asks for the one that holds now."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self.keeper = keeper
        self.lease: Lease | None = None

    def __call__(self) -> None:
        if self.lease is None:
            raise LeaseLost("The connection is not being worked.")
        self.keeper.guard(self.lease)


class Process:
    """What one process of the product is made of."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, scribe: Scribe, clock: Clock) -> None:
        self.settings = settings
        self.database = database
        self.vault = vault
        self.scribe = scribe
        self.clock = clock
        self._keeper: LeaseKeeper | None = None
        self._open: OrderedDict[str, tuple[Sides, _SwitchableGuard, float]] = OrderedDict()
        self._shifts: dict[str, Shift] = {}
        self._stop: asyncio.Event | None = None
        self._receiver: Receiver | None = None

    @classmethod
    async def open(cls, settings: Settings, *, clock: Clock = utc_now, pool_size: int = 10) -> Process:
        """Opens the database and the vault. Raises `NotInitialised` where there is no home yet."""
        database = await open_database(settings, pool_size=pool_size)
        vault = Vault(Keys(settings))
        scribe = Scribe(await vault.trail_key(database))
        settle_collector()
        return cls(settings, database, vault, scribe, clock)

    async def close(self) -> None:
        """Gives back leases, sessions and connections."""
        for sides, _, _ in self._open.values():
            await sides.close()
        self._open.clear()
        if self._keeper is not None:
            await self._keeper.close()
        await self.database.close()

    async def open_sides(self, connection: str) -> Sides:
        """Both sides of a connection, for looking only. The caller closes them."""
        settings = await load_settings(self.database, self.vault, connection)
        return open_sides(settings, clock=self.clock)

    # ------------------------------------------------------------------ working

    async def work_now(self, connection: str) -> bool:
        """Works a connection here until nothing is due or the slice is over; False if somebody else works it."""
        at_work = self._shifts.get(connection)
        if at_work is not None:
            at_work.news.set()
            return True
        while True:
            lease = await (await self._leases()).take(connection)
            if lease is None:
                return False
            try:
                shift = await self._work(lease)
            finally:
                await (await self._leases()).give_back(lease)
            if not shift.news.is_set():
                return True
            # News that came after its last look, which nobody else will follow.
            if shift.place.stopping.is_set():
                await self._again(connection, seconds=0)
                return True

    def put_down(self, connection: str) -> None:
        """Begins no new work on a connection that is being worked here; what is in hand is brought to rest."""
        at_work = self._shifts.get(connection)
        if at_work is not None:
            at_work.place.stopping.set()
            at_work.news.set()

    async def _leases(self) -> LeaseKeeper:
        if self._keeper is None:
            self._keeper = LeaseKeeper(self.database.dsn)
            await prepare_partitions(self.database, now=self.clock())
            await self._keeper.open()
        return self._keeper

    async def _work(self, lease: Lease) -> Shift:
        sides, guard = await self._sides_for(lease)
        guard.lease = lease
        shift = Shift(
            self._workplace(lease, sides), receiver=self._receiver, webhook_token=sides.webhook_token,
            system=sides.system, announced=sides.announced,
        )  # fmt: skip
        self._shifts[lease.connection] = shift
        if self._stop is not None and self._stop.is_set():
            shift.close()
        slice_over = asyncio.get_running_loop().call_later(self.settings.slice_seconds, shift.place.stopping.set)
        try:
            await shift.work()
        except LeaseLost as lost:
            log.warning("The connection was taken over by another process.", connection=lease.connection)
            await self._forget(lease.connection)
            raise lost from None
        else:
            await self._remember_region(sides)
        finally:
            slice_over.cancel()
            guard.lease = None
            # Until the lease is free, whoever has news leaves it with this shift.
            await (await self._leases()).give_back(lease)
            self._shifts.pop(lease.connection, None)
            shift.ended.set()
        return shift

    async def _remember_region(self, sides: Sides) -> None:
        """A region that was found out from the credentials need not be found out again."""
        if sides.payables.region_found is not None:
            await self.database.execute(
                "UPDATE connection SET region = :r WHERE id = :c AND region IS DISTINCT FROM :r",
                r=sides.payables.region_found, c=sides.connection,
            )  # fmt: skip

    def _workplace(self, lease: Lease, sides: Sides) -> Workplace:
        return Workplace(
            connection=lease.connection,
            company=sides.company,
            epoch=lease.epoch,
            erp=sides.erp,
            payables=sides.payables,
            mapping=sides.mapping,
            database=self.database,
            scribe=self.scribe.with_redacted(sides.redacted),
            clock=self.clock,
            version=sides.version,
            route=sides.inbound,
            writes_notes=sides.writes_notes,
            vault=self.vault,
        )

    async def _sides_for(self, lease: Lease) -> tuple[Sides, _SwitchableGuard]:
        """Sides from an earlier slice where the settings have not changed since."""
        row = await self.database.fetch_one("SELECT version FROM connection WHERE id = :c", c=lease.connection)
        kept = self._open.pop(lease.connection, None)
        if kept is not None and row is not None and kept[0].version == row["version"]:
            sides, guard, _ = kept
        else:
            if kept is not None:
                await kept[0].close()
            guard = _SwitchableGuard(await self._leases())
            settings = await load_settings(self.database, self.vault, lease.connection)
            sides = open_sides(settings, clock=self.clock, guard=guard)
        self._open[lease.connection] = (sides, guard, time.monotonic())
        await self._close_idle()
        return sides, guard

    async def _close_idle(self) -> None:
        limit = time.monotonic() - KEEP_OPEN
        for connection, (_, _, used) in list(self._open.items()):
            if connection not in self._shifts and (used < limit or len(self._open) > MOST_OPEN):
                await self._forget(connection)

    async def _forget(self, connection: str) -> None:
        kept = self._open.pop(connection, None)
        if kept is not None:
            await kept[0].close()

    # ------------------------------------------------------------------ as a worker

    async def run_workers(self, stop: asyncio.Event) -> None:
        """Works whatever is due, until `stop` is set; then puts down cleanly what is in hand and returns."""
        if self.settings.public_url is not None:
            self._receiver = Receiver(self.settings.public_url)
        await self._leases()
        import procrastinate

        queue = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self.database.dsn, max_size=4))
        queue.task(name="work", queue="work", pass_context=False)(self._job)
        self._stop = stop
        async with queue.open_async():
            worker = asyncio.create_task(self._serve(queue), name="queue worker")
            tick = asyncio.create_task(Tick(self.database, queue, self.settings, self.clock).run(stop), name="tick")
            stopped = asyncio.create_task(stop.wait(), name="stop")
            await asyncio.wait({worker, tick, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for shift in self._shifts.values():
                shift.close()
            worker.cancel()
            stopped.cancel()
            results = await asyncio.gather(worker, tick, stopped, return_exceptions=True)
            _raise_failure(results)

    async def _serve(self, queue: procrastinate.App) -> None:
        """Serves the queue until cancelled; then waits for what is in hand.

        The queue's own worker breaks off when the database was away, or when others took this process for dead.
        Nothing is lost by that: what it had in hand is swept up, and it is begun anew.
        """
        while True:
            try:
                await queue.run_worker_async(
                    queues=["work"],
                    concurrency=self.settings.concurrency,
                    wait=True,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    fetch_job_polling_interval=5.0,
                    update_heartbeat_interval=2.0,
                    stalled_worker_timeout=STALLED_AFTER,
                    shutdown_graceful_timeout=LONGEST_FAREWELL,
                )
            except Exception as error:
                log.warning("The queue could not be served; it is tried again.", error=_words(error))
            await asyncio.sleep(SERVE_AGAIN_AFTER)

    async def _job(self, connection: str) -> None:
        """The job of the queue: a slice of work on one connection."""
        try:
            if await self.work_now(connection):
                await self._defer_if_due(connection)
            else:
                await self._again(connection, seconds=1)
        except LeaseLost:
            # To another, or to nobody: where the session that held it broke, nobody else may know of the work.
            await self._again(connection, seconds=1)
        except asyncio.CancelledError:
            # It took too long to be put down: whoever comes next goes on at once.
            await self._again(connection, seconds=0)
            raise
        except (OperationalError, psycopg.OperationalError) as error:
            log.warning("The database broke off the work on a connection.", connection=connection, error=_words(error))
            await self._again(connection, seconds=1)
        except Exception:
            # Whatever it was is written down; the connection is looked at again after a pause, not at once.
            log.exception("The work on a connection broke off.", connection=connection)
            await self._again(connection, seconds=10)

    async def _again(self, connection: str, *, seconds: int) -> None:
        """Has the connection looked at again. A database that is away is waited for: nobody else would do it."""
        while True:
            try:
                await self.database.execute(
                    "UPDATE connection SET next_due = least(next_due, now() + make_interval(secs => :s)) WHERE id = :c",
                    c=connection, s=seconds,
                )  # fmt: skip
            except OperationalError:
                if self._stop is not None and self._stop.is_set():
                    return  # the job stays behind as one in hand: whoever sweeps finds it
                await asyncio.sleep(SERVE_AGAIN_AFTER)
            else:
                return

    async def _defer_if_due(self, connection: str) -> None:
        async with self.database.transaction() as transaction:
            due = await transaction.execute(
                text("UPDATE connection SET next_due = NULL WHERE id = :c AND next_due <= :now RETURNING id"),
                {"c": connection, "now": self.clock()},
            )
            if due.first() is not None:
                await defer_work(transaction, connection)


def _words(error: BaseException) -> str:
    """An error in one line: its cause's own words where it only wraps another."""
    said = str(error.__cause__ or error).strip() or type(error).__name__
    return said.partition("\n")[0]


def _raise_failure(results: Iterable[Any]) -> None:
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def settle_collector() -> None:
    """What start-up made stays: the collector need not look at it again, nor come for every few hundred objects.

    Most of what a document or a page of vendors allocates is freed by count alone. Measured: 5 % of a worker's time.
    """
    if gc.get_freeze_count() == 0:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
