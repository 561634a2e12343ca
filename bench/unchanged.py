"""A run with nothing changed: what it reads, what it writes, how long it takes."""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from bench.report import Report, spread
from bench.stage import Sandbox, configure, connection, home, run_flows, sandbox
from ml_connector.engine.process import Process
from ml_connector.records.flow import MASTER_DATA, Flow, in_order

NAME: Final = "unchanged"
CODE: Final = "U1"
ROUNDS: Final = 5
READS_GOAL: Final = 2


async def measure() -> Report:
    """Every flow once with all its records, then again and again with nothing new."""
    report = Report(
        "A run with nothing changed",
        f"""The company has 320 vendors and 84 open orders, all of them imported before, and no invoice waits. Each
        flow is run {ROUNDS} times by schedule; calls for tokens aside. A write is any call but GET that is no
        token. Time is from the order to begin until the run is finished, database and all.""",
    )
    async with sandbox() as served, home() as settings:
        await served.found(CODE, vendors=320, orders=84, invoices=0)
        await configure(settings, {NAME: connection(served, CODE)})
        process = await Process.open(settings)
        try:
            flows = in_order({*MASTER_DATA, Flow.PAYMENTS, Flow.INVOICES})
            for _ in range(2):  # what comes in with the first is nothing new to the second
                runs = await run_flows(process, NAME, flows)
                assert all(run["outcome"] == "ok" for run in runs), runs
            for flow in flows:
                await _measure_flow(report, served, process, flow)
        finally:
            await process.close()
    return report


async def _measure_flow(report: Report, served: Sandbox, process: Process, flow: Flow) -> None:
    seconds: list[float] = []
    reads: list[int] = []
    writes: list[int] = []
    for _ in range(ROUNDS):
        await served.forget_calls()
        started = time.perf_counter()
        (run,) = await run_flows(process, NAME, [flow])
        seconds.append((time.perf_counter() - started) * 1000)
        assert run["outcome"] == "ok", run
        calls = [call for made in (await served.calls()).values() for call in made if "/token" not in call["path"]]
        reads.append(sum(call["method"] == "GET" for call in calls))
        writes.append(sum(call["method"] != "GET" for call in calls))
    met = max(reads) <= READS_GOAL and max(writes) == 0
    told = f"{median(reads):.0f} reads, {median(writes):.0f} writes, {spread(seconds, 0)} ms"
    report.add(str(flow), told, f"at most {READS_GOAL} reads, no write", met=met)
