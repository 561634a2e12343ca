"""The tick turns what is due into work, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import procrastinate
import pytest

from ml_connector.engine.runs import request_runs
from ml_connector.engine.tick import Tick
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database
from ml_connector.store.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Time:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def clock(database: Database) -> Time:
    for name in ("acme", "other"):
        await database.execute(
            "INSERT INTO connection (id, company, system, settings, created_at, updated_at) "
            "VALUES (:n, '1', 'x', '{}', now(), now())",
            n=name,
        )
        await database.execute(
            "INSERT INTO schedule (connection_id, flow, enabled, every_seconds, next_due) "
            "VALUES (:n, 'invoices', true, 300, :due), (:n, 'vendors', :n = 'acme', 3600, :due)",
            n=name, due=NOW - timedelta(hours=5),
        )  # fmt: skip
    return Time()


@pytest.fixture
def tick(database: Database, clock: Time) -> Tick:
    queue = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database.dsn))
    return Tick(database, queue, Settings(), clock)


async def runs(database: Database) -> list[tuple[str, str, str]]:
    rows = await database.fetch("SELECT connection_id, flow, trigger FROM run ORDER BY 1, 2, id")
    return [(row["connection_id"], row["flow"], row["trigger"]) for row in rows]


async def waiting(database: Database) -> list[str]:
    rows = await database.fetch("SELECT queueing_lock AS c FROM procrastinate_jobs WHERE status = 'todo' ORDER BY 1")
    return [row["c"] for row in rows]


async def test_what_was_missed_for_hours_is_run_once(database: Database, tick: Tick) -> None:
    await tick.start_due()
    assert await runs(database) == [
        ("acme", "invoices", "schedule"),
        ("acme", "vendors", "schedule"),
        ("other", "invoices", "schedule"),
    ]
    assert await waiting(database) == ["acme", "other"], "one job a connection, however many flows"
    await tick.start_due()
    assert len(await runs(database)) == 3


async def test_the_next_time_is_counted_from_now(database: Database, tick: Tick, clock: Time) -> None:
    await tick.start_due()
    await database.execute("UPDATE run SET status = 'finished'")
    clock.now = NOW + timedelta(seconds=299)
    await tick.start_due()
    assert len(await runs(database)) == 3
    clock.now = NOW + timedelta(seconds=300)
    await tick.start_due()
    assert len(await runs(database)) == 5


async def test_a_run_that_is_still_open_stands_for_the_next_one(database: Database, tick: Tick, clock: Time) -> None:
    await request_runs(database, "acme", [Flow.INVOICES], trigger="person", actor="eva", options={}, now=NOW)
    await tick.start_due()
    assert ("acme", "invoices", "schedule") not in await runs(database)


async def test_a_connection_with_a_document_due_is_woken_once(database: Database, tick: Tick) -> None:
    await database.execute("UPDATE schedule SET enabled = false")
    await database.execute("UPDATE connection SET next_due = :due WHERE id = 'other'", due=NOW)
    await tick.start_due()
    assert await waiting(database) == ["other"]
    await database.execute("DELETE FROM procrastinate_jobs")
    await tick.start_due()
    assert await waiting(database) == []


async def test_a_connection_that_is_switched_off_stays_at_rest(database: Database, tick: Tick) -> None:
    await database.execute("UPDATE connection SET enabled = false, next_due = :due", due=NOW)
    await tick.start_due()
    assert (await runs(database), await waiting(database)) == ([], [])


async def test_what_a_dead_worker_had_in_hand_is_deferred_anew(database: Database, tick: Tick) -> None:
    await request_runs(database, "acme", [Flow.INVOICES], trigger="person", actor="eva", options={}, now=NOW)
    await database.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
    await database.execute(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)"
    )
    async with tick.queue.open_async():
        await tick.sweep()
    assert await waiting(database) == ["acme"]
    assert await database.fetch("SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'") == []


async def test_housekeeping_prepares_the_months_to_come(database: Database, tick: Tick) -> None:
    await tick.keep_house()
    await tick.keep_house()
    rows = await database.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'trail'::regclass ORDER BY 1"
    )
    assert [row["name"] for row in rows] == ["trail_2026_11", "trail_2026_12", "trail_rest"]
