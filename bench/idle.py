"""What a worker costs that has little or nothing to do."""

from __future__ import annotations

import asyncio
from typing import Final

import psutil

from bench.report import Report
from bench.stage import Sandbox, configure, connection, home, product, sandbox
from ml_connector.engine.process import Process
from ml_connector.store.settings import Settings

CONNECTIONS: Final = 1_000
CODE: Final = "I1"
WATCHED: Final = 40.0


async def measure() -> Report:
    """First with every next run later, then with the polls going on."""
    report = Report(
        "Idle worker with 1,000 connections",
        f"""`ml-connector work` in a child process, {CONNECTIONS:,} connections whose invoices are looked for every
        five minutes; watched for {WATCHED:.0f} s. First with all next runs later: what scheduling alone costs. Then
        with the polls spread evenly, 3.3 a second, each of which signs in where it has no token, lists the documents
        that wait, and finds none. Processor time is told as a share of one core, of the worker and of PostgreSQL.""",
    )
    async with sandbox() as served, home() as settings:
        await served.found(CODE, vendors=20, orders=0, invoices=0)
        flows = {"invoices": {"every": "5m", "webhook": False}}
        names = [f"idle-{number}" for number in range(CONNECTIONS)]
        await configure(settings, {name: connection(served, CODE, flows=flows) for name in names})
        for what, due in (
            ("all runs later", "interval '1 day'"),
            ("polls every five minutes", "interval '1 second' * (2 + random() * 300)"),
        ):
            await _reschedule(settings, due)
            await served.forget_calls()
            await _watch(report, what, served)
    return report


async def _reschedule(settings: Settings, due: str) -> None:
    process = await Process.open(settings)
    try:
        await process.database.execute(f"UPDATE schedule SET enabled = flow = 'invoices', next_due = now() + {due}")
        await process.database.execute("UPDATE connection SET next_due = NULL")
        await process.database.execute("DELETE FROM run")
        await process.database.execute("DELETE FROM procrastinate_jobs")
    finally:
        await process.close()


async def _watch(report: Report, what: str, served: Sandbox) -> None:
    async with product("work") as (child, _):
        await asyncio.sleep(5)
        worker = psutil.Process(child.pid)
        before = (_seconds([worker]), _seconds(_databases(worker)))
        await asyncio.sleep(WATCHED)
        after = (_seconds([worker]), _seconds(_databases(worker)))
        memory = worker.memory_info().rss / 2**20
    shares = [max(0.0, late - early) / WATCHED * 100 for early, late in zip(before, after, strict=True)]
    calls = sum(len(made) for made in (await served.calls()).values())
    report.add(f"{what}: worker", f"{shares[0]:.1f} % of a core, {memory:.0f} MiB")
    report.add(f"{what}: PostgreSQL", f"{shares[1]:.1f} % of a core")
    report.add(f"{what}: calls", f"{calls}")


def _databases(worker: psutil.Process) -> list[psutil.Process]:
    """The processes of the embedded server that the worker uses."""
    home_of = worker.environ()["ML_CONNECTOR_HOME"]
    servers = [each for each in psutil.process_iter(["name", "cmdline"]) if _serves(each, home_of)]
    return [process for server in servers for process in (server, *server.children(recursive=True))]


def _serves(process: psutil.Process, home_of: str) -> bool:
    command = process.info["cmdline"] or []
    return process.info["name"] == "postgres" and any(part.startswith(home_of) for part in command)


def _seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # A server counts what its ended processes took.
        total += times.user + times.system + times.children_user + times.children_system
    return total
