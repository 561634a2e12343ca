"""How soon work starts after a notification, with many connections in the database."""

from __future__ import annotations

import asyncio
import uuid
from statistics import median
from typing import Final

from bench.report import Report, percentile
from bench.stage import Sandbox, configure, connection, home, notify, product, sandbox
from ml_connector.engine.process import Process
from ml_connector.store.settings import Settings

CONNECTIONS: Final = 10_000
NOTIFIED: Final = 100
"""Connections with secrets of their own, which the notifications are for."""
ROUNDS: Final = 2
CODE: Final = "S1"


async def measure() -> Report:
    """Notifications to different connections, one after the other."""
    report = Report(
        "Start of work with 10,000 connections",
        f"""`ml-connector serve` in a child process, {CONNECTIONS:,} connections in the database, each with an invoice
        flow whose next run is later. {NOTIFIED * ROUNDS} notifications, one after the other, to {NOTIFIED} of them:
        the first round finds each connection untouched, the second with its sides open. Time is from the answer to
        the webhook until the first call arrives in the sandbox, by its log.""",
    )
    rounds: list[list[float]] = []
    async with sandbox() as served, home() as settings:
        await served.found(CODE, vendors=20, orders=0, invoices=0)
        await _configure(served, settings)
        async with product("serve", "--port", "0") as (_, line):
            address = line.split()[-1]
            await asyncio.sleep(2)
            for _ in range(ROUNDS):
                rounds.append([await _one(served, address, f"start-{number}") for number in range(NOTIFIED)])
    for name, values in zip(("untouched connection", "connection with open sides"), rounds, strict=True):
        report.add(f"{name}, median", f"{median(values) * 1000:.1f} ms")
        report.add(f"{name}, 99th percentile", f"{percentile(values, 99) * 1000:.1f} ms")
    return report


async def _configure(served: Sandbox, settings: Settings) -> None:
    flows = {"invoices": {"every": "5m", "webhook": True}}
    await configure(settings, {f"start-{number}": connection(served, CODE, flows=flows) for number in range(NOTIFIED)})
    process = await Process.open(settings)
    try:
        for table, columns in (
            ("connection", "company, system, settings, version, enabled, created_at, updated_at"),
            ("schedule", "flow, enabled, cron, every_seconds, timezone, webhook, next_due"),
        ):
            key = "id" if table == "connection" else "connection_id"
            await process.database.execute(
                f"""INSERT INTO {table} ({key}, {columns}) SELECT 'more-' || n, {columns}
                FROM {table}, generate_series(1, :more) AS n WHERE {key} = 'start-0'""",
                more=CONNECTIONS - NOTIFIED,
            )
        await process.database.execute(
            "INSERT INTO lease (connection_id) SELECT id FROM connection ON CONFLICT DO NOTHING"
        )
        await process.database.execute("UPDATE schedule SET next_due = now() + interval '1 day' * (1 + random())")
        await process.database.execute("UPDATE connection SET next_due = NULL")
        await process.database.execute("ANALYZE")
    finally:
        await process.close()


async def _one(served: Sandbox, address: str, name: str) -> float:
    await served.forget_calls()
    _, answered = await notify(served.http, address, name, uuid.uuid4().hex)
    for _ in range(2000):
        calls = [call for made in (await served.calls()).values() for call in made]
        if any("/v1/accountingDocuments" in call["path"] for call in calls):
            break
        await asyncio.sleep(0.02)
    else:
        raise TimeoutError("No work was started.")
    await asyncio.sleep(0.1)  # it is put down again
    return max(0.0, min(call["at"] - call["seconds"] for call in calls) - answered)
