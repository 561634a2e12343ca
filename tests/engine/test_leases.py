"""One process works a connection at a time; one that lost it can write nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from ml_connector.engine import leases
from ml_connector.engine.leases import LeaseKeeper
from ml_connector.engine.shift import is_lease_lost
from ml_connector.flows.workplace import LeaseLost
from ml_connector.store.database import Database
from ml_connector.store.trail import Entry, Scribe

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
async def keepers(database: Database) -> AsyncIterator[tuple[LeaseKeeper, LeaseKeeper]]:
    await database.execute(
        "INSERT INTO connection (id, company, system, settings, created_at, updated_at) "
        "VALUES ('acme', '1', 'x', '{}', now(), now())"
    )
    await database.execute("INSERT INTO lease (connection_id) VALUES ('acme')")
    first, second = LeaseKeeper(database.dsn), LeaseKeeper(database.dsn)
    await first.open()
    await second.open()
    yield first, second
    await first.close()
    await second.close()


async def test_only_one_process_has_a_connection(keepers: tuple[LeaseKeeper, LeaseKeeper]) -> None:
    first, second = keepers
    lease = await first.take("acme")
    assert lease is not None
    assert await second.take("acme") is None
    assert await first.take("acme") is None, "not twice in one process either"
    first.guard(lease)
    await first.give_back(lease)
    after = await second.take("acme")
    assert after is not None
    assert after.epoch == lease.epoch + 1
    with pytest.raises(LeaseLost):
        first.guard(lease)


async def test_a_deleted_connection_cannot_be_taken(keepers: tuple[LeaseKeeper, LeaseKeeper]) -> None:
    assert await keepers[0].take("gone") is None


async def test_a_write_under_an_old_epoch_is_refused(
    database: Database, keepers: tuple[LeaseKeeper, LeaseKeeper]
) -> None:
    first, second = keepers
    old = await first.take("acme")
    assert old is not None
    await first.give_back(old)
    new = await second.take("acme")
    assert new is not None
    scribe = Scribe(b"k" * 32)
    entry = Entry("invoices", "doc", "posted", "ok", "Posted.")
    with pytest.raises(DBAPIError) as refused:
        async with database.transaction() as transaction:
            await scribe.append(transaction, "acme", [entry], epoch=old.epoch, at=NOW)
    assert is_lease_lost(refused.value)
    async with database.transaction() as transaction:
        await scribe.append(transaction, "acme", [entry], epoch=new.epoch, at=NOW)


async def test_a_session_that_is_lost_gives_everything_to_others(
    database: Database, keepers: tuple[LeaseKeeper, LeaseKeeper]
) -> None:
    first, second = keepers
    lease = await first.take("acme")
    assert lease is not None
    await database.fetch("SELECT pg_terminate_backend(backend_pid) AS ended FROM process WHERE id = :id", id=first.id)
    for _ in range(200):
        if (taken := await second.take("acme")) is not None:
            break
        await asyncio.sleep(0.02)
    assert taken is not None
    for _ in range(200):
        try:
            first.guard(lease)
        except LeaseLost:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(LeaseLost):
        first.guard(lease)


async def test_a_process_that_stopped_beating_is_ended(
    database: Database, keepers: tuple[LeaseKeeper, LeaseKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keepers
    lease = await first.take("acme")
    assert lease is not None
    assert first._beat is not None  # pyright: ignore[reportPrivateUsage]
    first._beat.cancel()  # pyright: ignore[reportPrivateUsage] - as if the process were stopped
    assert await second.take("acme") is None, "its last beat is young"
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        await connection.execute(
            "UPDATE process SET heartbeat_at = now() - interval '1 minute' WHERE id = %s", (first.id,)
        )
    taken = await second.take("acme")
    assert taken is not None
    assert taken.epoch == lease.epoch + 1
    monkeypatch.setattr(leases, "TRUSTED_FOR", -1.0)
    with pytest.raises(LeaseLost):
        first.guard(lease)


def test_a_process_stops_trusting_itself_before_others_take_over() -> None:
    assert leases.TRUSTED_FOR + leases.BEAT_EVERY < leases.DEAD_AFTER
