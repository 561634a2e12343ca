"""Supplier invoices into Basware: durable against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import Final
from unittest import mock

from bench.bare_visma import bare_supply
from bench.report import Report
from bench.stage import (
    BASWARE,
    NETWORK_USER,
    VISMA,
    Sandbox,
    configure,
    connection,
    home,
    network_endpoint,
    run_flows,
    sandbox,
)  # fmt: skip
from bench.transfer import LATENCY, per_invoice, tell
from ml_connector.connectors.visma_net import client
from ml_connector.engine.process import Process
from ml_connector.records.flow import MASTER_DATA, Flow, in_order
from ml_connector.store.settings import Settings

INVOICES: Final = 300
ROUNDS: Final = 3
SLOW_ROUNDS: Final = 2
CALLS_GOAL: Final = 5.0


async def measure() -> Report:
    """Alternately the product and the bare loop, each with companies of its own."""
    report = Report(
        f"{INVOICES} supplier invoices from Visma.net",
        f"""{INVOICES} supplier invoices of one to three lines with a PDF each wait in Visma.net, their suppliers are in
        Basware; the time is from the order to begin until the last one has entered the Basware Network. The product: a
        `Process` working one connection, every step in the database and the trail, each admission kept before it is
        used. {ROUNDS} rounds each, in turns, after one of each to warm up, against systems that answer as fast as they
        can; then {SLOW_ROUNDS} rounds with Visma.net taking {LATENCY * 1000:.0f} ms for every call. Requests for tokens
        and pages of the list of invoices are not counted among the calls of an invoice, the reads of what many invoices
        refer to are.""",
    )
    rates: dict[str, list[float]] = {"product": [], "bare": []}
    slow: dict[str, list[float]] = {"product": [], "bare": []}
    counted: dict[str, dict[str, float]] = {}
    # At Visma.net no limit is known but that of an hour; ours evens out bursts, and would be all that is measured.
    unlimited = replace(client.LIMITS, calls=1_000_000)
    async with sandbox() as served, home() as settings:
        with mock.patch.object(client, "LIMITS", unlimited):
            await _found(served, settings)
            process = await Process.open(settings)
            try:
                for turn in range(ROUNDS + 1 + SLOW_ROUNDS):
                    if turn == ROUNDS + 1:
                        await _slow_down(served)
                    for who in ("product", "bare"):
                        code = f"{who[0].upper()}{turn}"
                        seconds = await (_durable(process, served, code) if who == "product" else _plain(served, code))
                        await _proven(served, code)
                        if turn > ROUNDS:
                            slow[who].append(INVOICES / seconds)
                        elif turn:
                            rates[who].append(INVOICES / seconds)
                            counted[who] = per_invoice(await served.calls(), INVOICES)
            finally:
                await process.close()
    tell(report, rates, counted, calls_goal=CALLS_GOAL)
    ratio = median(slow["product"]) / median(slow["bare"])
    report.add(f"product / bare loop, calls to Visma.net of {LATENCY * 1000:.0f} ms", f"{ratio:.2f}")
    return report


async def _found(served: Sandbox, settings: Settings) -> None:
    codes = [f"{who}{turn}" for turn in range(ROUNDS + 1 + SLOW_ROUNDS) for who in "PB"]
    await served.control(VISMA, "limits", {"limit": 1_000_000})
    await served.control(BASWARE, "companies", {"codes": codes, "vendors": 320, "orders": 0, "invoices": 0})
    await served.control(VISMA, "companies", {"codes": codes, "vendors": 320, "orders": 0, "invoices": INVOICES})
    ours = {f"supply-{code.lower()}": _connection(served, code) for code in codes if code[0] == "P"}
    await configure(settings, ours)


def _connection(served: Sandbox, code: str) -> dict[str, object]:
    made = connection(served, code, ledger=VISMA)
    made["basware"] |= {
        "network_username": NETWORK_USER, "network_password": "${env:NW}", "buyer_name": "Acme",
        "buyer_endpoint": network_endpoint(code),
    }  # fmt: skip
    return made


async def _slow_down(served: Sandbox) -> None:
    fault = {"kind": "slow", "path": "^/v[12]/", "seconds": LATENCY, "count": 1_000_000}
    await served.control(VISMA, "faults", fault)


async def _durable(process: Process, served: Sandbox, code: str) -> float:
    name = f"supply-{code.lower()}"
    before = await run_flows(process, name, in_order(set(MASTER_DATA)))
    assert all(run["outcome"] == "ok" for run in before), before
    await served.forget_calls()
    started = time.perf_counter()
    (run,) = await run_flows(process, name, [Flow.SUPPLIER_INVOICES])
    seconds = time.perf_counter() - started
    assert run["outcome"] == "ok", run
    assert run["counts"]["sent"] == INVOICES, run
    return seconds


async def _plain(served: Sandbox, code: str) -> float:
    await served.forget_calls()
    started = time.perf_counter()
    async with bare_supply(served, code) as loop:
        count = await loop.transfer()
    assert count == INVOICES, count
    return time.perf_counter() - started


async def _proven(served: Sandbox, code: str) -> None:
    """Both did the whole work: every invoice is in Basware once, with its file."""
    entered = await served.control(BASWARE, f"inbound?company={code}")
    assert len(entered["inbound"]) == INVOICES, len(entered["inbound"])
    assert not entered["duplicates"], entered["duplicates"]
    assert all(each["times"] == 1 and len(each["files"]) == 1 for each in entered["inbound"])
