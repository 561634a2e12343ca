"""A ledger's notifications from end to end: subscribed to by whoever works the connection, followed, kept alive."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import text

from ml_connector.engine.process import Process
from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.setting_up import apply_configuration, export_configuration, initialise
from ml_connector.sandbox import business_central as simulated
from ml_connector.sandbox.basware import Basware
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.store.settings import Settings
from ml_connector.web.server import Server

FILE = """\
connections:
  acme-bc:
    company: "1000"
    basware:
      base_url: {basware}
      client_id: acme
      client_secret: basware-secret
    erp:
      system: business-central
      base_url: {ledger}
      token_url: {ledger}/{{tenant}}/oauth2/v2.0/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: 22222222-3333-4444-5555-666666666666
      client_secret: bc-secret
    flows:
      tax-codes: {{enabled: false}}
      accounts: {{enabled: false}}
      dimensions: {{enabled: false}}
      payment-terms: {{every: 60d}}
      vendors: {{every: 60d, webhook: {webhook}}}
      purchase-orders: {{enabled: false}}
      invoices: {{enabled: false}}
      payments: {{enabled: false}}
"""


@dataclass
class World:
    """Both simulated systems and the product, which serves and works; time passes for all of them alike."""

    clock: Clock
    ledger: simulated.BusinessCentral
    addresses: dict[str, str]
    process: Process
    session: aiohttp.ClientSession

    async def apply(self, *, webhook: bool = True) -> None:
        text = FILE.format(**self.addresses, webhook=str(webhook).lower())
        configuration = parse_configuration(text, file="c.yaml", folder=Path(), environment={})
        await apply_configuration(self.process, configuration, actor="test", dry_run=False)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Server]:
        server = Server(self.process, host="127.0.0.1", port=0)
        self.process.settings = self.process.settings.model_copy(update={"public_url": f"{server.address}/"})
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(server.run(stop, ready.set))
        await ready.wait()
        try:
            yield server
        finally:
            stop.set()
            await running

    async def change_vendor(self, number: str, name: str) -> None:
        asked = {"company": "1000", "number": number, "displayName": name}
        async with self.session.post(f"{self.addresses['ledger']}/_sandbox/vendors", json=asked) as answer:
            assert answer.status == 200, await answer.text()

    async def fail_subscribing(self, count: int) -> None:
        fault = {"kind": "status", "status": 400, "method": "POST", "path": "/subscriptions", "count": count}
        async with self.session.post(f"{self.addresses['ledger']}/_sandbox/faults", json=fault) as answer:
            assert answer.status < 300, await answer.text()

    async def vendors_in_basware(self) -> dict[str, str]:
        url = f"{self.addresses['basware']}/_sandbox/p2p?entity=vendors&company=1000"
        async with self.session.get(url) as answer:
            records = (await answer.json())["records"]
        return {each["externalCode"]: str(each["record"]) for each in records}

    async def runs(self) -> list[dict[str, Any]]:
        """Those of the vendors, oldest first."""
        return await self.process.database.fetch(
            "SELECT trigger, status, outcome, counts, error FROM run WHERE flow = 'vendors' ORDER BY id"
        )

    async def finished(self, number: int) -> list[dict[str, Any]]:
        """The runs once so many are done."""

        async def done() -> list[dict[str, Any]] | None:
            rows = await self.runs()
            return rows if sum(row["status"] == "finished" for row in rows) >= number else None

        return await until(done)

    async def mark(self) -> dict[str, Any] | None:
        return await self.process.database.fetch_one("SELECT value FROM mark WHERE flow = 'changes'")

    async def subscribed(self, *entities: str) -> list[dict[str, Any]]:
        """The living subscriptions, once they are just these and the product has taken note of it."""

        async def right() -> list[dict[str, Any]] | None:
            rows = self.ledger.webhooks.all()
            mark = await self.mark()
            noted = mark is None if not entities else mark is not None and mark["value"].startswith("at ")
            found_ = sorted(row["resource"].rpartition("/")[2] for row in rows)
            return [*rows, {}] if noted and found_ == sorted(entities) else None

        return (await until(right))[:-1]


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(40):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
    return value


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    company = found(today=clock.now().date(), vendors=5, orders=0, invoices=0)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    basware = Basware(clock=clock, companies=[company], file_origin=addresses[1], import_delay=0.0)
    ledger = simulated.BusinessCentral(clock=clock, companies=[company])
    ledger.webhooks.window = 0.05
    runners = [
        web.AppRunner(each, shutdown_timeout=1) for each in (*basware.applications(), *ledger.applications())
    ]  # fmt: skip
    for runner, bound in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, bound).start()
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), key=SecretStr(key), public_url=None)
    await initialise(settings)
    process = await Process.open(settings, clock=clock.now, pool_size=5)
    async with aiohttp.ClientSession() as session:
        yield World(clock, ledger, {"basware": addresses[0], "ledger": addresses[2]}, process, session)
    await process.close()
    for runner in runners:
        await runner.cleanup()


async def test_a_change_in_the_ledger_is_in_the_payables_system_long_before_the_schedule_comes_round(
    world: World,
) -> None:
    await world.apply()
    async with world.serving() as server:
        (subscription,) = await world.subscribed("vendors")
        assert subscription["notificationUrl"] == f"{server.address}/webhooks/business-central/acme-bc"
        assert [row["trigger"] for row in await world.finished(1)] == ["schedule"]
        before = await world.vendors_in_basware()
        assert len(before) == 5, await world.runs()
        (books,) = world.ledger.service.books.values()
        await world.change_vendor(next(iter(books.table("vendors").rows.values()))["number"], "Renamed & Sons")
        ended = await world.finished(2)
        assert [(row["trigger"], row["outcome"]) for row in ended] == [("schedule", "ok"), ("webhook", "ok")]
        after = await world.vendors_in_basware()
        changed = {code for code in after if before[code] != after[code]}
        assert len(changed) == 1
        assert "Renamed & Sons" in after[changed.pop()]


async def test_more_changes_than_are_named_one_by_one_are_followed_too(world: World) -> None:
    await world.apply()
    world.ledger.webhooks.threshold = 2
    world.ledger.webhooks.window = 1.0
    async with world.serving():
        await world.subscribed("vendors")
        await world.finished(1)
        for number in range(3):
            await world.change_vendor(f"V9000{number}", f"Newcomer {number}")

        async def are_all_there() -> bool:
            held = " ".join((await world.vendors_in_basware()).values())
            return all(f"Newcomer {number}" in held for number in range(3))

        await until(are_all_there)
        assert {row["trigger"] for row in await world.runs()} == {"schedule", "webhook"}


async def test_it_is_renewed_before_it_ends_though_nothing_runs(world: World) -> None:
    await world.apply()
    async with world.serving():
        (first,) = await world.subscribed("vendors")
        for _ in range(8):
            # The ledger drops a subscription three days after its last renewal.
            ends = datetime.fromisoformat(world.ledger.webhooks.rows[first["subscriptionId"]]["expirationDateTime"])
            world.clock.move(timedelta(hours=13))

            async def is_renewed(ends: datetime = ends) -> bool:
                row = world.ledger.webhooks.rows[first["subscriptionId"]]
                return datetime.fromisoformat(row["expirationDateTime"]) > ends

            await until(is_renewed)
            await world.subscribed("vendors")
        assert {row["trigger"] for row in await world.runs()} == {"schedule"}


async def test_one_that_the_ledger_dropped_is_made_again(world: World) -> None:
    await world.apply()
    async with world.serving():
        (first,) = await world.subscribed("vendors")
        world.ledger.webhooks.rows.clear()
        world.clock.move(timedelta(hours=13))
        (second,) = await world.subscribed("vendors")
        assert second["subscriptionId"] != first["subscriptionId"]


async def test_a_failure_is_noted_and_tried_again_and_the_schedule_goes_on(world: World) -> None:
    await world.apply()
    await world.fail_subscribing(1)
    async with world.serving():
        assert [row["outcome"] for row in await world.finished(1)] == ["ok"]

        async def is_noted() -> bool:
            mark = await world.mark()
            return mark is not None and not mark["value"].startswith("at ")

        await until(is_noted)
        assert world.ledger.webhooks.all() == []
        world.clock.move(timedelta(minutes=11))
        await world.subscribed("vendors")


async def test_switched_off_in_the_file_it_is_ended(world: World) -> None:
    await world.apply()
    async with world.serving():
        await world.subscribed("vendors")
        await world.finished(1)
        await world.apply(webhook=False)
        await world.subscribed()
        await world.apply()
        await world.subscribed("vendors")
    assert len(await world.runs()) == 1


async def test_where_nothing_is_served_nothing_is_subscribed_to(world: World) -> None:
    await world.apply()
    await world.process.work_now("acme-bc")
    assert world.ledger.webhooks.all() == []
    assert await world.mark() is None


async def test_the_file_and_its_export_know_nothing_of_the_secret(world: World) -> None:
    await world.apply()
    async with world.serving():
        (subscription,) = await world.subscribed("vendors")
    exported = await export_configuration(world.process, [])
    assert "webhook: true" in exported
    assert subscription["clientState"] not in exported
    assert exported.count("${env:") == 2
    version = await world.process.database.fetch_one("SELECT version FROM connection")
    await world.apply()
    assert await world.process.database.fetch_one("SELECT version FROM connection") == version


async def test_settings_that_change_while_a_shift_notes_when_it_is_due_again_are_not_overlooked(world: World) -> None:
    await world.apply()
    database = world.process.database
    async with database.transaction() as changing:
        await changing.execute(
            text("UPDATE connection SET version = version + 1, next_due = :now"), {"now": world.clock.now()}
        )
        working = asyncio.create_task(world.process.work_now("acme-bc"))

        async def waits() -> bool:
            return bool(await database.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"))

        await until(waits)
    await working
    (row,) = await database.fetch("SELECT next_due FROM connection")
    assert row["next_due"] is not None
    assert row["next_due"] <= world.clock.now()
